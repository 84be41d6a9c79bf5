"""The thread that reads: what is committed, nothing else, and whatever the writer is at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import apsw
import pytest

from offhook.storage import reader
from offhook.storage.connection import open_connection
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.reader import ReaderThread
from offhook.storage.schema import Schema
from offhook.storage.thread import Inbox, Job

SCHEMA = Schema("notes", ["CREATE TABLE note (text TEXT NOT NULL) STRICT"])
ALL = "SELECT text FROM note"


def test_all_names_exist() -> None:
    assert all(hasattr(reader, name) for name in reader.__all__)


class Reading:
    """A reader beside a connection that writes."""

    def __init__(self, path: Path) -> None:
        self.writer = open_connection(str(path), [SCHEMA])
        self.inbox: Inbox = SimpleQueue()
        self.ready, self.told, self.closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.thread = ReaderThread(
            str(path),
            asyncio.get_running_loop(),
            self.inbox,
            on_opened=lambda error: self.ready.set(),
            on_done=lambda jobs: self.told.set(),
            on_closed=self.closed.set,
        )
        self.thread.start()

    async def do(self, *acts: Callable[[apsw.Connection], object]) -> list[Any]:
        loop = asyncio.get_running_loop()
        jobs = [Job(act, loop.create_future(), is_single=True) for act in acts]
        self.told.clear()
        self.inbox.put(jobs)
        await asyncio.wait_for(self.told.wait(), 10)
        return [job.error or job.result for job in jobs]


@pytest.fixture
async def reading(tmp_path: Path) -> AsyncIterator[Reading]:
    reading = Reading(tmp_path / "db")
    await asyncio.wait_for(reading.ready.wait(), 10)
    yield reading
    reading.inbox.put(None)
    await asyncio.wait_for(reading.closed.wait(), 10)
    reading.writer.close()


def texts(connection: apsw.Connection) -> list[Any]:
    return connection.execute(ALL).fetchall()


async def test_it_reads_what_is_committed_and_waits_for_no_commit(reading: Reading) -> None:
    reading.writer.execute("INSERT INTO note VALUES ('one')")
    reading.writer.execute("BEGIN IMMEDIATE; INSERT INTO note VALUES ('two')")
    assert await reading.do(texts) == [[("one",)]]
    reading.writer.execute("COMMIT")
    assert await reading.do(texts) == [[("one",), ("two",)]]


async def test_one_that_fails_fails_alone(reading: Reading) -> None:
    failed, read = await reading.do(lambda connection: connection.execute("SELECT nothing"), texts)
    assert isinstance(failed, StorageError)
    assert read == []


async def test_it_cannot_write(reading: Reading) -> None:
    [failed] = await reading.do(lambda connection: connection.execute("INSERT INTO note VALUES ('x')"))
    assert isinstance(failed, StorageError)
    assert failed.fault is StorageFault.READ_ONLY
    assert await reading.do(texts) == [[]]
