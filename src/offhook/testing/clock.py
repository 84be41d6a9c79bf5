"""A clock that stands still until it is told to move."""

from __future__ import annotations

from offhook.clock import Moment

__all__ = ["VirtualClock"]


class VirtualClock:
    """Both clocks of a simulation: monotonic seconds from 0, wall seconds from `wall` (2026-01-01 by default)."""

    __slots__ = ("_epoch", "monotonic")

    def __init__(self, wall: float = 1_767_225_600.0) -> None:
        self.monotonic = 0.0
        self._epoch = wall

    def now(self) -> Moment:
        """The present moment."""
        return Moment(self.monotonic, self._epoch + self.monotonic)

    def advance_to(self, monotonic: float) -> None:
        """Move on; never back."""
        self.monotonic = max(self.monotonic, monotonic)

    def step_wall(self, seconds: float) -> None:
        """Let the wall clock jump, as NTP or an operator does; the monotonic one goes on."""
        self._epoch += seconds
