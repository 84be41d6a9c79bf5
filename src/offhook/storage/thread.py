"""A thread that owns an SQLite connection and does in it what the event loop asks for."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Final

import apsw

from offhook.storage.connection import translate
from offhook.storage.errors import StorageError

__all__ = ["WATCH_SECONDS", "Inbox", "Job", "StorageThread"]

WATCH_SECONDS: Final = 0.5
"""How long a thread waits for jobs before it looks at what else there is: other processes, the end of its loop."""


class Job:
    """One call: what to do in the thread, and who waits for it in the loop. A single statement needs no savepoint."""

    __slots__ = ("act", "error", "future", "is_single", "result")

    def __init__(self, act: Callable[[apsw.Connection], object], future: asyncio.Future[Any], is_single: bool) -> None:
        self.act = act
        self.future = future
        self.is_single = is_single
        self.result: object = None
        self.error: Exception | None = None


Inbox = SimpleQueue[list[Job] | None]
"""What a thread is asked for; None ends it."""


class StorageThread(Thread, ABC):
    """Owns a connection to the file at `path` until the inbox gives None. What it has to say, it says in the loop.

    `on_opened` gets the error or None; only after None comes anything else. `on_done` gets jobs with their outcome.
    """

    def __init__(
        self,
        path: str,
        loop: asyncio.AbstractEventLoop,
        inbox: Inbox,
        *,
        on_opened: Callable[[Exception | None], None],
        on_done: Callable[[list[Job]], None],
        on_closed: Callable[[], None],
    ) -> None:
        # A daemon: a program that forgets to close ends all the same, and loses nothing that was acknowledged.
        super().__init__(name="offhook-sqlite", daemon=True)
        self.path = path
        self._loop = loop
        self._inbox = inbox
        self._on_opened = on_opened
        self._on_done = on_done
        self._on_closed = on_closed
        self._next_look = 0.0

    @abstractmethod
    def open(self) -> apsw.Connection:
        """The connection. Raises StorageError."""

    @abstractmethod
    def do(self, jobs: list[Job]) -> None:
        """Give each job its result or its error."""

    def look(self) -> None:
        """Called every `WATCH_SECONDS`, or after what then is being done."""

    def run(self) -> None:
        try:
            self.connection = self.open()
        except Exception as error:
            self.say(self._on_opened, error)
            return
        self.say(self._on_opened, None)
        while self._turn():
            pass
        with suppress(apsw.Error):
            self.connection.close()
        self.say(self._on_closed)

    def say(self, call: Callable[..., None], *arguments: object) -> None:
        """Have something called in the loop."""
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            self._loop.call_soon_threadsafe(call, *arguments)

    def translated(self, error: Exception) -> Exception:
        """What the waiter of a job gets for what it raised."""
        if isinstance(error, apsw.Error | StorageError):
            return translate(error, self.path, self.connection.system_errno)
        if isinstance(error, StopIteration):
            return RuntimeError("a call in the storage thread raised StopIteration")  # no future can carry it
        return error

    def _turn(self) -> bool:
        """Wait for jobs, do all that wait, look around; False when it was the last turn."""
        jobs, goes_on = self._take()
        if jobs:
            self.do(jobs)
            self.say(self._on_done, jobs)
        if monotonic() >= self._next_look:
            self._next_look = monotonic() + WATCH_SECONDS
            self.look()
        return goes_on and not self._loop.is_closed()

    def _take(self) -> tuple[list[Job], bool]:
        jobs: list[Job] = []
        with suppress(Empty):
            more = self._inbox.get(timeout=max(0.0, self._next_look - monotonic()))
            while more is not None:
                jobs += more
                more = self._inbox.get_nowait()
            return jobs, False
        return jobs, True
