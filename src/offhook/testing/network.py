"""A virtual network: whole engines talk to each other in virtual time, with faults, and every run repeats exactly.

    network = VirtualNetwork(seed=1, faults=Faults(loss=0.2))
    alice = network.add("192.0.2.1", lambda stack: MyRole(stack))
    bob = network.add("192.0.2.2", lambda stack: OtherRole(stack))
    alice.call(lambda now: alice.role.invite(bob, now))
    network.run(until=60)

A role is any object with `receive(event, now)`. Datagrams may be lost, delayed, doubled, overtaken and cut off by a
partition; streams keep order and lose nothing while they stand, but break at a partition and a crash.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Generic, Protocol, TypeVar

from offhook.clock import Moment
from offhook.errors import ResolveFailed
from offhook.flow import Flow, Query, Target
from offhook.ids import IdSource
from offhook.stack import CLOSED, CONNECTED, FAILED, Stack
from offhook.testing.clock import VirtualClock
from offhook.transaction.effects import Close, Connect, Effect, Resolve, Transmit
from offhook.transaction.timers import TimerValues

__all__ = ["Faults", "Role", "VirtualNetwork", "VirtualNode"]


class Role(Protocol):
    """What decides for an engine."""

    def receive(self, event: Effect, now: Moment) -> None:
        """Take one event of the engine."""


RoleType = TypeVar("RoleType", bound=Role)


class Faults:
    """What happens to datagrams: the chance of `loss` and of `duplication` (0 to 1), and how long one is under way.

    `delay` is (least, most) in seconds; datagrams overtake each other when the span is wide.
    """

    __slots__ = ("delay", "duplication", "loss")

    def __init__(
        self, loss: float = 0.0, duplication: float = 0.0, delay: tuple[float, float] = (0.001, 0.001)
    ) -> None:
        self.loss = loss
        self.duplication = duplication
        self.delay = delay


class VirtualNode(Generic[RoleType]):
    """One host: an address, an engine, and the role that decides for it.

    `streams` holds, by the key of each of its flows, the node at the other end and the flow there.
    """

    def __init__(
        self,
        network: VirtualNetwork,
        host: str,
        port: int,
        make_role: Callable[[Stack], RoleType],
        values: TimerValues | None,
    ) -> None:
        self.network = network
        self.host = host
        self.port = port
        self.alive = True
        number, boot = network.place(host, port)
        # After a restart nothing that was used before is used again.
        ids = IdSource.seeded(f"{network.seed}/{host}:{port}/{boot}", origin=f"{number}.0.{boot}")
        self.stack = Stack(ids, b"secret of the simulation", self._resolve_now, values)
        self.role = make_role(self.stack)
        self._make_role = make_role
        self._values = values
        self.streams: dict[str, tuple[VirtualNode[Any], Flow]] = {}
        self._refused: set[str] = set()
        self._armed: float | None = None

    def target_to(self, host: str, port: int, transport: str = "UDP") -> Target:
        """A target at another host, reached from this node."""
        sent_by = f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
        return Target(transport, host, port, f"{transport.lower()}:{sent_by}", (self.host, self.port), sent_by)

    def call(self, act: Callable[[Moment], None]) -> None:
        """Let the node do something of its own now; what follows from it goes out at once."""
        act(self.network.clock.now())
        self.flush()

    def flush(self) -> None:
        """Carry out the engine's effects and let the role take its events, until nothing is left."""
        effects = self.stack.drain()
        while effects:
            for effect in effects:
                self._carry_out(effect)
            effects = self.stack.drain()
        self._arm()

    def crash(self) -> None:
        """Stop without a word: timers and memory are gone, streams break, what is under way to it is lost."""
        self.alive = False
        for flow_key in list(self.streams):
            self.break_stream(flow_key)

    def restart(self) -> VirtualNode[RoleType]:
        """The host after a restart, with a new engine and a new role; what it knew is gone, crashed or not."""
        if self.alive:
            self.crash()
        return self.network.add(self.host, self._make_role, self.port, self._values)

    def _carry_out(self, effect: Effect) -> None:
        network = self.network
        if isinstance(effect, Transmit):
            if effect.flow.key not in self._refused:
                network.transmit(self, effect.flow, effect.data)
        elif isinstance(effect, Connect):
            network.connect(self, effect.flow, effect.target)
        elif isinstance(effect, Close):
            self._close_stream(effect.flow.key)
        elif isinstance(effect, Resolve):
            answer = network.resolve(self, effect.query)
            now = network.clock.now()
            self.stack.resolved(effect.query, answer or ResolveFailed(f"{effect.query.host} is not known"), now)
        else:
            self.role.receive(effect, network.clock.now())

    def _resolve_now(self, query: Query) -> list[Target] | None:
        return self.network.resolve(self, query) or None

    def break_stream(self, flow_key: str) -> None:
        """Break one connection: both ends hear of it, and what is under way is lost."""
        other = self.streams.pop(flow_key, None)
        if other is None:
            return
        node, flow = other
        mine = node.streams.pop(flow.key)[1]
        self.network.at(0.0, node, lambda: node.stream_ended(flow))
        self.network.at(0.0, self, lambda: self.stream_ended(mine))

    def refuse_stream(self, flow: Flow) -> None:
        """Let a connection fail that was just asked for, with all that was given for it."""

        def hear() -> None:
            self._refused.discard(flow.key)
            self.stack.flow_changed(flow, FAILED, "refused", self.network.clock.now())

        self._refused.add(flow.key)
        self.network.at(0.0, self, hear)

    def stream_ended(self, flow: Flow) -> None:
        """Tell the engine that a connection has gone."""
        self.stack.flow_changed(flow, CLOSED, "closed", self.network.clock.now())

    def _close_stream(self, flow_key: str) -> None:
        """Close one connection: what was sent before still arrives, then the other end hears of it."""
        other = self.streams.pop(flow_key, None)
        if other is None:
            return
        node, flow = other

        def hear() -> None:
            if node.streams.pop(flow.key, None) is not None:
                node.stream_ended(flow)

        self.network.at(self.network.faults.delay[0], node, hear)
        self.stream_ended(node.streams[flow.key][1])

    def _arm(self) -> None:
        deadline = self.stack.next_deadline()
        if deadline is None or (self._armed is not None and self._armed <= deadline):
            return
        self._armed = deadline
        self.network.at(deadline - self.network.clock.monotonic, self, lambda: self._advance(deadline))

    def _advance(self, deadline: float) -> None:
        if self._armed == deadline:
            # Otherwise it was armed for something earlier meanwhile, and has been armed again since.
            self._armed = None
            self.stack.advance(self.network.clock.now())


