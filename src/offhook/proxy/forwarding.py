"""Request forwarding (RFC 3261 16.6), for one branch; the numbers are that section's steps."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from offhook.errors import ParseError, ProtocolError
from offhook.flow import Flow, Query, Target
from offhook.proxy.passage import Passage
from offhook.proxy.record_route import NO_ROUTE, OwnRoute, Parties, RecordRoutes, side
from offhook.proxy.target_uri import TargetUri
from offhook.sip.headers.address import Contact, parse_route
from offhook.sip.headers.auth import parse_credentials
from offhook.sip.message import Request
from offhook.sip.serializer import Draft
from offhook.sip.uri import OtherUri, SipUri, TelUri, parse_uri

__all__ = ["Forwarder", "query_of"]

Uri = SipUri | TelUri | OtherUri

_MAX_FORWARDS: Final = 70
_MAX_FORWARDS_LINES: Final = [b"Max-Forwards: %d" % number for number in range(256)]
_LONGEST_REMEMBERED: Final = 128
_BEFORE_ADDRESS: Final = b"@:;=/ <"
_BEHIND_ADDRESS: Final = b";>?, "


class Forwarder:
    """Makes the copies that are sent on.

    `realms` are those that this proxy asks for credentials in; `record_route`: dialogs come back through us.
    """

    __slots__ = ("_realms", "_record_routes", "_stays")

    def __init__(
        self, record_routes: RecordRoutes, realms: frozenset[str] = frozenset(), record_route: bool = True
    ) -> None:
        self._record_routes = record_routes
        self._realms = realms
        self._stays = record_route

    def draft(self, passage: Passage, target: TargetUri, breadth: int, hop: Target) -> Draft:
        """Steps 1 to 6: the copy that goes to a target by a hop. Raises ParseError and ProtocolError."""
        draft = self.copy(passage, target, breadth)
        route = self.next_route(passage.request, target, passage.routed)
        if passage.dialog_forming:
            sips = target.sips or (isinstance(route, SipUri) and route.secure)
            # Where TLS begins or ends this proxy must stay in the way.
            if self._stays or sips != passage.arrival.secure:
                self.record(draft, passage, target, hop, sips)
        if route is not None:
            _fix_strict_route(draft, passage.request, target, route)
        return draft

    def copy(self, passage: Passage, target: TargetUri, breadth: int) -> Draft:
        """Steps 1 to 3 and 5: the copy with its Request-URI, Max-Forwards, Max-Breadth, and Routes that Path asks for.

        Credentials for this proxy end here (20.28, 22.3): whoever is called could use them again. Raises ParseError.
        """
        request = passage.request
        routed = passage.routed
        draft = Draft.of(request)
        if target.uri != request.request_uri:
            draft.start(request.method, target.uri)
        given = request.max_forwards
        draft.put_line("max-forwards", _MAX_FORWARDS_LINES[_MAX_FORWARDS if given is None else given - 1])
        if breadth:
            draft.put_line("max-breadth", b"Max-Breadth: %d" % breadth)
        if routed.leads_on:
            for _ in range(routed.count):
                draft.remove_first("Route")
        elif routed.count:
            draft.remove("Route")
        for path in reversed(target.path):
            draft.prepend("Route", path)
        if self._realms and request.holds("proxy-authorization"):
            draft.remove_where("Proxy-Authorization", self._is_for_us)
        return draft

    def record(self, draft: Draft, passage: Passage, target: TargetUri, hop: Target, sips: bool) -> None:
        """Step 4: our Record-Route, one value, or one for each side where the sides differ (RFC 5658).

        `sips`: the copy has a sips URI where the next hop looks first.
        """
        request = passage.request
        arrival = passage.arrival
        came_to = passage.came_to
        caller = arrival if _is_first_hop(request) and _needs_flow(arrival, request.octets("contact") or b"") else None
        callee = target.flow
        if callee is not None and not _needs_flow(callee, target.uri.encode("utf-8", "surrogateescape")):
            callee = None
        parties = Parties(caller, callee, self.sides(passage, target, hop), passage.stateless)
        records = self._record_routes
        proof = records.proof(request, parties)
        entry = records.entry(proof, hop.sent_by, hop.transport, sips)
        if came_to != hop.sent_by or arrival.transport != hop.transport:
            # 5658 has no rewriting; what came without TLS comes back without it, or it would not find us (step 4).
            came_sips = arrival.secure and request.raw_uri[:5].lower() == b"sips:"
            _push(draft, records.entry(proof, came_to, arrival.transport, came_sips))
        else:
            records.expect(request, entry, parties)
        _push(draft, entry)

    def sides(self, passage: Passage, target: TargetUri, hop: Target) -> str:
        """Which sides of a dialog are ours and how they are reached, for our Record-Route; empty when none is.

        By their addresses, and by the hosts that requests within the dialog will name: those of Path, Record-Route and
        Contact. Raises ParseError and ProtocolError.
        """
        request = passage.request
        arrival = passage.arrival
        caller = callee = ""
        if passage.caller_ours:
            address = arrival.remote[0]
            # The address of a phone that sends to us itself is in its Contact, or its flow is kept.
            direct = _is_first_hop(request) and (arrival.accepted or not arrival.reliable)
            caller = side(address) if direct else side(address, *_names_of_caller(request))
        if passage.callee_ours:
            name = self.next_hop(request, target, passage.routed).host
            # Behind an edge there may be a telephone number, which has no host.
            sip = target.path and (target.sips or target.uri[:4].lower() == "sip:")
            behind = self.next_hop(request, TargetUri(target.uri), NO_ROUTE).host if sip else ""
            callee = side(hop.host, name, behind)
        return f"{caller}/{callee}" if caller or callee else ""

    def next_route(self, request: Request, target: TargetUri, routed: OwnRoute) -> Uri | None:
        """The topmost Route of the copy: of the Path of the target, else what is left of the request's own."""
        if target.path:
            return parse_route(target.path[0]).uri
        return request.routes[routed.count].uri if routed.leads_on else None

    def next_hop(self, request: Request, target: TargetUri, routed: OwnRoute) -> Query:
        """Step 7: what RFC 3263 starts from, the topmost Route of the copy, else its Request-URI.

        Over TLS alone whenever the Request-URI is sips, whatever the Route is. Raises ParseError, and ProtocolError:
        404 for a telephone number, 416 when nothing is known of the scheme.
        """
        route = self.next_route(request, target, routed)
        if route is not None:
            return _query(route, target.secure)
        text = target.uri
        if len(text) <= _LONGEST_REMEMBERED:
            return _remembered(text, target.secure)
        return _query(parse_uri(text), target.secure)

    def _is_for_us(self, credentials: str) -> bool:
        try:
            return parse_credentials(credentials).realm in self._realms
        except ParseError:
            # What cannot be read proves nothing to anybody, and is not this proxy's to judge.
            return False


