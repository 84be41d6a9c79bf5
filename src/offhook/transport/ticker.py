"""One timer of the event loop for all that ticks: streams whose ticks fall close together are woken together.

Each audio stream ticks fifty times a second. With a timer for each, hundreds of them would spend more time on waking up
than on their packets.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from math import ceil, floor, inf
from typing import Final

from offhook import clock

__all__ = ["GRID", "Ticker"]

GRID: Final = 0.005
"""Seconds. A tick is put off to the next multiple: by the same for each tick of a stream whose packets last a multiple
too, so that they leave as evenly as they would without it.
"""

WAKE_EARLY: Final = 0.0005
"""The loop waits whole milliseconds and rounds: asked so much earlier, it is on average in time."""

_ROUNDED: Final = 0.001
"""So much too early the loop may wake; it need not wake again for that."""

_log = logging.getLogger(__name__)


class Ticker:
    """Calls who wants to be called at a time, in the running event loop."""

    __slots__ = ("_first", "_slots", "_timer")

    def __init__(self) -> None:
        # By multiples of GRID. `_first` is the one that the timer is for: none, or no other while some are called.
        self._slots: dict[int, list[Callable[[], None]]] = {}
        self._first: float = inf
        self._timer: asyncio.TimerHandle | None = None

    def start(self, deadline: float, tick: Callable[[], None]) -> None:
        """Have `tick` called once, at `deadline` in monotonic seconds or up to GRID later, as exact as the loop is."""
        slot = ceil(deadline / GRID)
        ticks = self._slots.get(slot)
        if ticks is not None:
            ticks.append(tick)
            return
        self._slots[slot] = [tick]
        if slot < self._first:
            self._wait()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._first = min(self._slots, default=inf)
        if self._first < inf:
            delay = self._first * GRID - WAKE_EARLY - clock.now().monotonic
            self._timer = asyncio.get_running_loop().call_later(max(0.0, delay), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._first = -inf
        until = floor((clock.now().monotonic + _ROUNDED) / GRID)
        for slot in sorted([slot for slot in self._slots if slot <= until]):
            for tick in self._slots.pop(slot):
                try:
                    tick()
                except Exception:
                    # A fault of one stream must not silence the others.
                    _log.exception("a tick failed")
        self._wait()