class VirtualNetwork:
    """Hosts, what is under way between them, and the clock. `trace` records (time, from, to, octets) delivered."""

    def __init__(self, seed: int = 0, faults: Faults | None = None, trace: bool = False) -> None:
        self.seed = seed
        self.faults = Faults() if faults is None else faults
        self.clock = VirtualClock()
        self.nodes: dict[tuple[str, int], VirtualNode[Any]] = {}
        self.names: dict[str, list[tuple[str, int]]] = {}
        self.partitions: list[tuple[set[str], set[str]]] = []
        self.trace: list[tuple[float, str, str, bytes]] | None = [] if trace else None
        self._places: dict[tuple[str, int], tuple[int, int]] = {}
        self._chance = IdSource.seeded(f"network {seed}")
        self._queue: list[tuple[float, int, VirtualNode[Any] | None, Callable[[], None]]] = []
        self._serial = 0

    def add(
        self,
        host: str,
        make_role: Callable[[Stack], RoleType],
        port: int = 5060,
        values: TimerValues | None = None,
    ) -> VirtualNode[RoleType]:
        """Put up a host. One that stands already at the address is replaced, as after a restart."""
        node = VirtualNode(self, host, port, make_role, values)
        self.nodes[(host, port)] = node
        return node

    def name(self, name: str, *addresses: tuple[str, int]) -> None:
        """Let a host name stand for addresses, to be tried in that order."""
        self.names[name] = list(addresses)

    def partition(self, some: set[str], others: set[str]) -> None:
        """Cut two sets of hosts off from each other, both ways; connections between them break."""
        self.partitions.append((some, others))
        for node in list(self.nodes.values()):
            for flow_key, (other, _) in list(node.streams.items()):
                if self._is_cut(node.host, other.host):
                    node.break_stream(flow_key)

    def heal(self) -> None:
        """End all partitions."""
        self.partitions.clear()

    def at(self, delay: float, node: VirtualNode[Any], act: Callable[[], None]) -> None:
        """Let something happen at a node after `delay` seconds."""
        self._serial += 1
        heappush(self._queue, (self.clock.monotonic + max(0.0, delay), self._serial, node, act))

    def run(self, until: float | None = None) -> float:
        """Let time pass until nothing is under way and no timer runs, or until the second `until`; returns the time."""
        while self._queue and (until is None or self._queue[0][0] <= until):
            due, _, node, act = heappop(self._queue)
            self.clock.advance_to(due)
            if node is None:
                act()
            elif node.alive:
                act()
                node.flush()
        if until is not None:
            self.clock.advance_to(until)
        return self.clock.monotonic

    # For the nodes

    def place(self, host: str, port: int) -> tuple[int, int]:
        """The number of a host that is put up, and how many times it has been before."""
        number, boot = self._places.get((host, port), (len(self._places), -1))
        self._places[(host, port)] = number, boot + 1
        return number, boot + 1

    def transmit(self, node: VirtualNode[Any], flow: Flow, data: bytes) -> None:
        """Send octets on their way."""
        if flow.reliable:
            other = node.streams.get(flow.key)
            if other is None:
                self.at(0.0, node, lambda: node.stack.flow_changed(flow, FAILED, "not connected", self.clock.now()))
            else:
                receiver, arrival = other
                self.at(self.faults.delay[0], receiver, lambda: self._arrive(node, receiver, arrival, data))
            return
        faults = self.faults
        for _ in range(2 if self._chance.fraction() < faults.duplication else 1):
            lost = self._chance.fraction() < faults.loss
            least, most = faults.delay
            delay = least + (most - least) * self._chance.fraction()
            if not lost and not self._is_cut(node.host, flow.remote[0]):
                self._serial += 1
                heappush(
                    self._queue, (self.clock.monotonic + delay, self._serial, None, self._datagram(node, flow, data))
                )

    def connect(self, node: VirtualNode[Any], flow: Flow, target: Target) -> None:
        """Open a stream; it stands at once or fails at once."""
        receiver = self.nodes.get((target.host, target.port))
        if receiver is None or not receiver.alive or self._is_cut(node.host, receiver.host):
            node.refuse_stream(flow)
            return
        serial = receiver.stack.new_serial()
        listener = f"{target.transport.lower()}:{receiver.host}:{receiver.port}"
        remote = (node.host, 40000 + flow.serial)
        local = (receiver.host, receiver.port)
        accepted = Flow(target.transport, listener, local, remote, receiver.stack.ids.origin, serial, True)
        node.streams[flow.key] = (receiver, accepted)
        receiver.streams[accepted.key] = (node, flow)
        receiver.stack.flow_changed(accepted, CONNECTED, "", self.clock.now())
        node.stack.flow_changed(flow, CONNECTED, "", self.clock.now())

    def resolve(self, node: VirtualNode[Any], query: Query) -> list[Target]:
        """The targets of a host name or a numeric host, reached from a node; by TLS for a sips URI, else by UDP."""
        transport = "TLS" if query.secure else query.transport or "UDP"
        host = query.host.strip("[]")
        addresses = self.names.get(host, [(host, query.port or 5060)] if host[:1].isdigit() or ":" in host else [])
        targets = [node.target_to(address, query.port or port, transport) for address, port in addresses]
        if transport == "UDP":
            # Requests that are too large for a datagram go by TCP (RFC 3261 18.1.1).
            for target in targets:
                target.stream = node.target_to(target.host, target.port, "TCP")
        return targets

    def _datagram(self, sender: VirtualNode[Any], flow: Flow, data: bytes) -> Callable[[], None]:
        """A datagram under way: whoever stands at the address when it arrives gets it."""

        def arrive() -> None:
            receiver = self.nodes.get(flow.remote)
            if receiver is not None and receiver.alive:
                listener = f"udp:{receiver.host}:{receiver.port}"
                arrival = Flow("UDP", listener, flow.remote, (sender.host, sender.port))
                self._arrive(sender, receiver, arrival, data)
                receiver.flush()

        return arrive

    def _arrive(self, sender: VirtualNode[Any], receiver: VirtualNode[Any], flow: Flow, data: bytes) -> None:
        if flow.reliable and flow.key not in receiver.streams:
            return
        now = self.clock.now()
        if self.trace is not None:
            self.trace.append((now.monotonic, sender.host, receiver.host, data))
        receiver.stack.receive(data, flow, now)

    def _is_cut(self, one: str, other: str) -> bool:
        return bool(self.partitions) and any(
            (one in some and other in others) or (one in others and other in some) for some, others in self.partitions
        )
