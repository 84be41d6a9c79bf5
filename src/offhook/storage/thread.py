"""The thread that owns an SQLite connection: it takes jobs, groups the writes, and commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Final

import apsw

from offhook.errors import InvalidState
from offhook.storage.connection import open_connection, translate
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.schema import Schema

__all__ = ["WATCH_SECONDS", "DatabaseThread", "Job"]

WATCH_SECONDS: Final = 0.5
"""How often the file is looked at for what other processes wrote."""

# What concerns one statement alone. Any other error says that the transaction, or the file, is in trouble.
_STATEMENT_ERRORS: Final = (
    apsw.BindingsError,
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.SQLError,
    apsw.TooBigError,
)


class Job:
    """One call: what to do in the thread, and who waits for it in the loop."""

    __slots__ = ("act", "error", "future", "is_single", "result", "writes")

    def __init__(
        self, act: Callable[[apsw.Connection], object], future: asyncio.Future[Any], writes: bool, is_single: bool
    ) -> None:
        self.act = act
        self.future = future
        self.writes = writes
        self.is_single = is_single
        self.result: object = None
        self.error: Exception | None = None


class DatabaseThread(Thread):
    """Owns the connection to the file at `path` until the inbox gives None. What it has to say, it says in the loop.

    `on_opened` gets the error or None; only after None comes anything else. `on_done` gets jobs with their outcome,
    writes after their commit. `on_change`: another process has changed the file.
    """

    def __init__(
        self,
        path: str,
        schemas: tuple[Schema, ...],
        loop: asyncio.AbstractEventLoop,
        inbox: SimpleQueue[list[Job] | None],
        *,
        on_opened: Callable[[Exception | None], None],
        on_done: Callable[[list[Job]], None],
        on_change: Callable[[], None],
        on_closed: Callable[[], None],
    ) -> None:
        # A daemon: a program that forgets to close ends all the same, and loses nothing that was acknowledged.
        super().__init__(name="offhook-sqlite", daemon=True)
        self._path = path
        self._schemas = schemas
        self._loop = loop
        self._inbox = inbox
        self._on_opened = on_opened
        self._on_done = on_done
        self._on_change = on_change
        self._on_closed = on_closed
        self._identity = (0, 0)
        self._version = 0
        self._next_look = 0.0

    def run(self) -> None:
        try:
            self._connection = open_connection(self._path, self._schemas)
        except Exception as error:
            self._say(self._on_opened, error)
            return
        self._identity = _identity(self._path)
        self._version = self._data_version()
        self._say(self._on_opened, None)
        while self._turn():
            pass
        with suppress(apsw.Error):
            self._connection.close()
        self._say(self._on_closed)

    def _say(self, call: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            self._loop.call_soon_threadsafe(call, *arguments)

    def _turn(self) -> bool:
        """Wait for jobs, do all that wait, look for changes; False when it was the last turn."""
        jobs, goes_on = self._take()
        if jobs:
            self._read([job for job in jobs if not job.writes])
            self._commit([job for job in jobs if job.writes])
            self._say(self._on_done, jobs)
        if monotonic() >= self._next_look:
            self._look()
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

    def _read(self, jobs: list[Job]) -> None:
        for job in jobs:
            try:
                job.result = job.act(self._connection)
            except Exception as error:
                job.error = self._translated(error)

    def _commit(self, jobs: list[Job]) -> None:
        """Do all writes in one transaction. When it fails, all of them have failed."""
        if not jobs:
            return
        try:
            self._require_file()
            self._connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._write(job)
            self._connection.execute("COMMIT")
        except Exception as error:
            failures = [self._translated(error) for _ in jobs]
            with suppress(apsw.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            for job, failure in zip(jobs, failures, strict=True):
                job.error = failure

    def _write(self, job: Job) -> None:
        failure = self._act(job)
        if failure is not None:
            if isinstance(failure, apsw.Error) and not isinstance(failure, _STATEMENT_ERRORS):
                raise failure
            job.error = self._translated(failure)
        if not self._connection.in_transaction:
            raise InvalidState("a call to the storage ended the transaction that it shares with others")

    def _act(self, job: Job) -> Exception | None:
        """Do one write and give what it raised.

        When SQLite has rolled everything back, as on a full disk, undoing the savepoint fails as well: what counts is
        why it came to that.
        """
        failure: Exception | None = None
        try:
            if job.is_single:
                job.result = job.act(self._connection)
                return None
            with self._connection:  # A savepoint: what it did is undone when it raises.
                try:
                    job.result = job.act(self._connection)
                except Exception as error:
                    failure = error
                    raise
        except Exception as error:
            return failure or error
        return None

    def _require_file(self) -> None:
        # SQLite would go on writing into a file that was deleted, and nobody would find it again.
        if _identity(self._path) != self._identity:
            reason = f"{self._path} was deleted or replaced while it was in use: restart"
            raise StorageError(reason, fault=StorageFault.MOVED, path=self._path)

    def _look(self) -> None:
        self._next_look = monotonic() + WATCH_SECONDS
        version = self._data_version()
        if version != self._version:
            self._version = version
            self._say(self._on_change)

    def _data_version(self) -> int:
        """A number that changes when another connection commits; the last one while the file cannot be read."""
        with suppress(apsw.Error):
            [(version,)] = self._connection.execute("PRAGMA data_version")
            return int(version)
        return self._version

    def _translated(self, error: Exception) -> Exception:
        if isinstance(error, apsw.Error | StorageError):
            return translate(error, self._path, self._connection.system_errno)
        if isinstance(error, StopIteration):
            return RuntimeError("a call in the storage thread raised StopIteration")  # no future can carry it
        return error


def _identity(path: str) -> tuple[int, int]:
    try:
        status = Path(path).stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino
