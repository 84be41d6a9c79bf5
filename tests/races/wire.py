"""The network of the races: what each host sends is written down in short, also when it is lost."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from offhook.flow import Flow
from offhook.sip.message import Message, Request, Response
from offhook.sip.parser import parse
from offhook.stack import FAILED, Stack
from offhook.testing.network import Faults, Role, VirtualNetwork, VirtualNode
from offhook.transaction.effects import Effect, Transmit
from offhook.transaction.timers import TimerValues

__all__ = ["DELAY", "STEP", "RacingNetwork"]

RoleType = TypeVar("RoleType", bound=Role)

DELAY: Final = 0.005
"""Seconds that a datagram is under way."""

LONGEST_REPEATED: Final = 32.0
"""Seconds that a message is sent again at most: 64*T1. What comes later is as good as new."""

STEP: Final = 0.001
"""Seconds between two events of a race: too short for anybody to have heard of the first."""


class Sent:
    """One datagram that left. `new`: the first with these octets on its way."""

    def __init__(self, time: float, sender: str, receiver: str, data: bytes, new: bool) -> None:
        self.time = time
        self.sender = sender
        self.receiver = receiver
        self.data = data
        self.new = new
        self.message = parse(data)


class Arrived:
    """One message that arrived. `expected`: it is a response that a transaction of the receiver waits for."""

    def __init__(self, time: float, receiver: str, message: Message, expected: bool) -> None:
        self.time = time
        self.receiver = receiver
        self.message = message
        self.expected = expected


class RacingNode(VirtualNode[RoleType]):
    """A host that says what it sends, also over connections that cannot be opened."""

    network: RacingNetwork

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Transmit):
            self.network.note(self.host, effect.flow.remote[0], effect.data)
        super()._carry_out(effect)

    def refuse_stream(self, flow: Flow) -> None:
        self.network.failures.append((self.network.now, self.host))
        super().refuse_stream(flow)

    def stream_ended(self, flow: Flow) -> None:
        self.network.failures.append((self.network.now, self.host))
        super().stream_ended(flow)


class RacingNetwork(VirtualNetwork):
    """Every datagram takes DELAY; `sent` has those that left, `told` (time, words) what users heard."""

    def __init__(self) -> None:
        super().__init__(1, Faults(delay=(DELAY, DELAY)), trace=True)
        self.sent: list[Sent] = []
        self.arrived: list[Arrived] = []
        self.told: list[tuple[float, str]] = []
        self.failures: list[tuple[float, str]] = []
        """When a host heard that it cannot reach somebody, or lost a connection."""
        self.mute: set[str] = set()
        """Hosts whose datagrams get lost."""
        self._seen: set[tuple[str, str, bytes]] = set()
        self._later: set[tuple[str, str | None, int]] = set()
        self._world = self.add("192.0.2.254", lambda stack: Nobody())

    def add(
        self,
        host: str,
        make_role: Callable[[Stack], RoleType],
        port: int = 5060,
        values: TimerValues | None = None,
    ) -> VirtualNode[RoleType]:
        node = RacingNode(self, host, port, make_role, values)
        self.nodes[(host, port)] = node
        return node

    def note(self, sender: str, receiver: str, data: bytes) -> None:
        """A host sends something, whatever becomes of it."""
        new = (sender, receiver, data) not in self._seen
        self._seen.add((sender, receiver, data))
        sent = Sent(self.now, sender, receiver, data, new)
        self.sent.append(sent)
        message = sent.message
        if isinstance(message, Request) and message.method == "INVITE" and message.to_tag is not None:
            self._later.add(_invite_of(message))

    def transmit(self, node: VirtualNode[Any], flow: Flow, data: bytes) -> None:
        if node.host not in self.mute:
            super().transmit(node, flow, data)

    def _arrive(self, sender: VirtualNode[Any], receiver: VirtualNode[Any], flow: Flow, data: bytes) -> None:
        if flow.reliable and flow.key not in receiver.streams:
            return  # it was under way when its connection broke
        message = parse(data)
        expected = isinstance(message, Response) and receiver.stack.transactions.match_response(message) is not None
        self.arrived.append(Arrived(self.now, receiver.host, message, expected))
        super()._arrive(sender, receiver, flow, data)

    @property
    def now(self) -> float:
        return self.clock.monotonic

    def tell(self, said: str) -> None:
        """A user heard something."""
        self.told.append((self.now, said))

    def when(self, time: float, act: Callable[[], None]) -> None:
        """Let something happen at a second."""
        self.at(time - self.now, self._world, act)

    def again(self, sender: str, node: VirtualNode[Any], in_time: bool = False) -> None:
        """What came last from a host to another comes once more; `in_time`: not if nobody would send it any more."""
        assert self.trace is not None
        for time, one, other, data in reversed(self.trace):
            if (one, other) == (sender, node.host):
                if in_time and self.now - time > LONGEST_REPEATED:
                    return
                self._arrive(self.nodes[(sender, 5060)], node, _flow(node, sender), data)
                node.flush()
                return

    def unreachable(self, node: VirtualNode[Any], host: str) -> None:
        """A host hears that it cannot reach another (ICMP)."""
        self.failures.append((self.now, node.host))
        node.call(partial(node.stack.flow_changed, _flow(node, host), FAILED, "unreachable"))

    def shown(self, sender: str, receiver: str, start: float, end: float = float("inf"), link: str = "") -> list[str]:
        """What one host sent to another from `start` to before `end`, each message once: with a + if it went again.

        A message that went before `start` already has its + too. `link` is the tag of which nothing is said.
        """
        sent = [one for one in self.sent if one.sender == sender and one.receiver == receiver]
        found: dict[bytes, str] = {}
        for one in sent:
            if start <= one.time < end and one.data not in found:
                again = sum(other.data == one.data and other.time < end for other in sent) > 1
                found[one.data] = self._words(one.message, link) + ("+" if again else "")
        return list(found.values())

    def _words(self, message: Message, link: str) -> str:
        """A message in short: its method, or status and method; "re-" within a dialog, "#" which callee."""
        method = message.cseq_method
        tags = (message.to_tag or "", message.from_tag or "")
        mark = next((f"#{tag[6:]}" for tag in tags if tag.startswith("callee") and tag != link), "")
        again = "re-" if method in ("INVITE", "ACK") and _invite_of(message) in self._later else ""
        if not isinstance(message, Response):
            return again + method + mark
        what = "" if method == "INVITE" and not again else f" {again}{method}"
        return f"{message.status}{what}{mark}"


def _invite_of(message: Message) -> tuple[str, str | None, int]:
    """What an INVITE has in common with its responses and ACKs."""
    return message.call_id, message.from_tag, message.cseq_number


def _flow(node: VirtualNode[Any], host: str) -> Flow:
    return Flow("UDP", f"udp:{node.host}:5060", (node.host, 5060), (host, 5060))


class Nobody:
    """A role that gets nothing."""

    def receive(self, event: object, now: object) -> None:
        raise AssertionError(f"{event} came to nobody")
