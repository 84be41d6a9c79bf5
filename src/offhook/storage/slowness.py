"""Telling the operator of a disk that takes long, while it does: once, again each minute, and when it is over."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

__all__ = ["AGAIN_SECONDS", "SLOW_SECONDS", "Slowness"]

SLOW_SECONDS: Final = 2.0
"""From here on a write that waits is worth a line: phones have sent their REGISTER three times (RFC 3261 17.1.2.2)."""
AGAIN_SECONDS: Final = 60.0

_log = structlog.get_logger("offhook.storage")


class Slowness:
    """Watches the writes of a file, which are done in the order in which they are asked for."""

    __slots__ = ("_asked", "_done", "_loop", "_mark", "_path", "_said", "_since", "_timer")

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._loop = loop
        self._asked = 0
        self._done = 0
        self._mark = 0
        self._since = 0.0
        self._said = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def asked(self) -> None:
        """A write is asked for."""
        self._asked += 1
        if self._timer is None:
            self._watch()

    def done(self, count: int) -> None:
        """Some were done."""
        self._done += count

    def end(self) -> None:
        """Nothing more is to be watched."""
        if self._timer is not None:
            self._timer.cancel()

    def _watch(self) -> None:
        """Look at the last write that was asked for; the next time it should have been done."""
        self._mark = self._asked
        self._since = self._loop.time()
        self._timer = self._loop.call_later(SLOW_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._done < self._mark:
            self._say()
            self._timer = self._loop.call_later(SLOW_SECONDS, self._look)
            return
        if self._said:
            self._said = 0.0
            seconds = round(self._loop.time() - self._since)
            _log.warning("the disk keeps up again", path=self._path, seconds=seconds)
        if self._done < self._asked:
            self._watch()

    def _say(self) -> None:
        now = self._loop.time()
        if self._said and now - self._said < AGAIN_SECONDS:
            return
        self._said = now
        _log.warning(
            "the disk is slow: what is to be kept waits for it",
            path=self._path,
            seconds=round(now - self._since),
            waiting=self._asked - self._done,
        )
