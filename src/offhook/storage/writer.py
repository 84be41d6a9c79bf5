"""The thread that writes: it groups what waits into one transaction, and commits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import apsw

from offhook.errors import InvalidState
from offhook.storage.connection import open_connection
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.schema import Schema
from offhook.storage.thread import Inbox, Job, StorageThread

__all__ = ["WriterThread"]

# What concerns one statement alone. Any other error says that the transaction, or the file, is in trouble.
_STATEMENT_ERRORS: Final = (
    apsw.BindingsError,
    apsw.ConstraintError,
    apsw.MismatchError,
    apsw.RangeError,
    apsw.SQLError,
    apsw.TooBigError,
)


class WriterThread(StorageThread):
    """Brings the file to the present version of `schemas`, then writes; jobs are done after their commit.

    `on_change`: another process has changed the file.
    """

    def __init__(
        self,
        path: str,
        schemas: tuple[Schema, ...],
        loop: asyncio.AbstractEventLoop,
        inbox: Inbox,
        *,
        on_opened: Callable[[Exception | None], None],
        on_done: Callable[[list[Job]], None],
        on_change: Callable[[], None],
        on_closed: Callable[[], None],
    ) -> None:
        super().__init__(path, loop, inbox, on_opened=on_opened, on_done=on_done, on_closed=on_closed)
        self._schemas = schemas
        self._on_change = on_change
        self._identity = (0, 0)
        self._version = 0

    def open(self) -> apsw.Connection:
        """The connection, once the schemas are at their present versions."""
        connection = open_connection(self.path, self._schemas)
        self._identity = _identity(self.path)
        self._version = _data_version(connection, 0)
        return connection

    def do(self, jobs: list[Job]) -> None:
        """Do all writes in one transaction. When it fails, all of them have failed."""
        fault = self._commit(jobs)
        if fault is StorageFault.CORRUPT and len(jobs) > 1:
            # A damaged page is in the way of those alone whose rows lie on it.
            for job in jobs:
                job.result = job.error = None
                self._commit([job])

    def look(self) -> None:
        """Whether another process has changed the file."""
        version = _data_version(self.connection, self._version)
        if version != self._version:
            self._version = version
            self.say(self._on_change)

    def _commit(self, jobs: list[Job]) -> StorageFault | None:
        """Do writes in one transaction; what was in the way of all of them."""
        try:
            self._require_file()
            self.connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._write(job)
            self.connection.execute("COMMIT")
        except Exception as error:
            failures = [self.translated(error) for _ in jobs]
            with suppress(apsw.Error):
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
            for job, failure in zip(jobs, failures, strict=True):
                job.error = failure
            return failures[0].fault if isinstance(failures[0], StorageError) else None
        return None

    def _write(self, job: Job) -> None:
        failure = self._act(job)
        if failure is not None:
            if isinstance(failure, apsw.Error) and not isinstance(failure, _STATEMENT_ERRORS):
                raise failure
            job.error = self.translated(failure)
        if not self.connection.in_transaction:
            raise InvalidState("a call to the storage ended the transaction that it shares with others")

    def _act(self, job: Job) -> Exception | None:
        """Do one write and give what it raised.

        When SQLite has rolled everything back, as on a full disk, undoing the savepoint fails as well: what counts is
        why it came to that.
        """
        failure: Exception | None = None
        try:
            if job.is_single:
                job.result = job.act(self.connection)
                return None
            with self.connection:  # A savepoint: what it did is undone when it raises.
                try:
                    job.result = job.act(self.connection)
                except Exception as error:
                    failure = error
                    raise
        except Exception as error:
            return failure or error
        return None

    def _require_file(self) -> None:
        # SQLite would go on writing into a file that was deleted, and nobody would find it again.
        if _identity(self.path) != self._identity:
            reason = f"{self.path} was deleted or replaced while it was in use: restart"
            raise StorageError(reason, fault=StorageFault.MOVED, path=self.path)


def _data_version(connection: apsw.Connection, last: int) -> int:
    """A number that changes when another connection commits; the last one while the file cannot be read."""
    with suppress(apsw.Error):
        [(version,)] = connection.execute("PRAGMA data_version")
        return int(version)
    return last


def _identity(path: str) -> tuple[int, int]:
    try:
        status = Path(path).stat()
    except OSError:
        return (0, 0)
    return status.st_dev, status.st_ino
