"""What the log says of a service that fails: that it does, once a minute that it still does, and when it is over."""

from __future__ import annotations

from typing import Any, Final

from offhook.clock import Moment

__all__ = ["Outage"]

AGAIN_SECONDS: Final = 60.0
OVER_SECONDS: Final = 5.0
"""It is over with the first success so long after the last failure: where some fail and some do not, it is not."""


class Outage:
    """Counts failures, and writes lines to `log`, a structlog logger.

    `failing` tells what does not happen, for whoever runs the server, and `over` that it happens again.
    """

    __slots__ = ("_began", "_failing", "_last", "_log", "_over", "_failed", "_said")

    def __init__(self, log: Any, failing: str, over: str) -> None:
        self._log = log
        self._failing = failing
        self._over = over
        self._failed = 0
        self._began = 0.0
        self._last = 0.0
        self._said = 0.0

    def failed(self, error: Exception, now: Moment, **more: object) -> None:
        """Something failed; `more` goes into the line, if there is one."""
        if not self._failed:
            self._began = now.monotonic
        elif now.monotonic - self._said < AGAIN_SECONDS:
            self._count(now)
            return
        else:
            more = more | {"failed": self._failed + 1, "seconds": round(now.monotonic - self._began)}
        self._said = now.monotonic
        self._count(now)
        self._log.error(self._failing, error=str(error), **more)

    def worked(self, now: Moment) -> None:
        """Something did not fail."""
        if self._failed and now.monotonic - self._last >= OVER_SECONDS:
            self._log.warning(self._over, failed=self._failed, seconds=round(now.monotonic - self._began))
            self._failed = 0

    def _count(self, now: Moment) -> None:
        self._failed += 1
        self._last = now.monotonic
