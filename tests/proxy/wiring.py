"""A proxy on the virtual network, with a dictionary for a location service and scripted peers around it."""

from __future__ import annotations

from collections.abc import Callable

from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError
from offhook.flow import Flow
from offhook.proxy import OwnNames, Proxy, ProxyDomain, ProxySettings
from offhook.proxy.access import PENDING, Pending, Standing
from offhook.proxy.context import ResponseContext
from offhook.proxy.target_uri import TargetUri
from offhook.proxy.validation import Refusal
from offhook.sip.message import Request
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import Stack
from offhook.testing.network import Faults, VirtualNetwork, VirtualNode
from offhook.testing.peer import ScriptedPeer
from offhook.transaction.effects import Effect, RequestReceived
from offhook.transaction.machine import Transaction
from offhook.transaction.timers import TimerValues

PROXY = "192.0.2.10"
DOMAIN = "example.com"


class Directory:
    """The location service: targets by AOR. With `slow`, an answer has to be given by hand."""

    def __init__(self) -> None:
        self.bindings: dict[str, list[TargetUri]] = {}
        self.known: set[str] = set()
        self.slow = False
        self.asked: list[ResponseContext] = []

    def targets_now(self, aor: str, now: Moment, all_one: bool = False) -> list[TargetUri] | None:
        return None if self.slow else self.bindings.get(aor, [])

    def is_known(self, aor: str) -> bool:
        return aor in self.known

    def start(self, aor: str, context: ResponseContext, now: Moment, all_one: bool = False) -> None:
        self.asked.append(context)


class Gate:
    """Access control that says what it is told."""

    def __init__(self) -> None:
        self.verdict: Refusal | Pending | None = None
        self.waiting: list[ResponseContext] = []
        self.standings: list[Standing] = []
        self.missed: list[int] = []

    def check(self, request: Request, flow: Flow, standing: Standing, now: Moment) -> Refusal | Pending | None:
        self.standings.append(standing)
        return self.verdict

    def absent(self, request: Request, flow: Flow, status: int, now: Moment) -> None:
        self.missed.append(status)

    def start(self, request: Request, flow: Flow, context: ResponseContext, now: Moment) -> None:
        assert self.verdict is PENDING
        self.waiting.append(context)


class ProxyRole:
    """What the server's dispatch does, for requests that are the proxy's."""

    def __init__(self, stack: Stack, settings: ProxySettings | None = None, host: str = PROXY) -> None:
        own = OwnNames(frozenset((DOMAIN,)))
        own.add(host, 5060)
        self.directory = Directory()
        self.gate = Gate()
        self.domain = ProxyDomain(DOMAIN)
        domains = {DOMAIN: self.domain}
        self.proxy = Proxy(stack, domains, own, self.directory, self.gate, b"a secret", settings)

    def receive(self, event: Effect, now: Moment) -> None:
        if isinstance(event, RequestReceived):
            try:
                self.proxy.request(event.request, event.flow, now)
            except (ParseError, ProtocolError) as error:
                self.proxy.stack.refuse(event.request, event.flow, error.status)
        else:
            self.proxy.receive(event, now)


class World:
    """Alice at 192.0.2.1, the proxy, and callees at 192.0.2.101 and up."""

    def __init__(
        self,
        faults: Faults | None = None,
        settings: ProxySettings | None = None,
        seed: int = 1,
        values: TimerValues | None = None,
    ) -> None:
        self.network = VirtualNetwork(seed, faults, trace=True)
        self.proxy = self.network.add(PROXY, lambda stack: ProxyRole(stack, settings), values=values)
        self.alice = self.network.add("192.0.2.1", lambda stack: ScriptedPeer(stack, "sip:alice@192.0.2.1", None, "a"))
        self.callees: list[VirtualNode[ScriptedPeer]] = []

    @property
    def directory(self) -> Directory:
        return self.proxy.role.directory

    def unreachable(self) -> list[tuple[str, str]]:
        """What the proxy tells of next hops that it cannot reach from now on: the Call-ID and why."""
        told: list[tuple[str, str]] = []
        self.proxy.role.proxy.branches.unreachable = lambda request, why, now: told.append((request.call_id, why))
        return told

    def callee(self, *script: tuple[float, int], q: float = 1.0, transport: str = "") -> VirtualNode[ScriptedPeer]:
        """Bob gets one more phone, which answers an INVITE by the script and anything else with 200."""
        number = len(self.callees) + 101
        host = f"192.0.2.{number}"
        contact = f"sip:bob@{host}:5060" + (f";transport={transport}" if transport else "")

        def answer(request: Request) -> list[tuple[float, int]]:
            return list(script) if request.method == "INVITE" else [(0.0, 200)]

        node = self.network.add(host, lambda stack: ScriptedPeer(stack, contact, answer, f"b{number}"))
        self.callees.append(node)
        self.directory.bindings.setdefault("sip:bob@example.com", []).append(TargetUri(contact, None, (), q))
        return node

    def send(
        self,
        method: str = "INVITE",
        uri: str = "sip:bob@example.com",
        edit: Callable[[Draft], object] | None = None,
        transport: str = "UDP",
        call_id: str = "c1",
    ) -> Transaction:
        """Alice sends a request to the proxy; the client transaction is returned."""
        sent: list[Transaction] = []

        def act(now: Moment) -> None:
            draft = self.alice.role.request(method, uri, call_id)
            if edit is not None:
                edit(draft)
            sent.append(self.alice.role.send(draft, self.alice.target_to(PROXY, 5060, transport), now))

        self.alice.call(act)
        return sent[0]

    def run(self, until: float | None = None) -> None:
        self.network.run(until)

    def statuses(self) -> list[int]:
        """What Alice was answered, but for the 100s."""
        return [status for status in self.alice.role.statuses() if status != 100]

    def left(self) -> list[int]:
        """Transactions and timers that the proxy still holds."""
        transactions = self.proxy.stack.transactions
        return [len(transactions.clients), len(transactions.servers), len(transactions.timers)]


def within_dialog(world: World, method: str, routes: list[str], to_tag: str, cseq: int = 2) -> None:
    """Alice sends a request within her dialog with Bob's first phone."""
    phone = world.callees[0]

    def act(now: Moment) -> None:
        draft = world.alice.role.request(method, phone.role.contact, "c1", cseq, to_tag)
        for route in routes:
            draft.add("Route", route)
        target = world.alice.target_to(PROXY, 5060)
        if method == "ACK":
            world.alice.role.stack.send_ack(draft, target)
        else:
            world.alice.role.send(draft, target, now)

    world.alice.call(act)
    world.run(world.network.clock.monotonic + 1.0)


def answered_call(world: World) -> list[str]:
    """A call from Alice to Bob's first phone; the Record-Route values of its dialog."""
    world.callee((0.1, 200))
    world.send()
    world.run(1.0)
    return [str(route) for route in world.alice.role.responses[-1].record_routes]


def sip_uri(text: str) -> SipUri:
    uri = parse_uri(text)
    assert isinstance(uri, SipUri)
    return uri
