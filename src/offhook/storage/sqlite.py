"""SQLite from asyncio, durable and fast: all writes that wait go into one transaction.

A commit with ``synchronous=FULL`` waits for the disk. Everything that the event loop has asked for meanwhile goes
into the next transaction, so the number of durable writes a second is bound by the processor and not by the disk's
latency. A write's future is done only after its COMMIT: whoever acknowledges after awaiting it loses nothing when
the process or the machine dies.

What is read is read by another thread over another connection: a disk that takes its time for a commit keeps back those
who wait for commits, and nobody else.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self, TypeVar

import apsw

from offhook.errors import InvalidState, LimitExceeded
from offhook.storage.connection import require_whole
from offhook.storage.reader import ReaderThread
from offhook.storage.schema import Schema
from offhook.storage.slowness import Slowness
from offhook.storage.thread import Inbox, Job, StorageThread
from offhook.storage.writer import WriterThread

__all__ = ["Database", "Row", "Value"]

Value = str | bytes | int | float | None
"""What a column holds. Text must be proper Unicode: keep wire text, which may hold surrogates, as its octets."""
Row = tuple[Any, ...]
T = TypeVar("T")


class Database:
    """An open SQLite file. Use it from the event loop that opened it.

    All calls return a future at once, so that one piece of code can ask for many things before it waits. Futures
    raise StorageError when the storage fails. Cancelling one does not take its write back.
    """

    def __init__(self, path: str, max_queued: int) -> None:
        self.path = path
        self._loop = asyncio.get_running_loop()
        self._writes = _Lane(path, max_queued, self._loop)
        self._reads = _Lane(path, max_queued, self._loop)
        self._slowness = Slowness(path, self._loop)
        self._watchers: list[Callable[[], None]] = []
        self._is_closing = False
        self._closed: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(cls, path: str | os.PathLike[str], schemas: Sequence[Schema], *, max_queued: int = 65_536) -> Self:
        """Open or make the file and bring it to the present version of the `schemas`.

        A new file can be read by its owner alone; the mode of one that exists is left as its administrator set it.
        Its folder must exist. `max_queued` bounds the writes that wait, and the reads. Raises StorageError.
        """
        database = cls(os.fspath(path), max_queued)
        loop, writes, reads = database._loop, database._writes, database._reads
        writer = WriterThread(
            database.path,
            tuple(schemas),
            loop,
            writes.inbox,
            on_opened=writes.opened,
            on_done=database._written,
            on_change=database._announce,
            on_closed=partial(_finish, database._closed, None),
        )
        # The last connection that closes writes the log back: that is the writer's.
        close_writer = partial(writes.inbox.put, None)
        reader = ReaderThread(
            database.path, loop, reads.inbox, on_opened=reads.opened, on_done=reads.settle, on_closed=close_writer
        )
        await _start(writer, writes)
        try:
            await _start(reader, reads)
        except BaseException:
            close_writer()
            raise
        return database

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def read(self, sql: str, bindings: Sequence[Value] = ()) -> asyncio.Future[list[Row]]:
        """All rows of a query, of what is committed. Writes whose futures are not done yet may be seen or not."""
        return self._submit(self._reads, partial(_fetch, sql, bindings), is_single=True)

    def write(self, sql: str, bindings: Sequence[Value] = ()) -> asyncio.Future[int]:
        """Execute one statement durably. The future gives the number of rows it changed, after the commit.

        Writes happen in the order of the calls. One that breaks a constraint fails alone (fault `CONFLICT`).
        """
        return self._submit(self._writes, partial(_change, sql, bindings), is_single=True)

    def transact(self, act: Callable[[apsw.Connection], T]) -> asyncio.Future[T]:
        """Call `act` with the connection, in the thread, and keep all that it does or, when it raises, nothing.

        The future gives what it returned, after the commit, or raises what it raised. It must not begin or end a
        transaction by itself, and may be called anew when what shared its transaction has failed.
        """
        return self._submit(self._writes, act, is_single=False)

    def check(self) -> asyncio.Future[None]:
        """Read the whole file and compare what belongs together; a million bindings take half a second.

        The future raises StorageError, fault `CORRUPT`, for a file that is damaged.
        """
        return self._submit(self._reads, partial(require_whole, self.path), is_single=True)

    def watch(self, on_change: Callable[[], None]) -> None:
        """Have `on_change` called in the loop within a second after another process has changed the file."""
        self._watchers.append(on_change)

    async def close(self) -> None:
        """Finish what was asked for and close the file. Further calls raise InvalidState."""
        if not self._is_closing:
            self._is_closing = True
            self._writes.flush()
            self._reads.flush()
            self._reads.inbox.put(None)
        await asyncio.shield(self._closed)
        self._slowness.end()

    def _submit(self, lane: _Lane, act: Callable[[apsw.Connection], object], *, is_single: bool) -> asyncio.Future[Any]:
        if self._is_closing:
            raise InvalidState(f"{self.path} is closed")
        if lane is self._writes:
            self._slowness.asked()
        return lane.submit(act, is_single)

    def _written(self, jobs: list[Job]) -> None:
        self._slowness.done(len(jobs))
        self._writes.settle(jobs)

    def _announce(self) -> None:
        for on_change in self._watchers:
            on_change()


class _Lane:
    """The way to one thread and back. Jobs are done in the order in which they were submitted."""

    __slots__ = ("_loop", "_max_queued", "_outbox", "_path", "_queued", "inbox", "is_open")

    def __init__(self, path: str, max_queued: int, loop: asyncio.AbstractEventLoop) -> None:
        self._path = path
        self._max_queued = max_queued
        self._loop = loop
        self.inbox: Inbox = SimpleQueue()
        self.is_open: asyncio.Future[None] = loop.create_future()
        self._outbox: list[Job] = []
        self._queued = 0

    def opened(self, error: Exception | None) -> None:
        """The thread has opened its connection, or could not."""
        _finish(self.is_open, error)

    def submit(self, act: Callable[[apsw.Connection], object], is_single: bool) -> asyncio.Future[Any]:
        """Have something done; what becomes of it. Raises LimitExceeded."""
        if self._queued >= self._max_queued:
            raise LimitExceeded(f"{self._path} is too slow: {self._queued} calls wait for it")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queued += 1
        self._outbox.append(Job(act, future, is_single))
        if len(self._outbox) == 1:
            # One hand-over for all calls of this turn of the loop: waking the thread costs more than a statement.
            self._loop.call_soon(self.flush)
        return future

    def flush(self) -> None:
        """Hand over what was submitted."""
        if self._outbox:
            self.inbox.put(self._outbox)
            self._outbox = []

    def settle(self, jobs: list[Job]) -> None:
        """These are done."""
        self._queued -= len(jobs)
        for job in jobs:
            _finish(job.future, job.error, job.result)


async def _start(thread: StorageThread, lane: _Lane) -> None:
    thread.start()
    try:
        await lane.is_open
    except BaseException:
        lane.inbox.put(None)
        raise


def _finish(future: asyncio.Future[Any], error: Exception | None, result: object = None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


def _fetch(sql: str, bindings: Sequence[Value], connection: apsw.Connection) -> list[Row]:
    return connection.execute(sql, bindings).fetchall()


def _change(sql: str, bindings: Sequence[Value], connection: apsw.Connection) -> int:
    connection.execute(sql, bindings)
    return connection.changes()
