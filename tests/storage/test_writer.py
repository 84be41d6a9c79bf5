"""The thread that writes: what it reports to the loop, in which order, and what fails together."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue

import apsw
import pytest

from offhook.storage.connection import open_connection
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.schema import Schema
from offhook.storage.thread import Job
from offhook.storage.writer import WriterThread

SCHEMA = Schema("notes", ["CREATE TABLE note (text TEXT NOT NULL) STRICT"])


class Reports:
    """What a thread has said, and a way to wait for the end of it."""

    def __init__(self) -> None:
        self.opened: list[Exception | None] = []
        self.done: list[Job] = []
        self.batches: list[int] = []
        self.changes = 0
        self.closed = asyncio.Event()
        self.ready = asyncio.Event()
        self.told = asyncio.Event()
        self.inbox: SimpleQueue[list[Job] | None] = SimpleQueue()

    def on_opened(self, error: Exception | None) -> None:
        self.opened.append(error)
        self.ready.set()

    def on_done(self, jobs: list[Job]) -> None:
        self.done += jobs
        self.batches.append(len(jobs))
        self.told.set()

    async def until(self, count: int) -> None:
        """Wait until so many jobs are done."""
        while len(self.done) < count:
            self.told.clear()
            await asyncio.wait_for(self.told.wait(), 10)

    def on_change(self) -> None:
        self.changes += 1


def started(path: Path, schema: Schema = SCHEMA) -> Reports:
    reports = Reports()
    WriterThread(
        str(path),
        (schema,),
        asyncio.get_running_loop(),
        reports.inbox,
        on_opened=reports.on_opened,
        on_done=reports.on_done,
        on_change=reports.on_change,
        on_closed=reports.closed.set,
    ).start()
    return reports


def write(text: str | None) -> Job:
    def act(connection: apsw.Connection) -> int:
        connection.execute("INSERT INTO note VALUES (?)", (text,))
        return connection.changes()

    return Job(act, asyncio.get_running_loop().create_future(), is_single=True)


def count() -> Job:
    def act(connection: apsw.Connection) -> object:
        return connection.execute("SELECT count(*) FROM note").get

    return Job(act, asyncio.get_running_loop().create_future(), is_single=True)


async def ended(reports: Reports) -> None:
    reports.inbox.put(None)
    await asyncio.wait_for(reports.closed.wait(), 10)


async def test_what_waits_together_is_done_together(tmp_path: Path) -> None:
    reports = started(tmp_path / "db")
    await asyncio.wait_for(reports.ready.wait(), 10)
    jobs = [write("one"), write("two"), write("three")]
    reports.inbox.put(jobs)
    await ended(reports)
    assert reports.opened == [None]
    assert reports.done == jobs
    assert reports.batches == [3]
    assert [job.error for job in jobs] == [None, None, None]


async def test_a_write_that_fails_leaves_the_others_of_its_turn(tmp_path: Path) -> None:
    reports = started(tmp_path / "db")
    await asyncio.wait_for(reports.ready.wait(), 10)
    good, bad = write("one"), write(None)
    reports.inbox.put([good, bad])
    await reports.until(2)
    left = count()
    reports.inbox.put([left])
    await ended(reports)
    assert good.error is None
    assert isinstance(bad.error, StorageError | apsw.ConstraintError)
    assert left.result == 1


async def test_a_full_disk_is_called_that_for_changes_of_several_rows(tmp_path: Path) -> None:
    reports = started(tmp_path / "db")
    await asyncio.wait_for(reports.ready.wait(), 10)

    def fill(connection: apsw.Connection) -> None:
        pages = connection.pragma("page_count")
        connection.pragma("max_page_count", pages + 8)
        for _ in range(100):
            connection.execute("INSERT INTO note VALUES (?)", ("x" * 4096,))

    full = Job(fill, asyncio.get_running_loop().create_future(), is_single=False)
    reports.inbox.put([full])
    await reports.until(1)
    left = count()
    reports.inbox.put([left])
    await ended(reports)
    assert isinstance(full.error, StorageError)
    assert full.error.fault is StorageFault.FULL
    assert left.result == 0


async def test_a_file_that_cannot_be_opened_is_said_and_ends_the_thread(tmp_path: Path) -> None:
    reports = started(tmp_path / "no folder" / "db")
    await asyncio.wait_for(reports.ready.wait(), 10)
    assert isinstance(reports.opened[0], StorageError)
    assert reports.done == []


async def test_a_loop_that_is_gone_does_no_harm(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    loop = asyncio.new_event_loop()
    inbox: SimpleQueue[list[Job] | None] = SimpleQueue()
    reports = Reports()
    thread = WriterThread(
        str(tmp_path / "db"),
        (SCHEMA,),
        loop,
        inbox,
        on_opened=reports.on_opened,
        on_done=reports.on_done,
        on_change=reports.on_change,
        on_closed=reports.closed.set,
    )
    loop.close()
    thread.start()
    inbox.put(None)
    await asyncio.to_thread(thread.join, 10)
    assert not thread.is_alive()
    assert reports.opened == []


async def test_a_damaged_page_fails_those_alone_whose_rows_are_on_it(tmp_path: Path) -> None:
    path = tmp_path / "db"
    schema = Schema("notes", ["CREATE TABLE note (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"])
    connection = open_connection(str(path), [schema])
    connection.executemany("INSERT INTO note VALUES (?, ?)", [(n, f"{n:0>3000}") for n in range(20)])
    connection.close()
    octets = bytearray(path.read_bytes())
    start = octets.index(f"{7:0>3000}".encode()) // 4096 * 4096
    octets[start : start + 4096] = b"\xaa" * 4096
    path.write_bytes(octets)
    reports = started(path, schema)
    await asyncio.wait_for(reports.ready.wait(), 10)
    jobs = [changed(n) for n in range(20)]
    reports.inbox.put(jobs)
    await ended(reports)
    failed = [n for n, job in enumerate(jobs) if job.error is not None]
    assert failed == [7]
    error = jobs[7].error
    assert isinstance(error, StorageError)
    assert error.fault is StorageFault.CORRUPT
    with closing(apsw.Connection(str(path))) as after:
        assert after.execute("SELECT count(*) FROM note WHERE n < 6 AND text = 'new'").get == 6


def changed(n: int) -> Job:
    def act(connection: apsw.Connection) -> int:
        connection.execute("UPDATE note SET text = 'new' WHERE n = ?", (n,))
        return connection.changes()

    return Job(act, asyncio.get_running_loop().create_future(), is_single=True)
