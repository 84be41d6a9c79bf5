"""Whole calls in a race: user agents of ours at all ends, a proxy of ours between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from offhook.clock import Moment
from offhook.errors import InvalidState, ProtocolError, SipError
from offhook.proxy.target_uri import TargetUri
from offhook.sip.uri import SipUri, parse_uri
from offhook.testing.network import VirtualNode
from offhook.ua.accept import ServerInvite
from offhook.ua.invite_call import InviteCall
from offhook.ua.settings import Settings
from tests.proxy.wiring import PROXY, ProxyRole
from tests.races.agents import PATIENCE, SILENCE
from tests.races.invariants import of_agent, of_proxy
from tests.races.wire import RacingNetwork
from tests.ua.household import Phone, aor

__all__ = ["EVENTS", "CallWorld"]

EVENTS: Final = ("ring", "answer", "refuse", "hang up", "hold", "silence", "blink", "failure", "again")

BLINK: Final = 0.7
"""Seconds of a short silence: something has to be sent again, and nothing ends."""

CALLER: Final = "192.0.2.1"

MATCHING: Final = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
    None: None,
}
"""What a direction is at the other end (RFC 3264 6.1)."""


class CallWorld:
    """Who calls is number 0, who is called 1 and up. `transports` are theirs, in that order."""

    def __init__(self, transports: Sequence[str]) -> None:
        self.network = RacingNetwork()
        self.network.name("example.com", (PROXY, 5060))
        self.proxy: VirtualNode[ProxyRole] = self.network.add(PROXY, ProxyRole)
        self.transports = transports
        self.hosts = [CALLER, *[f"192.0.2.{101 + number}" for number in range(len(transports) - 1)]]
        self.phones = [self._phone(host, transport) for host, transport in zip(self.hosts, transports, strict=True)]
        self.disagreements: list[str] = []
        self.wishes = 0
        self.outcomes = 0
        targets = []
        for host, transport in zip(self.hosts[1:], transports[1:], strict=True):
            parameter = "" if transport == "UDP" else f";transport={transport.lower()}"
            targets.append(TargetUri(f"sip:bob@{host}:5060{parameter}"))
        self.proxy.role.directory.bindings["sip:bob@example.com"] = targets

    def order(self, talking: bool, events: Sequence[tuple[float, str, int]]) -> None:
        """Let events happen to the ends with these numbers, each so many seconds behind the one before.

        `talking`: the first that is called has answered before. What cannot be then is left out. In the end all users
        hang up.
        """
        network = self.network
        network.when(0.0, self._call_bob)
        time = 0.0
        if talking:
            time = 0.2
            network.when(0.1, partial(self._happen, "answer", 1))
        for gap, event, number in events:
            time += gap
            network.when(time, partial(self._happen, event, number % len(self.phones)))
        end = time + SILENCE + PATIENCE
        network.when(end, network.heal)
        network.when(end + PATIENCE / 2, partial(self._compare, {event for _, event, _ in events}))
        for number in range(len(self.phones)):
            network.when(end + PATIENCE, partial(self._happen, "hang up", number))
        network.run()

    def faults(self) -> Iterator[str]:
        """All that is wrong after an order."""
        yield from of_proxy(self.network, PROXY, CALLER)
        table = self.proxy.stack.transactions
        if table.clients or table.servers or len(table.timers) or table.over_flow:
            yield f"the proxy still has {table.clients}, {table.servers}, {len(table.timers)} timers"
        for host, phone in zip(self.hosts, self.phones, strict=True):
            yield from (f"{host}: {wrong}" for wrong in of_agent(self.network, host))
            if phone.left != (0, 0, 0, 0, 0) or not phone.core.idle:
                yield f"{host} still has {phone.left} calls, dialogs, transactions and timers"
            yield from (f"{host}: port {port.port} is open" for port in phone.media.ports if not port.closed)
            yield from (f"{host}: {wrong}" for wrong in _told(phone))
        yield from self.disagreements
        if self.outcomes != self.wishes:
            yield f"{self.wishes} wishes to hold have {self.outcomes} outcomes"

    # Within

    def _compare(self, events: set[str]) -> None:
        """Both ends of a call that stands know of each other, and what one sends the other wants to get."""
        caller = self.phones[0]
        answered = [phone for phone in self.phones[1:] if phone.got and phone.got[-1].answered]
        own = self._call(caller)
        partners = []
        if own is not None and own.session is not None and own.answered:
            tag = own.session.dialog.remote_tag
            partners = [phone for phone in answered if _tag(phone) == tag]
            if partners and MATCHING[caller.port.direction] != partners[0].port.direction:
                self.disagreements.append(f"one is {caller.port.direction}, the other {partners[0].port.direction}")
        # A connection that breaks takes with it what was under way, and nobody sends that again.
        if not events & {"silence", "failure", "blink" if "TCP" in self.transports else ""}:
            if own is not None and own.answered and not partners:
                self.disagreements.append("the call stands at the caller alone")
            self.disagreements += [f"the call stands at {_tag(one)} alone" for one in answered if one not in partners]

    def _phone(self, host: str, transport: str) -> Phone:
        proxy = parse_uri(f"sip:{PROXY};transport={transport.lower()};lr")
        assert isinstance(proxy, SipUri)
        return Phone(self.network, "bob", host, Settings(aor("bob"), outbound_proxy=proxy, longest_call=3600.0))

    def _call_bob(self) -> None:
        self.phones[0].invite(parse_uri("sip:bob@example.com"))

    def _heal_one(self) -> None:
        if self.network.partitions:
            self.network.partitions.pop(0)

    def _happen(self, event: str, number: int) -> None:
        phone, host = self.phones[number], self.hosts[number]
        network = self.network
        if event in ("silence", "blink"):
            network.partition({host}, {PROXY})
            lasts = SILENCE if event == "silence" else BLINK
            network.at(lasts, self.proxy, self._heal_one)
        elif event == "failure":
            self._fail(number)
        elif event == "again":
            if self.transports[number] == "UDP":
                network.again(PROXY, phone.node, in_time=True)
                network.again(host, self.proxy, in_time=True)
        else:
            call = self._call(phone)
            if call is not None:
                with suppress(InvalidState, ProtocolError):
                    phone.do(partial(self._act, event, call))
                phone.node.flush()

    def _fail(self, number: int) -> None:
        """The connections of an end break; where it has none, both sides hear that the other cannot be reached."""
        phone = self.phones[number]
        if self.transports[number] == "UDP":
            self.network.unreachable(phone.node, PROXY)
            self.network.unreachable(self.proxy, self.hosts[number])
        for key in list(phone.node.streams):
            phone.node.break_stream(key)

    def _call(self, phone: Phone) -> InviteCall | None:
        if phone.got:
            return phone.got[-1]
        return next(iter(phone.core.calls), None)

    def _act(self, event: str, call: InviteCall, now: Moment) -> None:
        if event == "hang up":
            call.hang_up(now)
        elif event == "hold":
            self._hold(call, now)
        elif isinstance(call, ServerInvite):
            acts: dict[str, Callable[[Moment], None]] = {
                "ring": call.ring,
                "answer": call.answer,
                "refuse": partial(call.refuse, 486),
            }
            acts[event](now)

    def _hold(self, call: InviteCall, now: Moment) -> None:
        try:
            call.hold(True, self._held, now)
        except InvalidState:
            return
        self.wishes += 1

    def _held(self, error: SipError | None, now: Moment) -> None:
        self.outcomes += 1


def _tag(phone: Phone) -> str:
    session = phone.got[-1].session
    return "" if session is None else session.dialog.local_tag


def _told(phone: Phone) -> Iterator[str]:
    """A user hears of one answer at most and of one end, which is the last that he hears."""
    ends = [number for number, said in enumerate(phone.heard) if said.startswith("ended")]
    if phone.media.ports and len(ends) != 1:
        yield f"its user heard {phone.heard}"
    elif ends and ends[0] != len(phone.heard) - 1:
        yield f"its user heard {phone.heard}"
    if phone.heard.count("answered") > 1:
        yield f"its user heard {phone.heard}"
