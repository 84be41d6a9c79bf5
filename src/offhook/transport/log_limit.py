"""How many lines strangers can make the log grow by."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment

__all__ = ["LogLimit"]

MOST: Final = 50
SECONDS: Final = 10.0


class LogLimit:
    """Lets `most` lines pass in each span of `seconds`; `withheld` counts those of the span before that did not."""

    __slots__ = ("_begun", "_left", "_most", "_seconds", "_withheld", "withheld")

    def __init__(self, most: int = MOST, seconds: float = SECONDS) -> None:
        self._most = most
        self._seconds = seconds
        self._left = most
        self._begun = float("-inf")
        self._withheld = 0
        self.withheld = 0

    @property
    def remark(self) -> dict[str, int]:
        """What a structured line that was admitted adds of those that were not."""
        return {"not_logged_before": self.withheld} if self.withheld else {}

    def admits(self, now: Moment) -> bool:
        """Whether one more line may be written. Whoever writes it may tell of `withheld`, which is then 0 again."""
        if now.monotonic - self._begun >= self._seconds:
            self._begun = now.monotonic
            self._left = self._most
            self.withheld = self._withheld
            self._withheld = 0
        else:
            self.withheld = 0
        if self._left > 0:
            self._left -= 1
            return True
        self._withheld += 1
        return False
