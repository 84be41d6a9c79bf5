"""A proxy of ours in a race: one puppet calls through it, one or three are called."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext, suppress
from functools import partial
from typing import Final

from offhook.errors import InvalidState
from offhook.proxy.context import Branch, ResponseContext
from offhook.proxy.target_uri import TargetUri
from offhook.testing.network import VirtualNode
from offhook.transaction.table import TransactionTable
from tests.proxy.wiring import PROXY, ProxyRole
from tests.races.agents import PATIENCE, SILENCE, join
from tests.races.invariants import of_proxy
from tests.races.puppet import Puppet
from tests.races.table import Row
from tests.races.wire import DELAY, STEP, RacingNetwork

__all__ = ["EVENTS", "ProxyWorld", "contexts_left"]

EVENTS: Final = ("CANCEL", "200", "TIMEOUT", "FAILURE", "AGAIN", "BYE", "INVITE")

CALLER: Final = "192.0.2.1"
TIMER_B: Final = 32.0
TIMER_C: Final = 190.0


class ProxyWorld:
    """The caller at 192.0.2.1, the callees at 192.0.2.101 and up, with their tags callee1 and up."""

    def __init__(self, branches: int) -> None:
        self.network = RacingNetwork()
        self.proxy: VirtualNode[ProxyRole] = self.network.add(PROXY, ProxyRole)
        self.caller = self._puppet(CALLER, "caller")
        self.hosts = [f"192.0.2.{101 + number}" for number in range(branches)]
        self.callees = [self._puppet(host, f"callee{number + 1}") for number, host in enumerate(self.hosts)]
        targets = [TargetUri(callee.role.uri) for callee in self.callees]
        self.proxy.role.directory.bindings["sip:bob@example.com"] = targets
        self.lenient = False
        self.answers = 0
        self.byes = 0
        self.reinvites = 0

    # What happens

    def begin(self, start: str) -> float:
        """Bring the call into a state; the second at which its time-out is due is returned."""
        self.network.when(0.0, partial(self.caller.call, partial(self.caller.role.invite, "sip:bob@example.com")))
        if start == "C":
            self.network.mute.update(self.hosts)
            return DELAY + TIMER_B
        for callee in self.callees:
            self.network.when(0.3, partial(callee.call, callee.role.ring))
        if start == "R":
            return 0.3 + DELAY + TIMER_C
        self.happen("200", 0.4)
        self.network.run(0.6)
        return float("nan")

    def happen(self, event: str, time: float) -> None:
        """Let an event reach the proxy at a second."""
        if event == "TIMEOUT":
            self.network.when(time, partial(self.network.partition, {PROXY}, set(self.hosts)))
        elif event == "FAILURE":
            self.network.when(time, partial(self.network.unreachable, self.proxy, self.hosts[0]))
        elif event == "AGAIN":
            for host in (CALLER, self.hosts[0]):
                self.network.when(time, partial(self.network.again, host, self.proxy, self.lenient))
        elif event == "CANCEL":
            self.network.when(time - DELAY, partial(self.caller.call, self.caller.role.cancel))
        else:
            act = {"200": self._answer, "BYE": self._bye, "INVITE": self._reinvite}[event]
            self.network.when(time - DELAY, partial(self._prompt, act))

    def order(self, start: str, events: Sequence[tuple[float, str]]) -> None:
        """Let events happen, each so many seconds behind the one before; what cannot be then is left out.

        Here a TIMEOUT is a silence of SILENCE seconds. In the end every end gives up what it still has.
        """
        self.lenient = True
        self.begin(start)
        time = 1.0
        self.network.when(time - DELAY - STEP, self.network.mute.clear)
        for gap, event in events:
            time += gap
            self.happen(event, time)
            if event == "TIMEOUT":
                time += SILENCE
                self.network.when(time, self.network.heal)
        for node in (self.caller, *self.callees):
            self.network.when(time + PATIENCE, partial(node.call, node.role.end))
        self.network.run()

    def faults(self) -> Iterator[str]:
        """All that is wrong after an order."""
        yield from self.left()
        yield from of_proxy(self.network, PROXY, CALLER)
        caller = self.caller.role.legs
        for callee in self.callees:
            for tag, leg in callee.role.legs.items():
                other = caller.get(tag)
                if leg.confirmed and not leg.over and not (other is not None and other.over):
                    yield f"the dialog {tag} stands at the callee"
                if other is not None and other.confirmed and not other.over and not leg.over:
                    yield f"the dialog {tag} stands at the caller"

    def race(self, row: Row) -> str:
        """Let the two events of a row happen; what the proxy sent to each, " / " before the end by the caller."""
        due = self.begin(row.start)
        at = due if row.first == "TIMEOUT" else 1.0
        self.network.when(at - DELAY - STEP, self.network.mute.clear)
        if row.first != "TIMEOUT":
            self.happen(row.first, at)
        self.happen(row.second, at + STEP)
        end = float("inf")
        if row.second != "TIMEOUT":
            end = at + PATIENCE
            self.network.when(end, partial(self.caller.call, self.caller.role.end))
        self.network.run()
        return self.sent(at - STEP / 2, end)

    def sent(self, start: float, end: float) -> str:
        """What the proxy sent from `start` on: "a: to the caller; 1: to the first callee", if anything."""
        links = []
        for name, host in [("a", CALLER), *[(str(number + 1), host) for number, host in enumerate(self.hosts)]]:
            spans = ((start, end), (end, float("inf")))
            link = f"callee{1 if name == 'a' else name}"
            words = join([", ".join(self.network.shown(PROXY, host, *span, link)) for span in spans])
            if words:
                links.append(f"{name}: {words}")
        return "; ".join(links)

    def left(self) -> list[str]:
        """What should be gone and is not."""
        found = []
        table = self.table
        if table.clients or table.servers or len(table.timers) or table.over_flow:
            found.append(f"the proxy still has {table.clients}, {table.servers}, {len(table.timers)} timers")
        roles = [node.role for node in (self.caller, *self.callees)]
        found += [f"{role.tag} still has {role.left}" for role in roles if role.left != (0, 0, 0)]
        return found

    @property
    def table(self) -> TransactionTable:
        return self.proxy.stack.transactions

    # Within

    def _prompt(self, act: Callable[[], None]) -> None:
        """Let a puppet do something."""
        with suppress(InvalidState) if self.lenient else nullcontext():
            act()

    def _puppet(self, host: str, tag: str) -> VirtualNode[Puppet]:
        return self.network.add(host, lambda stack: Puppet(stack, host, PROXY, tag))

    def _answer(self) -> None:
        """The second 2xx is the next callee's; of an only one, that of another phone behind it."""
        self.answers += 1
        callee = self.callees[(self.answers - 1) % len(self.callees)]
        tag = f"callee{self.answers}"
        callee.call(lambda now: callee.role.answer(now, tag))

    def _bye(self) -> None:
        """The caller's BYE; the second is the first callee's."""
        self.byes += 1
        node = self.caller if self.byes == 1 else self.callees[0]
        tag = "callee1"
        node.call(lambda now: node.role.bye(now, tag))

    def _reinvite(self) -> None:
        """The first callee's re-INVITE; the second is the caller's."""
        self.reinvites += 1
        node = self.callees[0] if self.reinvites == 1 else self.caller
        node.call(node.role.reinvite)


def contexts_left(worlds: list[ProxyWorld]) -> list[str]:
    """The response contexts and branches of proxies that nothing lists any more, and that are still there."""
    tables = [world.table for world in worlds]
    found = []
    gc.collect()
    for one in gc.get_objects():
        context = one.context if isinstance(one, Branch) else one
        if isinstance(context, ResponseContext) and any(context.server.transactions is table for table in tables):
            found.append(f"a proxy still has a {type(one).__name__}")
    return found
