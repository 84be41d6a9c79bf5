"""Request forwarding (RFC 3261 16.6), for one branch; the numbers are that section's steps."""

from __future__ import annotations

from typing import Final

from offhook.errors import ProtocolError
from offhook.flow import Flow, Query, Target
from offhook.proxy.record_route import RecordRoutes
from offhook.proxy.target_uri import TargetUri
from offhook.sip.headers.address import parse_route
from offhook.sip.message import Request
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri, TelUri, parse_uri

__all__ = ["Forwarder", "query_of"]

_MAX_FORWARDS: Final = b"70"


class Forwarder:
    """Makes the copies that are sent on."""

    __slots__ = ("_record_routes",)

    def __init__(self, record_routes: RecordRoutes) -> None:
        self._record_routes = record_routes

    def copy(self, request: Request, target: TargetUri, own_routes: int, breadth: int) -> Draft:
        """Steps 1 to 3 and 5: the copy with its Request-URI, Max-Forwards, Max-Breadth, and Routes that Path asks for.

        Raises ParseError.
        """
        draft = Draft.of(request)
        if target.uri != request.request_uri:
            draft.start(request.method, target.uri)
        max_forwards = request.max_forwards
        if max_forwards is None:
            draft.add("Max-Forwards", _MAX_FORWARDS)
        else:
            draft.set("Max-Forwards", b"%d" % (max_forwards - 1))
        if breadth:
            draft.set("Max-Breadth", b"%d" % breadth)
        for _ in range(own_routes):
            draft.remove_first("Route")
        for path in reversed(target.path):
            draft.prepend("Route", path)
        return draft

    def next_hop(self, request: Request, target: TargetUri, own_routes: int) -> SipUri:
        """Step 7: the URI that decides where the copy goes: the topmost Route that is left, else the Request-URI.

        Raises ParseError, and ProtocolError 416 when no transport is known for its scheme.
        """
        uri = parse_uri(target.uri)
        if target.path:
            uri = parse_route(target.path[0]).uri
        else:
            routes = request.routes if "route" in request.keys else []
            if len(routes) > own_routes:
                uri = routes[own_routes].uri
        if isinstance(uri, SipUri):
            return uri
        if isinstance(uri, TelUri):
            raise ProtocolError("no gateway for tel URIs", status=404, clause="RFC 3261 16.5")
        raise ProtocolError("unknown URI scheme", status=416, clause="RFC 3261 16.3 step 2")

    def fix_strict_route(self, draft: Draft, request: Request, target: TargetUri, own_routes: int) -> None:
        """Step 6: where the next hop is a strict router, its URI becomes the Request-URI, which goes last in Route."""
        if target.path or "route" not in request.keys:
            return
        routes = request.routes
        if len(routes) <= own_routes:
            return
        uri = routes[own_routes].uri
        if isinstance(uri, SipUri) and not uri.lr:
            draft.remove_first("Route")
            draft.add("Route", f"<{target.uri}>")
            draft.start(request.method, uri.serialize())

    def record(
        self, draft: Draft, request: Request, arrival: Flow, came_to: str, target: TargetUri, hop: Target
    ) -> None:
        """Step 4: our Record-Route, one value, or one for each side where the sides differ (RFC 5658).

        `came_to` is what our side is called towards the caller.
        """
        caller = arrival if _needs_flow(arrival, request.octets("contact") or b"") else None
        callee = target.flow
        if callee is not None and not _needs_flow(callee, target.uri.encode("utf-8", "surrogateescape")):
            callee = None
        records = self._record_routes
        if came_to != hop.sent_by or arrival.transport != hop.transport:
            draft.prepend("Record-Route", records.entry(request, came_to, arrival.transport, caller, callee))
        draft.prepend("Record-Route", records.entry(request, hop.sent_by, hop.transport, caller, callee))


def query_of(uri: SipUri) -> Query:
    """What RFC 3263 starts from for a URI (RFC 3261 16.6 step 7)."""
    host = uri.maddr or uri.bare_host
    return Query(host, uri.port or 0, (uri.transport or "").upper(), uri.secure)


def _needs_flow(flow: Flow, contact: bytes) -> bool:
    """Whether a side is reached over its flow only: a connection that it opened, or an address its Contact lacks."""
    if flow.reliable:
        return flow.accepted
    host, port = flow.remote
    written = f"[{host}]" if ":" in host else host
    if f"{written}:{port}".encode("ascii", "replace") in contact:
        return False
    return port != 5060 or written.encode("ascii", "replace") not in contact
