"""Time as an argument: the two clocks and the one structure for all timers.

A driver takes a `Moment` once per input and passes it in; nothing below the drivers reads a clock.

Timers of SIP have few distinct durations (T1, T2, T4, 64*T1, Timer C). Those that are started with the same duration
end in the order of their start, so each duration is a lane that is sorted by itself: starting and cancelling are
O(1). Cancelled timers stay in their lane until they are due, or until they outnumber the living ones.
"""

from __future__ import annotations

import time
from bisect import bisect
from collections import deque
from heapq import heapify, heappop, heappush
from math import inf
from typing import Final

__all__ = ["Moment", "Timer", "Timers", "now"]

MAX_LANES: Final = 64
COMPACT_FROM: Final = 1024


class Moment:
    """One instant on both clocks.

    `monotonic`: seconds that never jump, for timers. `wall`: seconds since 1970-01-01 UTC, for what is kept on disk
    or shown to people.
    """

    __slots__ = ("monotonic", "wall")

    def __init__(self, monotonic: float, wall: float) -> None:
        self.monotonic = monotonic
        self.wall = wall

    def __repr__(self) -> str:
        return f"Moment(monotonic={self.monotonic!r}, wall={self.wall!r})"


def now() -> Moment:
    """The machine's time; for drivers only."""
    return Moment(time.monotonic(), time.time())


class Timer:
    """A running timer: what is to happen (`event`) to whom (`owner`) at `deadline` (monotonic seconds).

    `serial` is the order of the start, which decides between equal deadlines. A cancelled or fired timer has no
    owner, so that it holds nothing in memory while it waits in its lane.
    """

    __slots__ = ("deadline", "event", "owner", "serial")

    def __init__(self, deadline: float, serial: int, owner: object, event: str) -> None:
        self.deadline = deadline
        self.serial = serial
        self.owner: object | None = owner
        self.event = event

    def __lt__(self, other: Timer) -> bool:
        if self.deadline != other.deadline:
            return self.deadline < other.deadline
        return self.serial < other.serial


class Timers:
    """All timers of one engine. `len()` counts the living ones.

    None is due before the monotonic second `earliest`, which is known without looking; `next_deadline` looks.
    """

    __slots__ = ("_dead", "_due", "_lanes", "_living", "_others", "_serial", "earliest")

    def __init__(self) -> None:
        self._lanes: dict[float, deque[Timer]] = {}
        self._others: list[Timer] = []
        self._due: deque[Timer] = deque()
        self._serial = 0
        self._living = 0
        self._dead = 0
        self.earliest: float = inf

    def __len__(self) -> int:
        return self._living

    def start(self, delay: float, owner: object, event: str, now: Moment) -> Timer:
        """Start a timer that is due `delay` seconds after `now`."""
        self._serial += 1
        self._living += 1
        timer = Timer(now.monotonic + delay, self._serial, owner, event)
        if timer.deadline < self.earliest:
            self.earliest = timer.deadline
        lane = self._lanes.get(delay)
        if not lane or self._due or timer.deadline < lane[-1].deadline:
            self._place(timer, delay)
        else:
            lane.append(timer)
        return timer

    def start_at(self, deadline: float, owner: object, event: str) -> Timer:
        """Start a timer that is due at a monotonic second to which no usual duration leads."""
        self._serial += 1
        self._living += 1
        timer = Timer(deadline, self._serial, owner, event)
        if deadline < self.earliest:
            self.earliest = deadline
        self._place(timer, 0.0)
        return timer

    def _place(self, timer: Timer, delay: float) -> None:
        """Put a timer where it belongs; without a delay it gets no lane."""
        if self._due and timer < self._due[-1]:
            # Those that are due are firing, and a caller's moment lies before theirs.
            self._due.insert(bisect(self._due, timer), timer)
            return
        lane = self._lanes.get(delay)
        if lane is None and delay > 0 and len(self._lanes) < MAX_LANES:
            lane = self._lanes[delay] = deque()
        # A caller's moment may lie before an earlier caller's: the lane would no longer be sorted.
        if lane is None or (lane and timer.deadline < lane[-1].deadline):
            heappush(self._others, timer)
        else:
            lane.append(timer)

    def cancel(self, timer: Timer) -> None:
        """Stop a timer. One that has fired or was cancelled before is left as it is."""
        if timer.owner is None:
            return
        timer.owner = None
        self._living -= 1
        self._dead += 1
        if self._dead > COMPACT_FROM and self._dead > self._living:
            self._compact()

    def next_deadline(self) -> float | None:
        """The monotonic second at which the next timer is due, or None when none runs."""
        first: float | None = None
        for timer in self._due:
            if timer.owner is not None:
                first = timer.deadline
                break
        empty = False
        for lane in self._lanes.values():
            while lane and lane[0].owner is None:
                lane.popleft()
                self._dead -= 1
            if not lane:
                empty = True
            elif first is None or lane[0].deadline < first:
                first = lane[0].deadline
        if empty:
            self._lanes = {delay: lane for delay, lane in self._lanes.items() if lane}
        others = self._others
        while others and others[0].owner is None:
            heappop(others)
            self._dead -= 1
        if others and (first is None or others[0].deadline < first):
            first = others[0].deadline
        self.earliest = inf if first is None else first
        return first

    def take_due(self, now: Moment) -> tuple[object, str] | None:
        """Remove the earliest timer that is due and return its owner and event; None when none is due."""
        while True:
            while self._due:
                timer = self._due.popleft()
                owner = timer.owner
                if owner is None:
                    self._dead -= 1
                    continue
                self._living -= 1
                timer.owner = None
                return owner, timer.event
            if not self._collect(now.monotonic):
                return None

    def _collect(self, until: float) -> bool:
        """Take all that is due out of the lanes, in the order in which it is to fire."""
        due: list[Timer] = []
        for lane in self._lanes.values():
            while lane and (lane[0].deadline <= until or lane[0].owner is None):
                timer = lane.popleft()
                if timer.owner is None:
                    self._dead -= 1
                else:
                    due.append(timer)
        others = self._others
        while others and (others[0].deadline <= until or others[0].owner is None):
            timer = heappop(others)
            if timer.owner is None:
                # It need not be due: what fires again now would be put before it, and fire again at once, for ever.
                self._dead -= 1
            else:
                due.append(timer)
        due.sort()
        self._due.extend(due)
        return bool(due)

    def _compact(self) -> None:
        lanes = {delay: _living(lane) for delay, lane in self._lanes.items()}
        self._lanes = {delay: lane for delay, lane in lanes.items() if lane}
        self._due = _living(self._due)
        self._others = [timer for timer in self._others if timer.owner is not None]
        heapify(self._others)
        self._dead = 0


def _living(timers: deque[Timer]) -> deque[Timer]:
    return deque([timer for timer in timers if timer.owner is not None])
