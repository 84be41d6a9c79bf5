"""What has to be true after a run, whatever happened in it. Each function gives a sentence for each fault."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, Final

from offhook.proxy.context import Branch, ResponseContext
from offhook.testing.network import VirtualNode
from offhook.ua.registration import RegistrationState
from tests.simulation.agreement import disagreement, is_rare
from tests.simulation.disasters import RESTARTS, Kind
from tests.simulation.phone import address
from tests.simulation.server import SERVER
from tests.simulation.world import SimulatedWorld

__all__ = ["after_close", "after_outliving", "after_run", "after_settling"]

RARE: Final = 0.04
"""How many of the calls may end for a lost ACK or BYE at most, on a bad network."""

MANY: Final = 0.15
"""How many of the transactions without INVITE may time out at most."""


def after_run(world: SimulatedWorld) -> Iterator[str]:
    """All calls are over, and all ends of each agree."""
    yield from _every_leg_is_over(world)
    yield from _all_ends_agree(world)
    yield from _everything_has_one_outcome(world)
    yield from _few_time_out(world)
    if world.conditions.fair:
        yield from (f"{line} ({call_id})" for call_id, lines in world.watch.failed.items() for line in lines)


def after_settling(world: SimulatedWorld) -> Iterator[str]:
    """The bindings are those of the phones that are registered; only registrations have timers.

    A phone that could not take its binding back is bound until that ends by the wall clock, which may have been set
    back: no longer than it was acknowledged.
    """
    server, now = world.server, world.network.clock.now()
    for user in world.users:
        aor = address(user).aor()
        registered = {
            phone.host for phone in world.phones if phone.user == user and not phone.left and phone.is_registered
        }
        bound = {getattr(binding.uri, "host", ""): binding for binding in server.location.store.lookup_now(aor, now)}
        wrong = registered - bound.keys()
        for host in bound.keys() - registered:
            if not world.has_clock_steps or not server.ledger.lives(aor, bound[host].contact, now):
                wrong.add(host)
        if wrong:
            yield f"{user} is bound to {sorted(bound)}, and registered from {sorted(registered)}"
    for phone in world.phones:
        if not phone.left and not phone.is_registered:
            yield f"{phone.name} found its registrar no more: {phone.core.registration}"
        for transaction in phone.node.stack.transactions.clients.values():
            if transaction.request.method != "REGISTER":
                yield f"{phone.name} still has the client transaction {transaction}"
        if phone.core.calls or not phone.core.idle:
            yield f"{phone.name} is not idle"
    server.compare("after settling")
    yield from server.faults
    yield from world.network.wire.faults


def after_close(world: SimulatedWorld) -> Iterator[str]:
    """Nothing is left anywhere but the registrar's own sweep."""
    for phone in world.phones:
        yield from _left_over(phone.name, phone.node, timers=0)
        registration = phone.core.registration
        if registration is None or registration.machine.state is not RegistrationState.REMOVED:
            yield f"{phone.name} is not unregistered"
        if phone.core.calls or not phone.core.idle:
            yield f"{phone.name} is not idle"
        yield from (f"{phone.name} left port {port} open" for port in phone.media.left_open)
    yield from _left_over(SERVER, world.server.node, timers=1)
    yield from _contexts(world)
    server, now = world.server, world.network.clock.now()
    for user in world.users:
        aor = address(user).aor()
        for binding in server.location.store.lookup_now(aor, now):
            if not world.has_clock_steps or not server.ledger.lives(aor, binding.contact, now):
                yield f"{user} is still bound: {binding}"


def after_outliving(world: SimulatedWorld) -> Iterator[str]:
    """Once its end has passed no binding is left, in memory and on the disk."""
    server = world.server
    counting = server.location.store.count()
    try:
        counting.send(None)
    except StopIteration as counted:
        if counted.value:
            yield f"the registrar still keeps {counted.value} bindings that have expired"
    if server.disk is not None and server.disk.rows():
        yield f"the disk still has {server.disk.rows()} bindings that have expired"
    if server.database is not None and server.database.pending:
        yield f"{server.database.pending} writes were never done"
    if server.ledger.under_way:
        yield f"changes of {server.ledger.under_way} were never done"


def _every_leg_is_over(world: SimulatedWorld) -> Iterator[str]:
    for phone in world.phones:
        for leg in phone.legs:
            yield from (f"{leg}: {wrong}" for wrong in leg.wrong)
            if not leg.vanished and leg.call.end is None:
                yield f"{leg}: still in the call {leg.call_id}"
            if not leg.vanished and leg.changing:
                yield f"{leg}: {leg.changing} changes without an outcome"


def _all_ends_agree(world: SimulatedWorld) -> Iterator[str]:
    rare = 0
    for plan, leg in world.callers:
        if plan.to_rogue:
            continue
        callees = world.callees.get(leg.call_id, [])
        failures = world.watch.failed.get(leg.call_id, [])
        wrong = disagreement(leg, callees, failures, world.conditions)
        if wrong is not None:
            yield f"call {leg.call_id}: {wrong}: {leg}, {callees}, {failures}"
        rare += is_rare(leg, callees)
    disasters = sum(disaster.kind in (Kind.PARTITION, *RESTARTS) for disaster in world.disasters)
    if rare > 2 + 4 * disasters + RARE * len(world.callers):
        yield f"{rare} of {len(world.callers)} calls ended for a lost ACK or BYE"


def _few_time_out(world: SimulatedWorld) -> Iterator[str]:
    """A request that is sent eleven times arrives; those to phones that are gone do not."""
    for method in ("REGISTER", "BYE", "CANCEL", "PRACK", "UPDATE"):
        late = world.watch.ends[(method, "timeout")]
        total = late + world.watch.ends[(method, "terminated")]
        if late > 5 + MANY * total:
            yield f"{late} of {total} {method} transactions had no answer in time"


def _everything_has_one_outcome(world: SimulatedWorld) -> Iterator[str]:
    for asked in world.asked:
        if asked.vanished:
            continue
        if len(asked.answers) != 1:
            yield f"{asked.name} has {len(asked.answers)} outcomes: {asked.answers}"
        elif asked.is_message and asked.answers == [200] and asked.user in world.users:
            came = [phone for phone in world.phones if phone.user == asked.user and asked.name in phone.messages]
            if not came:
                yield f"{asked.name} was accepted and never came"


def _left_over(name: str, node: VirtualNode[Any], timers: int) -> Iterator[str]:
    table = node.stack.transactions
    for kind, held in (("client", table.clients), ("server", table.servers)):
        yield from (f"{name} still has the {kind} transaction {transaction}" for transaction in held.values())
    if len(table.timers) != timers:
        yield f"{name} still has {len(table.timers)} timers, not {timers}"
    if table.over_flow:
        yield f"{name} still lists transactions over {sorted(table.over_flow)}"


def _contexts(world: SimulatedWorld) -> Iterator[str]:
    """The proxy's response contexts and branches are gone, which nothing lists."""
    gc.collect()
    table = world.server.node.stack.transactions
    for one in gc.get_objects():
        context = one.context if isinstance(one, Branch) else one
        if isinstance(context, ResponseContext) and context.server.transactions is table:
            yield f"the proxy still has a {type(one).__name__} of {context.request.call_id}"
