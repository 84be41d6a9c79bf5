"""The stream's ticks: one each packetization time, counted from the stream's start, so that no error adds up."""

from __future__ import annotations

from math import floor
from typing import Final

__all__ = ["Pacing"]

ROUNDING: Final = 1e-6
"""In ticks: a deadline that was computed counts as reached at itself, whatever the arithmetic's last bit."""


class Pacing:
    """Ticks at start, start + period, start + 2 periods and so on.

    `start` in monotonic seconds; `frame` in samples at `rate` is the period. Every tick has a position: the samples
    between the stream's start and the tick.
    """

    __slots__ = ("_frame", "_next", "_position", "_rate", "_start")

    def __init__(self, start: float, frame: int, rate: int) -> None:
        self._start = start
        self._position = 0
        self._frame = frame
        self._rate = rate
        self._next = 0

    @property
    def frame(self) -> int:
        """Samples from tick to tick."""
        return self._frame

    @property
    def position(self) -> int:
        """The next tick's position."""
        return self._position + self._next * self._frame

    def deadline(self) -> float:
        """The monotonic second of the next tick."""
        return self._start + self._next * self._frame / self._rate

    def take(self, now: float) -> int:
        """Pass all ticks that are due; returns how many they were. `position` is then past them."""
        passed = floor((now - self._start) * self._rate / self._frame + ROUNDING)
        due = max(0, passed + 1 - self._next)
        self._next += due
        return due

    def change(self, frame: int) -> None:
        """Another period, from the next tick on."""
        if frame != self._frame:
            self._start = self.deadline()
            self._position = self.position
            self._frame = frame
            self._next = 0
