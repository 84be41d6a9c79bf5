"""How long one input may take, in CPU of the thread, so that a busy machine changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

__all__ = ["MOST_SECONDS", "OF_A_CHECK", "Stopwatch", "stopwatch"]

MOST_SECONDS: Final = 0.05
OF_A_CHECK: Final = 0.5
"""For a check that does more than any program would, and times by itself what a program does."""
TRIES: Final = 3

Result = TypeVar("Result")


class Stopwatch:
    """`slowest`: the most seconds that anything took. `allowance` is a factor, for code that is being traced."""

    def __init__(self) -> None:
        self.slowest = 0.0
        self.allowance = 1.0

    def within(self, act: Callable[[], Result], most: float = MOST_SECONDS) -> Result:
        """What `act` gives, within `most` seconds; asked again when it took longer, for a machine has its moods."""
        least = float("inf")
        for _ in range(TRIES):
            start = time.thread_time()
            found = act()
            least = min(least, time.thread_time() - start)
            if least < most * self.allowance:
                self.slowest = max(self.slowest, least)
                return found
        raise AssertionError(f"{least:.3f} s of CPU")


stopwatch: Final = Stopwatch()
"""That of this process."""
