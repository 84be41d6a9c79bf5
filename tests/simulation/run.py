"""One run of the simulation: `python -m tests.simulation.run SEED COUNT [fair | bad | worst]` repeats one that failed.

It prints the hash of all that was delivered, what happened how often, and what is wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from offhook.errors import ParseError
from offhook.sip.message import Request
from offhook.sip.parser import parse
from tests.simulation.disasters import Disaster
from tests.simulation.invariants import after_close, after_outliving, after_run, after_settling
from tests.simulation.plan import Conditions
from tests.simulation.watch import logs_watched
from tests.simulation.world import SimulatedWorld

__all__ = ["ROOT", "bad", "ladder", "main", "simulate", "trace_hash", "worst"]

ROOT: Final = Path(__file__).resolve().parents[2]


def bad(count: int) -> Conditions:
    """A bad world of the usual kind."""
    return Conditions(crashes=count // 25, partitions=1 + count // 200)


def worst(count: int) -> Conditions:
    """A world in which everything goes wrong."""
    return Conditions(
        crashes=count // 20,
        partitions=1 + count // 100,
        restarts=1 + count // 50,
        steps=1 + count // 50,
        violations=count // 4,
        jumps=1 + count // 250,
        durable=True,
    )


def simulate(
    seed: int,
    count: int,
    conditions: Conditions,
    trace: bool = False,
    disasters: Sequence[Disaster] | None = None,
) -> tuple[SimulatedWorld, list[str]]:
    """Let it happen; returns the world and all faults that were found."""
    world = SimulatedWorld(seed, count, conditions, trace, disasters)
    faults: list[str] = []
    with logs_watched(world.watch):
        world.run()
        faults += after_run(world)
        world.settle()
        faults += after_settling(world)
        world.close()
        faults += after_close(world)
        world.outlive()
        faults += after_outliving(world)
    # Whoever breaks the rules is warned of.
    logged = world.watch.errors + ([] if world.rogue is not None else world.watch.warnings)
    faults += (f"logged: {line}" for line in logged)
    world.happened["bindings found as they were acknowledged"] = world.server.ledger.compared
    world.happened["messages sent"] = world.network.wire.sent
    world.happened.update(plan.kind for plan in world.plans)
    return world, faults


def trace_hash(world: SimulatedWorld) -> str:
    """A hash of every octet that was delivered, with its time and its way."""
    digest = sha256()
    for moment, sender, receiver, data in world.network.trace or ():
        digest.update(f"{moment!r} {sender} {receiver} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def ladder(world: SimulatedWorld, call_id: str) -> Iterator[str]:
    """What was delivered of one call."""
    for moment, sender, receiver, data in world.network.trace or ():
        if call_id.encode() in data:
            try:
                message = parse(data)
            except ParseError as error:
                yield f"{moment:9.3f} {sender:>14} -> {receiver:<14} {error}"
                continue
            first = message.method if isinstance(message, Request) else str(message.status)
            yield f"{moment:9.3f} {sender:>14} -> {receiver:<14} {first} ({message.cseq_number} {message.cseq_method})"


def main(arguments: list[str]) -> int:
    seed, count = int(arguments[0]), int(arguments[1])
    kind = arguments[2] if len(arguments) > 2 else "bad"
    conditions = {"fair": Conditions(fair=True), "bad": bad(count), "worst": worst(count)}[kind]
    world, faults = simulate(seed, count, conditions, trace=True)
    lines = [trace_hash(world)] + [f"{count} {what}" for what, count in sorted(world.happened.items())]
    for fault in faults:
        lines.append(fault)
        if fault.startswith("call "):
            lines += ladder(world, fault.split()[1].rstrip(":"))
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
