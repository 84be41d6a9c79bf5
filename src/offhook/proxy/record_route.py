"""Record-Route, and what comes back in Route (RFC 3261 16.4, 16.6 step 4, 16.12; RFC 5626 5.3; RFC 5658).

Our entries carry a MAC over the Call-ID, the caller's tag and what stands beside it: the flows and the hosts of the
dialog's sides. Only requests within a dialog that this server set up can make it forward anything by Route.

The flows are there when a side cannot be reached by its Contact: a phone behind a NAT, or at the end of a connection
that only it can open. The hosts are those of the sides that are ours: a caller who was authenticated or is trusted, a
callee whom the location service or a domain's fallback named. Each is written as the address by which the side was
reached, with the names by which it is called where they are others; a foreign side is not written. For both sides have
the entry, and it shows neither where a request comes from nor where it should go: `standing` judges that by the hosts.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from offhook.flow import Flow
from offhook.proxy.own import OwnNames
from offhook.recent import Recent
from offhook.sip.headers.address import NameAddr
from offhook.sip.host import host_key
from offhook.sip.message import Request
from offhook.sip.uri import SipUri

__all__ = ["NO_ROUTE", "OwnRoute", "Parties", "RecordRoutes", "side"]

MAC: Final = "oh-mac"
STATELESS: Final = "oh-s"
SIDES: Final = "oh-p"
CALLER: Final = "oh-a"
CALLEE: Final = "oh-b"

_ENTRY: Final = re.compile(
    rb"<sips?:([^<>;@,]+)(?:;transport=[a-z]+)?;lr;oh-mac=([0-9a-f]+)"
    rb"((?:;oh-s=1)?)((?:;oh-p=[\w.:~+/-]+)?)((?:;oh-a=[\w-]+)?)((?:;oh-b=[\w-]+)?)>"
)
"""One Route value as `RecordRoutes.entry` writes it: the fast way past the grammar."""
_HOST: Final = re.compile(r"[\w.:~-]+", re.ASCII)
_LONGEST_HOST: Final = 64


class OwnRoute:
    """What the Route entries of a request say.

    `count` is how many topmost entries are ours and go. `proven` when they are of this dialog; else the sender put us
    there, as a phone does with its outbound proxy, and the entries are worth nothing but their removal. `flow` is the
    way to the side that a request within a dialog goes to, or None where its Contact is to be used. `leads_on` when
    further entries follow. `decides`: the route says where the request goes, rather than its Request-URI.

    Of a proven dialog, `stateless` tells that nothing is kept of what passes within it, `by_caller` that the sender
    says to be its caller, `sender` is the address by which the sender's side was reached when it was set up, and
    `receiver` what `side` wrote for the other one; both are empty for a side that is not ours.
    """

    __slots__ = ("by_caller", "count", "decides", "flow", "leads_on", "proven", "receiver", "sender", "stateless")

    def __init__(self, count: int = 0, flow: Flow | None = None, proven: bool = False, leads_on: bool = False) -> None:
        self.count = count
        self.flow = flow
        self.proven = proven
        self.leads_on = leads_on
        self.decides = proven or leads_on
        self.stateless = False
        self.by_caller = False
        self.sender = ""
        self.receiver = ""

    def between(self, by_caller: bool, first: str, last: str, stateless: bool) -> OwnRoute:
        """Take note of the sides of the dialog, as `RecordRoutes.proof` got them for its first pass and its last."""
        self.stateless = stateless
        sender = first.partition("/")[0 if by_caller else 2]
        # The zone of an address that is local to a link stands behind "~".
        self.sender = sender.partition("+")[0].replace("~", "%")
        self.receiver = last.partition("/")[2 if by_caller else 0]
        self.by_caller = by_caller
        return self

    def leads_to(self, host: str) -> bool:
        """Whether the side that the request goes to is ours and reached by that host."""
        receiver = self.receiver
        return receiver != "" and (receiver == host or host_key(host) in receiver.split("+"))


class Parties:
    """What an entry says of a dialog: the flows by which its sides are reached, None where Contact will do.

    `sides` are caller and callee as `side` writes them, with "/" between, or empty when neither is ours. `stateless`:
    nothing is kept of what passes within the dialog.
    """

    __slots__ = ("callee", "caller", "sides", "stateless")

    def __init__(
        self, caller: Flow | None = None, callee: Flow | None = None, sides: str = "", stateless: bool = False
    ) -> None:
        self.caller = caller
        self.callee = callee
        self.sides = sides
        self.stateless = stateless


NO_ROUTE: Final = OwnRoute()
"""What a request without Route says."""

_MOST_EXPECTED: Final = 4096
_LONGEST_EXPECTED: Final = 128
_LONGEST_ENTRY: Final = 512


@lru_cache(maxsize=4096)
def side(address: str, name: str = "", further: str = "") -> str:
    """A side as an entry writes it: its numeric address, and the names by which it is called where they are others.

    Empty for an address that cannot be written; such a name is left out.
    """
    hosts = [address.replace("%", "~")]
    for other in (host_key(name), host_key(further)):
        if other not in hosts and len(other) <= _LONGEST_HOST and _HOST.fullmatch(other) is not None:
            hosts.append(other)
    return "+".join(hosts) if _HOST.fullmatch(hosts[0]) is not None else ""


class RecordRoutes:
    """Writes our Record-Route entries and proves them when they come back.

    Those that were written lately are known by themselves, with their Call-ID and the caller's tag; their MAC is for
    the others: of calls that stand longer, of other workers, from before a restart.
    """

    __slots__ = ("_expected", "_key", "_own")

    def __init__(self, secret: bytes, own: OwnNames) -> None:
        self._key = blake2b(secret, person=b"record-route").digest()
        self._own = own
        self._expected: Recent[tuple[bytes, str, str], tuple[OwnRoute, OwnRoute]] = Recent(_MOST_EXPECTED)

    def proof(self, request: Request, parties: Parties) -> str:
        """The parameters that prove a dialog."""
        shown = f";{STATELESS}=1" if parties.stateless else ""
        if parties.sides:
            shown += f";{SIDES}={parties.sides}"
        if parties.caller is not None:
            shown += f";{CALLER}={_packed(parties.caller)}"
        if parties.callee is not None:
            shown += f";{CALLEE}={_packed(parties.callee)}"
        return f";{MAC}={self._mac(request.call_id, request.from_tag or '', shown)}{shown}"

    def entry(self, proof: str, sent_by: str, transport: str, sips: bool) -> bytes:
        """One Record-Route value; `sent_by` and `transport` are those of the side that it is written for."""
        scheme = "sips" if sips else "sip"
        way = "" if sips or transport == "UDP" else f";transport={transport.lower()}"
        return f"<{scheme}:{sent_by}{way};lr{proof}>".encode("utf-8", "surrogateescape")

    def expect(self, request: Request, entry: bytes, parties: Parties) -> None:
        """Take note of the one entry that was written into a request that sets up a dialog.

        What is longer than anybody needs is not kept: a stranger chooses the Call-ID and the tag.
        """
        call_id = request.call_id
        tag = request.from_tag or ""
        if len(call_id) > _LONGEST_EXPECTED or len(tag) > _LONGEST_EXPECTED or len(entry) > _LONGEST_ENTRY:
            return
        by_contact = parties.caller is None and parties.callee is None
        ways = _by_contact(parties.sides, parties.stateless) if by_contact else _ways(parties)
        self._expected.note((entry, call_id, tag), ways)

    def read(self, request: Request) -> OwnRoute:
        """What the Route entries of a request say. Raises ParseError."""
        routes = request.places("route")
        if not routes:
            return NO_ROUTE
        to_tag = request.to_tag
        if to_tag is None or len(routes) > 1:
            return self._read_all(request, request.routes)
        route = request.octets("route") or b""
        written = self._expected.get((route, request.call_id, request.from_tag or ""))
        if written is not None:
            return written[0]
        written = self._expected.get((route, request.call_id, to_tag))
        if written is not None:
            return written[1]
        found = _ENTRY.fullmatch(route)
        if found is not None and found.group(1) in self._own.sent_by:
            return self._read_own(request, found)
        return self._read_all(request, request.routes)

    def _read_own(self, request: Request, found: re.Match[bytes]) -> OwnRoute:
        """The one entry that a request has is ours, and written as we write it."""
        _, mac, stateless, sides, caller, callee = found.groups()
        towards = self._side(request, mac.decode("ascii"), (stateless + sides + caller + callee).decode("ascii"))
        if not towards:
            return OwnRoute(1)
        flow = callee if towards == CALLEE else caller
        way = _unpacked(flow[len(CALLEE) + 2 :].decode("ascii")) if flow else None
        parties = sides[len(SIDES) + 2 :].decode("ascii")
        return OwnRoute(1, way, True).between(towards == CALLEE, parties, parties, bool(stateless))

    def _read_all(self, request: Request, routes: list[NameAddr]) -> OwnRoute:
        """What the entries say, however they are written.

        Those that are ours go, whoever wrote them: a phone that sends all its requests through here loads our name as
        its first route (8.1.2). But only our MAC, made for this dialog, proves anything, and only within the dialog.
        Entries with the same proof are one pass of the request through here, which wrote one for each side. Where it
        came back from ourselves each pass has its own; a request within the dialog need not go round again: the first
        pass knows the side that it comes from, the last one that which it goes to.
        """
        count = 0
        proof: tuple[str | None, ...] | None = None
        towards = first = last = ""
        stateless = False
        flow: Flow | None = None
        for route in routes:
            uri = route.uri
            if not isinstance(uri, SipUri) or not self._own.is_listener(uri):
                break
            params = uri.params
            mac = params.get(MAC)
            if mac is not None and request.to_tag is not None:
                sides, caller, callee = params.get(SIDES), params.get(CALLER), params.get(CALLEE)
                kept = params.get(STATELESS)
                shown = (mac, kept, sides, caller, callee)
                if shown != proof:
                    covered = _written(STATELESS, kept) + _written(SIDES, sides)
                    covered += _written(CALLER, caller) + _written(CALLEE, callee)
                    found = self._side(request, mac, covered)
                    if towards and found != towards:
                        break
                    if found:
                        last = sides or ""
                        first = first if towards else last
                        proof, towards, stateless = shown, found, kept is not None
                        flow = _unpacked(callee if found == CALLEE else caller)
            count += 1
        own = OwnRoute(count, flow, proof is not None, count < len(routes))
        return own.between(towards == CALLEE, first, last, stateless)

    def _side(self, request: Request, mac: str, shown: str) -> str:
        """The side that a request within the dialog goes to, CALLER or CALLEE; nothing when the MAC is of another."""
        if self._is_mac(mac, request.call_id, request.from_tag, shown):
            return CALLEE
        return CALLER if self._is_mac(mac, request.call_id, request.to_tag, shown) else ""

    def _is_mac(self, mac: str, call_id: str, tag: str | None, shown: str) -> bool:
        expected = self._mac(call_id, tag or "", shown)
        return hmac.compare_digest(mac.encode("utf-8", "surrogateescape"), expected.encode("ascii"))

    def _mac(self, call_id: str, tag: str, shown: str) -> str:
        text = f"{call_id}\n{tag}\n{shown}".encode("utf-8", "surrogateescape")
        return blake2b(text, key=self._key, digest_size=12).hexdigest()


def _ways(parties: Parties) -> tuple[OwnRoute, OwnRoute]:
    """What one entry says towards callee and caller."""
    sides, stateless = parties.sides, parties.stateless
    return (
        OwnRoute(1, parties.callee, True).between(True, sides, sides, stateless),
        OwnRoute(1, parties.caller, True).between(False, sides, sides, stateless),
    )


# The same phones and trunks call each other again and again.
@lru_cache(maxsize=4096)
def _by_contact(sides: str, stateless: bool) -> tuple[OwnRoute, OwnRoute]:
    """The same, when both sides are reached by their Contact."""
    return _ways(Parties(None, None, sides, stateless))


def _written(name: str, value: str | None) -> str:
    return "" if value is None else f";{name}={value}"


def _packed(flow: Flow) -> str:
    return urlsafe_b64encode(flow.serialize().encode("utf-8", "surrogateescape")).rstrip(b"=").decode("ascii")


def _unpacked(text: str | None) -> Flow | None:
    if not text:
        return None
    octets = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    return Flow.parse(octets.decode("utf-8", "surrogateescape"))
