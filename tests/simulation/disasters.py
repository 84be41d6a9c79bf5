"""What befalls a world, as values: drawn from the seed before anything happens, or written down by a test."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from offhook.ids import IdSource
from tests.simulation.plan import Conditions

__all__ = ["HOUR", "RESTARTS", "Disaster", "Kind", "plan_disasters"]

HOUR: Final = 3600.0
BRIEF: Final = 120.0
"""How far the wall clock is set at most, where it is not set by hours."""


class Kind(StrEnum):
    """What happens, and, in brackets, what `lasting` and `who` say of it."""

    LEAVE = "a phone unregisters (for how long, which)"
    CRASH = "a phone crashes (for how long, which)"
    PARTITION = "phones are cut off from the server (for how long, which)"
    SERVER_CRASH = "the server crashes (for how long)"
    SERVER_CRASH_WRITING = "the server crashes the next time that it commits something (for how long)"
    SERVER_STOP = "the server is stopped (for how long)"
    CLOCK = "the wall clock is set (by how much)"
    ROGUE = "the peer without rules calls"


RESTARTS: Final = (Kind.SERVER_CRASH, Kind.SERVER_CRASH_WRITING, Kind.SERVER_STOP)


@dataclass(frozen=True)
class Disaster:
    """`at`: the second. `lasting` in seconds and `who`, a number, are as the kind says."""

    kind: Kind
    at: float
    lasting: float = 0.0
    who: int = 0


def plan_disasters(chance: IdSource, conditions: Conditions, phones: int, end: float) -> list[Disaster]:
    """What is to happen until the second `end`."""

    def several(kind: Kind, count: int, most: float) -> list[Disaster]:
        return [
            Disaster(kind, end * chance.fraction(), most * chance.fraction(), chance.number(1 << 32))
            for _ in range(count)
        ]

    def clock(seconds: float) -> Disaster:
        return Disaster(Kind.CLOCK, end * chance.fraction(), seconds)

    stops = conditions.restarts // 4
    writing = conditions.restarts // 2 if conditions.durable else 0
    return [
        *several(Kind.LEAVE, phones // 2, 90.0),
        *several(Kind.CRASH, conditions.crashes, 60.0),
        *several(Kind.PARTITION, conditions.partitions, 90.0),
        *several(Kind.SERVER_CRASH, conditions.restarts - stops - writing, 20.0),
        *several(Kind.SERVER_CRASH_WRITING, writing, 20.0),
        *several(Kind.SERVER_STOP, stops, 20.0),
        *several(Kind.ROGUE, conditions.violations, 0.0),
        *(clock(BRIEF * (2 * chance.fraction() - 1)) for _ in range(conditions.steps)),
        *(clock(HOUR * (1 + chance.fraction()) * (-1) ** number) for number in range(conditions.jumps)),
    ]
