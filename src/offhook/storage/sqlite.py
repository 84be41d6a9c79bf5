"""SQLite from asyncio, durable and fast: all writes that wait go into one transaction.

A commit with ``synchronous=FULL`` waits for the disk. Everything that the event loop has asked for meanwhile goes
into the next transaction, so the number of durable writes a second is bound by the processor and not by the disk's
latency. A write's future is done only after its COMMIT: whoever acknowledges after awaiting it loses nothing when
the process or the machine dies.
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
from offhook.storage.schema import Schema
from offhook.storage.thread import DatabaseThread, Job

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
        self._max_queued = max_queued
        self._loop = asyncio.get_running_loop()
        self._inbox: SimpleQueue[list[Job] | None] = SimpleQueue()
        self._outbox: list[Job] = []
        self._queued = 0
        self._watchers: list[Callable[[], None]] = []
        self._is_closing = False
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()

    @classmethod
    async def open(cls, path: str | os.PathLike[str], schemas: Sequence[Schema], *, max_queued: int = 65_536) -> Self:
        """Open or make the file and bring it to the present version of the `schemas`.

        A new file can be read by its owner alone; the mode of one that exists is left as its administrator set it.
        Its folder must exist. `max_queued` bounds the calls that wait. Raises StorageError.
        """
        database = cls(os.fspath(path), max_queued)
        DatabaseThread(
            database.path,
            tuple(schemas),
            database._loop,
            database._inbox,
            on_opened=partial(_finish, database._opened),
            on_done=database._settle,
            on_change=database._announce,
            on_closed=partial(_finish, database._closed, None),
        ).start()
        try:
            await database._opened
        except BaseException:
            database._inbox.put(None)
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
        return self._submit(partial(_fetch, sql, bindings), writes=False, is_single=True)

    def write(self, sql: str, bindings: Sequence[Value] = ()) -> asyncio.Future[int]:
        """Execute one statement durably. The future gives the number of rows it changed, after the commit.

        Writes happen in the order of the calls. One that breaks a constraint fails alone (fault `CONFLICT`).
        """
        return self._submit(partial(_change, sql, bindings), writes=True, is_single=True)

    def transact(self, act: Callable[[apsw.Connection], T]) -> asyncio.Future[T]:
        """Call `act` with the connection, in the thread, and keep all that it does or, when it raises, nothing.

        The future gives what it returned, after the commit, or raises what it raised. It must not begin or end a
        transaction by itself.
        """
        return self._submit(act, writes=True, is_single=False)

    def watch(self, on_change: Callable[[], None]) -> None:
        """Have `on_change` called in the loop within a second after another process has changed the file."""
        self._watchers.append(on_change)

    async def close(self) -> None:
        """Finish what was asked for and close the file. Further calls raise InvalidState."""
        if not self._is_closing:
            self._is_closing = True
            self._flush()
            self._inbox.put(None)
        await asyncio.shield(self._closed)

    def _submit(
        self, act: Callable[[apsw.Connection], object], *, writes: bool, is_single: bool
    ) -> asyncio.Future[Any]:
        if self._is_closing:
            raise InvalidState(f"{self.path} is closed")
        if self._queued >= self._max_queued:
            raise LimitExceeded(f"{self.path} is too slow: {self._queued} calls wait for it")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queued += 1
        self._outbox.append(Job(act, future, writes, is_single))
        if len(self._outbox) == 1:
            # One hand-over for all calls of this turn of the loop: waking the thread costs more than a statement.
            self._loop.call_soon(self._flush)
        return future

    def _flush(self) -> None:
        if self._outbox:
            self._inbox.put(self._outbox)
            self._outbox = []

    def _settle(self, jobs: list[Job]) -> None:
        self._queued -= len(jobs)
        for job in jobs:
            _finish(job.future, job.error, job.result)

    def _announce(self) -> None:
        for on_change in self._watchers:
            on_change()


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