def query_of(uri: SipUri, secure: bool = False) -> Query:
    """What RFC 3263 starts from for a URI (RFC 3261 16.6 step 7); with `secure`, TLS even where its scheme is sip."""
    host = uri.maddr or uri.bare_host
    return Query(host, uri.port or 0, (uri.transport or "").upper(), secure or uri.secure)


def _query(uri: Uri, secure: bool) -> Query:
    if isinstance(uri, SipUri):
        return query_of(uri, secure)
    if isinstance(uri, TelUri):
        raise ProtocolError("no gateway for tel URIs", status=404, clause="RFC 3261 16.5")
    raise ProtocolError("unknown URI scheme", status=416, clause="RFC 3261 16.3 step 2")


# The same phones and trunks are called again and again.
@lru_cache(maxsize=4096)
def _remembered(text: str, secure: bool) -> Query:
    return _query(parse_uri(text), secure)


def _fix_strict_route(draft: Draft, request: Request, target: TargetUri, route: Uri) -> None:
    """Step 6: where the next hop is a strict router, its URI becomes the Request-URI, which goes last in Route."""
    if isinstance(route, SipUri) and not route.lr:
        draft.remove_first("Route")
        draft.add("Route", f"<{target.uri}>")
        draft.start(request.method, route.without_headers().without_param("method").serialize())


def _push(draft: Draft, entry: bytes) -> None:
    draft.push_line("record-route", b"Record-Route: " + entry)


def _names_of_caller(request: Request) -> tuple[str, str]:
    """The hosts that requests to a caller will be sent to: its last proxy's that records its route, and its own."""
    try:
        uris = [route.uri for route in request.record_routes[:1]]
        uris += [contact.uri for contact in request.contacts[:1] if isinstance(contact, Contact)]
    except ParseError:
        # What a proxy need not read is no reason to refuse anything.
        return "", ""
    hosts = [query_of(uri).host for uri in uris if isinstance(uri, SipUri)]
    return hosts[0] if hosts else "", hosts[1] if len(hosts) > 1 else ""


def _is_first_hop(request: Request) -> bool:
    """Whether the request came from the caller itself: then the flow that it came by is the caller's (RFC 5626 5.1)."""
    return not request.top_via.more and len(request.places("via")) == 1


def _needs_flow(flow: Flow, contact: bytes) -> bool:
    """Whether a side is reached over its flow only: a connection that it opened, or an address its Contact lacks."""
    if flow.reliable:
        return flow.accepted
    host, port = flow.remote
    written = (f"[{host}]" if ":" in host else host).encode("ascii", "replace")
    return not _names(contact, b"%b:%d" % (written, port)) and not (port == 5060 and _names(contact, written))


def _names(contact: bytes, address: bytes) -> bool:
    """Whether an address stands in a Contact, not as a part of another."""
    start = contact.find(address)
    if start < 0:
        return False
    end = start + len(address)
    return (start == 0 or contact[start - 1] in _BEFORE_ADDRESS) and (
        end == len(contact) or contact[end] in _BEHIND_ADDRESS
    )
