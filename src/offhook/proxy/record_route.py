"""Record-Route, and what comes back in Route (RFC 3261 16.4, 16.6 step 4, 16.12; RFC 5626 5.3; RFC 5658).

Our entries carry a MAC over the Call-ID, the caller's tag and the flows named beside it: only requests within a
dialog that this server set up can make it forward anything by Route. The flows are there when a side cannot be
reached by its Contact: a phone behind a NAT, or at the end of a connection that only it can open.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Final

from offhook.flow import Flow
from offhook.proxy.own import OwnNames
from offhook.sip.headers.address import NameAddr
from offhook.sip.message import Request
from offhook.sip.uri import SipUri

__all__ = ["NO_ROUTE", "OwnRoute", "RecordRoutes"]

MAC: Final = "oh-mac"
CALLER: Final = "oh-a"
CALLEE: Final = "oh-b"

_ENTRY: Final = re.compile(
    rb"<sips?:([^<>;@,]+)(?:;transport=[a-z]+)?;lr;oh-mac=([0-9a-f]+)((?:;oh-a=[\w-]+)?)((?:;oh-b=[\w-]+)?)>"
)
"""One Route value as `RecordRoutes.entry` writes it: the fast way past the grammar."""


class OwnRoute:
    """What the Route entries of a request say.

    `count` is how many topmost entries are ours and go. `proven` when they are of this dialog; else the sender put us
    there, as a phone does with its outbound proxy, and the entries are worth nothing but their removal. `flow` is the
    way to the side that a request within a dialog goes to, or None where its Contact is to be used. `leads_on` when
    further entries follow. `decides`: the route says where the request goes, rather than its Request-URI.
    """

    __slots__ = ("count", "decides", "flow", "leads_on", "proven")

    def __init__(self, count: int = 0, flow: Flow | None = None, proven: bool = False, leads_on: bool = False) -> None:
        self.count = count
        self.flow = flow
        self.proven = proven
        self.leads_on = leads_on
        self.decides = proven or leads_on


NO_ROUTE: Final = OwnRoute()
"""What a request without Route says."""
_BY_CONTACT: Final = (OwnRoute(1, None, True), OwnRoute(1, None, True))
"""What an entry says, towards callee and caller, when both are reached by their Contact."""


_MOST_EXPECTED: Final = 4096


class RecordRoutes:
    """Writes our Record-Route entries and proves them when they come back.

    Those that were written lately are known by themselves, with their Call-ID and the caller's tag; their MAC is for
    the others: of calls that stand longer, of other workers, from before a restart. Two generations: what was written
    before the younger one began to fill up is forgotten.
    """

    __slots__ = ("_expected", "_key", "_older", "_own")

    def __init__(self, secret: bytes, own: OwnNames) -> None:
        self._key = blake2b(secret, person=b"record-route").digest()
        self._own = own
        self._expected: dict[tuple[bytes, str, str], tuple[OwnRoute, OwnRoute]] = {}
        self._older: dict[tuple[bytes, str, str], tuple[OwnRoute, OwnRoute]] = {}

    def proof(self, request: Request, caller: Flow | None, callee: Flow | None) -> str:
        """The parameters that prove a dialog: the flows by which its sides are reached, None where Contact will do."""
        flows = ""
        if caller is not None:
            flows = f";{CALLER}={_packed(caller)}"
        if callee is not None:
            flows += f";{CALLEE}={_packed(callee)}"
        return f";{MAC}={self._mac(request.call_id, request.from_tag or '', flows)}{flows}"

    def entry(self, proof: str, sent_by: str, transport: str, sips: bool) -> bytes:
        """One Record-Route value; `sent_by` and `transport` are those of the side that it is written for."""
        scheme = "sips" if sips else "sip"
        way = "" if sips or transport == "UDP" else f";transport={transport.lower()}"
        return f"<{scheme}:{sent_by}{way};lr{proof}>".encode("utf-8", "surrogateescape")

    def expect(self, request: Request, entry: bytes, caller: Flow | None, callee: Flow | None) -> None:
        """Take note of the one entry that was written into a request that sets up a dialog."""
        if len(self._expected) >= _MOST_EXPECTED:
            self._older = self._expected
            self._expected = {}
        ways = _BY_CONTACT
        if caller is not None or callee is not None:
            ways = (OwnRoute(1, callee, True), OwnRoute(1, caller, True))
        self._expected[entry, request.call_id, request.from_tag or ""] = ways

    def read(self, request: Request) -> OwnRoute:
        """What the Route entries of a request say. Raises ParseError."""
        routes = request.places("route")
        if not routes:
            return NO_ROUTE
        to_tag = request.to_tag
        if to_tag is None or len(routes) > 1:
            return self._read_all(request, request.routes)
        route = request.octets("route") or b""
        written = self._written_lately(route, request.call_id, request.from_tag or "")
        if written is not None:
            return written[0]
        written = self._written_lately(route, request.call_id, to_tag)
        if written is not None:
            return written[1]
        found = _ENTRY.fullmatch(route)
        if found is not None and found.group(1) in self._own.sent_by:
            return self._read_own(request, found)
        return self._read_all(request, request.routes)

    def _written_lately(self, entry: bytes, call_id: str, tag: str) -> tuple[OwnRoute, OwnRoute] | None:
        """The ways to callee and caller of an entry of ours for a call of the one who has the tag."""
        key = (entry, call_id, tag)
        return self._expected.get(key) or self._older.get(key)

    def _read_own(self, request: Request, found: re.Match[bytes]) -> OwnRoute:
        """The one entry that a request has is ours, and written as we write it."""
        _, mac, caller, callee = found.groups()
        side = self._side(request, mac.decode("ascii"), (caller + callee).decode("ascii"))
        if not side:
            return OwnRoute(1)
        flow = callee if side == CALLEE else caller
        return OwnRoute(1, _unpacked(flow[len(CALLEE) + 2 :].decode("ascii")) if flow else None, True)

    def _read_all(self, request: Request, routes: list[NameAddr]) -> OwnRoute:
        """What the entries say, however they are written.

        Those that are ours go, whoever wrote them: a phone that sends all its requests through here loads our name as
        its first route (8.1.2). But only our MAC, made for this dialog, proves anything, and only within the dialog.
        Entries with the same proof are one pass of the request through here, which wrote one for each side; when it
        spirals, each pass has its own.
        """
        count = 0
        proof: tuple[str | None, str | None, str | None] | None = None
        flow: Flow | None = None
        for route in routes:
            uri = route.uri
            if not isinstance(uri, SipUri) or not self._own.is_listener(uri):
                break
            params = uri.params
            mac = params.get(MAC)
            if mac is not None and request.to_tag is not None:
                shown = (mac, params.get(CALLER), params.get(CALLEE))
                if proof is None:
                    towards = self._side(request, mac, _written(CALLER, shown[1]) + _written(CALLEE, shown[2]))
                    if towards:
                        proof = shown
                        flow = _unpacked(params.get(towards))
                elif shown != proof:
                    break
            count += 1
        return OwnRoute(count, flow, proof is not None, count < len(routes))

    def _side(self, request: Request, mac: str, flows: str) -> str:
        """The side that a request within the dialog goes to, CALLER or CALLEE; nothing when the MAC is of another."""
        if self._is_mac(mac, request.call_id, request.from_tag, flows):
            return CALLEE
        return CALLER if self._is_mac(mac, request.call_id, request.to_tag, flows) else ""

    def _is_mac(self, mac: str, call_id: str, tag: str | None, flows: str) -> bool:
        expected = self._mac(call_id, tag or "", flows)
        return hmac.compare_digest(mac.encode("utf-8", "surrogateescape"), expected.encode("ascii"))

    def _mac(self, call_id: str, tag: str, flows: str) -> str:
        text = f"{call_id}\n{tag}\n{flows}".encode("utf-8", "surrogateescape")
        return blake2b(text, key=self._key, digest_size=12).hexdigest()


def _written(name: str, value: str | None) -> str:
    return "" if value is None else f";{name}={value}"


def _packed(flow: Flow) -> str:
    return urlsafe_b64encode(flow.serialize().encode("utf-8", "surrogateescape")).rstrip(b"=").decode("ascii")


def _unpacked(text: str | None) -> Flow | None:
    if not text:
        return None
    octets = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    return Flow.parse(octets.decode("utf-8", "surrogateescape"))
