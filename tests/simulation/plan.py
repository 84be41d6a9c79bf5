"""What is to happen, drawn from the seed before it happens: calls, messages and what befalls phones."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from offhook.ids import IdSource

__all__ = ["Answering", "CallPlan", "Conditions", "Hanging", "Kind", "choose", "plan_calls"]

T = TypeVar("T")


class Kind(StrEnum):
    """What somebody asks of somebody else."""

    CALL = "call"
    MESSAGE = "message"
    OPTIONS = "options"


class Hanging(StrEnum):
    """Who ends a call that was answered."""

    CALLER = "caller"
    CALLEE = "callee"
    BOTH = "both"


class Answering(StrEnum):
    """What a phone that is called does."""

    ANSWER = "rings and answers"
    AT_ONCE = "answers without ringing"
    EARLY = "plays something first, then answers"
    BUSY = "486"
    DECLINE = "603"
    UNAVAILABLE = "480"
    OVERLOADED = "503"
    REDIRECT = "302"
    RING = "rings and is not answered"
    SILENT = "does not even ring"


class Conditions:
    """How hard the world is.

    `fair`: nothing is lost. How often phones crash and come back, some of them are cut off, the server restarts, and
    the wall clock is set, by minutes (`steps`) and by hours (`jumps`); and how many calls a peer makes that keeps to no
    rule. `durable`: the server keeps its bindings in SQLite, else in a memory that outlives it.
    """

    def __init__(
        self,
        fair: bool = False,
        crashes: int = 0,
        partitions: int = 0,
        restarts: int = 0,
        steps: int = 0,
        violations: int = 0,
        jumps: int = 0,
        durable: bool = False,
    ) -> None:
        self.fair = fair
        self.crashes = crashes
        self.partitions = partitions
        self.restarts = restarts
        self.steps = steps
        self.violations = violations
        self.jumps = jumps
        self.durable = durable


class CallPlan:
    """One attempt.

    `start`: when. `patience`: after how many seconds the caller gives up a call that is not answered, None: never.
    `race`: the phones that ring are answered just then. `length`: how long an answered call lasts. `changes`: (seconds
    after the answer, who, whether by UPDATE). `to_rogue`: it is the peer without rules that is called.
    """

    def __init__(self, serial: int, start: float, chance: IdSource) -> None:
        fraction = chance.fraction
        self.serial = serial
        self.start = start
        self.kind = choose(chance, ((Kind.CALL, 88), (Kind.MESSAGE, 8), (Kind.OPTIONS, 4)))
        self.to_rogue = False
        self.patience: float | None = None
        self.race = False
        if fraction() < 0.2:
            self.patience = 12.0 * fraction() ** 2
            self.race = fraction() < 0.4
        self.length = 0.0 if fraction() < 0.1 else 60.0 * fraction() ** 2
        self.hanging = choose(chance, ((Hanging.CALLER, 50), (Hanging.CALLEE, 35), (Hanging.BOTH, 15)))
        self.changes: list[tuple[float, Hanging, bool]] = []
        if fraction() < 0.3:
            for _ in range(1 + chance.number(3)):
                who = choose(chance, ((Hanging.CALLER, 35), (Hanging.CALLEE, 35), (Hanging.BOTH, 30)))
                self.changes.append((self.length * fraction(), who, fraction() < 0.25))


def choose(chance: IdSource, weighted: tuple[tuple[T, int], ...]) -> T:
    """One of several, by weights."""
    number = chance.number(sum(weight for _, weight in weighted))
    for one, weight in weighted:
        number -= weight
        if number < 0:
            return one
    raise AssertionError


def plan_calls(chance: IdSource, count: int, pace: float) -> list[CallPlan]:
    """`count` attempts, one every `pace` seconds on the average."""
    plans: list[CallPlan] = []
    start = 15.0
    for serial in range(count):
        start += 2 * pace * chance.fraction()
        plans.append(CallPlan(serial, start, chance))
    return plans
