from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import apsw
import pytest

from offhook.errors import InvalidState, LimitExceeded
from offhook.storage import sqlite
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.schema import Schema
from offhook.storage.sqlite import Database

NUMBERS = Schema("numbers", ["CREATE TABLE numbers (n INTEGER PRIMARY KEY, note TEXT NOT NULL DEFAULT '') STRICT"])
INSERT = "INSERT INTO numbers (n) VALUES (?)"


def listed(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode for path in folder.iterdir()}


async def numbers(database: Database) -> list[int]:
    return [n for (n,) in await database.read("SELECT n FROM numbers ORDER BY n")]


async def occupy(database: Database) -> threading.Event:
    """Keep the thread busy until the event is set, so that calls gather behind it."""
    started, release = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_: apsw.Connection) -> None:
        loop.call_soon_threadsafe(started.set)
        assert release.wait(20.0)

    held = database.transact(hold)
    await started.wait()
    assert not held.done()
    return release


async def limit_pages(database: Database, pages: int) -> None:
    """Let the file have no more pages than that, as a full disk does."""
    await database.transact(lambda connection: connection.pragma("max_page_count", pages))


def test_all_names_exist() -> None:
    assert all(hasattr(sqlite, name) for name in sqlite.__all__)


async def test_what_is_written_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await Database.open(path, [NUMBERS]) as database:
        assert await database.write(INSERT, (7,)) == 1
        assert await database.write("UPDATE numbers SET note = 'x'") == 1
        assert await database.write("DELETE FROM numbers WHERE n = 8") == 0
    async with await Database.open(path, [NUMBERS]) as database:
        assert await database.read("SELECT n, note FROM numbers") == [(7, "x")]


async def test_the_file_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
            await database.write(INSERT, (1,))
            modes = {name: mode & 0o777 for name, mode in listed(tmp_path).items()}
    finally:
        os.umask(old)
    assert modes == {"a.db": 0o600, "a.db-wal": 0o600, "a.db-shm": 0o600}


async def test_a_commit_waits_for_the_disk(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        assert await database.read("PRAGMA synchronous") == [(2,)]
        assert await database.read("PRAGMA journal_mode") == [("wal",)]


async def test_writes_that_wait_share_a_transaction(tmp_path: Path) -> None:
    commits = 0

    def count() -> bool:
        nonlocal commits
        commits += 1
        return False

    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        await database.transact(lambda connection: connection.set_commit_hook(count))
        commits = 0
        release = await occupy(database)
        writes = [database.write(INSERT, (n,)) for n in range(500)]
        await asyncio.sleep(0)
        release.set()
        assert await asyncio.gather(*writes) == [1] * 500
        assert commits == 2, "one for what kept the thread busy, one for all others"
        assert await numbers(database) == list(range(500))


async def test_writes_keep_their_order(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        await database.write(INSERT, (1,))
        release = await occupy(database)
        writes = [database.write("UPDATE numbers SET note = note || ?", (text,)) for text in "abc"]
        release.set()
        await asyncio.gather(*writes)
        assert await database.read("SELECT note FROM numbers") == [("abc",)]


async def test_a_write_that_breaks_a_rule_fails_alone(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        release = await occupy(database)
        writes = [database.write(INSERT, (n,)) for n in (1, 2, 1, 3)]
        writes += [database.write(INSERT, ("text",)), database.write("nonsense"), database.write(INSERT, ())]
        writes += [database.write(INSERT, ("\udcff",)), database.write(INSERT, (4,))]
        release.set()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        kinds = [outcome.fault if isinstance(outcome, StorageError) else type(outcome) for outcome in outcomes]
        conflict, failed = StorageFault.CONFLICT, StorageFault.FAILED
        assert kinds == [int, int, conflict, int, conflict, failed, failed, UnicodeEncodeError, int]
        assert str(outcomes[2]).endswith("breaks a rule of its schema (UNIQUE constraint failed: numbers.n)")
        assert await numbers(database) == [1, 2, 3, 4]


async def test_a_unit_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    def both(connection: apsw.Connection) -> str:
        connection.execute(INSERT, (10,))
        connection.execute(INSERT, (11,))
        return "done"

    def half(connection: apsw.Connection) -> None:
        connection.execute(INSERT, (20,))
        raise KeyError("changed my mind")

    def stopped(connection: apsw.Connection) -> None:
        connection.execute(INSERT, (30,))
        next(iter(()))

    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        release = await occupy(database)
        good, bad, odd = database.transact(both), database.transact(half), database.transact(stopped)
        after = database.write(INSERT, (40,))
        release.set()
        assert await good == "done"
        with pytest.raises(KeyError, match="changed my mind"):
            await bad
        with pytest.raises(RuntimeError, match="StopIteration"):
            await odd
        assert await after == 1
        assert await numbers(database) == [10, 11, 40]


async def test_a_unit_that_ends_the_transaction_fails_all_that_share_it(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        release = await occupy(database)
        before = database.write(INSERT, (1,))
        rogue = database.write("ROLLBACK")
        after = database.write(INSERT, (2,))
        release.set()
        outcomes = await asyncio.gather(before, rogue, after, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {InvalidState}
        assert await numbers(database) == []
        assert await database.write(INSERT, (3,)) == 1


async def test_a_query_that_fails(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        with pytest.raises(StorageError, match="no such table") as caught:
            await database.read("SELECT * FROM missing")
        assert caught.value.fault is StorageFault.FAILED
        assert caught.value.path == str(tmp_path / "a.db")


async def test_a_full_disk_loses_nothing_acknowledged(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        await database.write(INSERT, (1,))
        await limit_pages(database, 8)
        release = await occupy(database)
        writes = [database.write("INSERT INTO numbers VALUES (?, ?)", (n, "x" * 5000)) for n in range(2, 20)]
        release.set()
        outcomes = await asyncio.gather(*writes, return_exceptions=True)
        assert {getattr(outcome, "fault", None) for outcome in outcomes} == {StorageFault.FULL}
        assert str(outcomes[0]) == f"{database.path} cannot grow: the disk is full"
        assert await numbers(database) == [1]
        await limit_pages(database, 1_000_000)
        assert await database.write(INSERT, (3,)) == 1, "it works again once there is room"


async def test_a_file_that_is_deleted_in_use_takes_no_more_writes(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await Database.open(path, [NUMBERS]) as database:
        await database.write(INSERT, (1,))
        path.unlink()
        with pytest.raises(StorageError, match="deleted or replaced while it was in use") as caught:
            await database.write(INSERT, (2,))
        assert caught.value.fault is StorageFault.MOVED


async def test_changes_of_another_process_are_announced(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with await Database.open(path, [NUMBERS]) as database:
        seen = asyncio.Event()
        database.watch(seen.set)
        await database.write(INSERT, (1,))
        program = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()"
        command = [sys.executable, "-c", program, str(path), "INSERT INTO numbers (n) VALUES (2)"]
        other = await asyncio.create_subprocess_exec(*command)
        assert await other.wait() == 0
        await asyncio.wait_for(seen.wait(), 5.0)
        assert await numbers(database) == [1, 2]


async def test_own_writes_are_not_announced(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        calls: list[int] = []
        database.watch(lambda: calls.append(1))
        await database.write(INSERT, (1,))
    assert calls == []


async def test_the_queue_is_bounded(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS], max_queued=3) as database:
        release = await occupy(database)
        writes = [database.write(INSERT, (n,)) for n in range(2)]
        with pytest.raises(LimitExceeded, match="3 calls wait"):
            await database.write(INSERT, (9,))
        release.set()
        await asyncio.gather(*writes)
        await database.write(INSERT, (9,))


async def test_close_finishes_what_was_asked_for(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "a.db", [NUMBERS])
    writes = [database.write(INSERT, (n,)) for n in range(50)]
    await asyncio.gather(database.close(), database.close())
    assert [write.result() for write in writes] == [1] * 50
    assert list(listed(tmp_path)) == ["a.db"], "the log was written back"
    with pytest.raises(InvalidState, match=r"a\.db is closed"):
        await database.read("SELECT 1")
    await database.close()


async def test_a_cancelled_write_harms_nobody(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        release = await occupy(database)
        given_up, other = database.write(INSERT, (1,)), database.write(INSERT, (2,))
        given_up.cancel()
        release.set()
        assert await other == 1
        assert await numbers(database) == [1, 2]


async def test_failing_to_open_raises_in_the_opener(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="its folder does not exist"):
        await Database.open(tmp_path / "none" / "a.db", [NUMBERS])


async def test_giving_up_to_open_ends_the_thread(tmp_path: Path) -> None:
    threads = set(threading.enumerate())
    opening = asyncio.ensure_future(Database.open(tmp_path / "a.db", [NUMBERS]))
    await asyncio.sleep(0)
    [thread] = set(threading.enumerate()) - threads
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await asyncio.to_thread(thread.join, 10.0)
    assert not thread.is_alive()


def test_a_loop_that_ends_without_closing_ends_the_thread(tmp_path: Path) -> None:
    async def main() -> set[threading.Thread]:
        threads = set(threading.enumerate())
        database = await Database.open(tmp_path / "a.db", [NUMBERS])
        await database.write(INSERT, (1,))
        return set(threading.enumerate()) - threads

    threads = asyncio.run(main())
    assert len(threads) == 2
    for thread in threads:
        thread.join(10.0)
        assert not thread.is_alive()


WRITER = """
import asyncio, os, sys
from offhook.storage.schema import Schema
from offhook.storage.sqlite import Database

async def main():
    schema = Schema("numbers", [sys.argv[2]])
    database = await Database.open(sys.argv[1], [schema])
    [(first,)] = await database.read("SELECT coalesce(max(n), 0) + 1 FROM numbers")
    numbers = iter(range(first, 1 << 40))
    async def write():
        for n in numbers:
            await database.write("INSERT INTO numbers (n) VALUES (?)", (n,))
            os.write(1, b"%d\\n" % n)
    await asyncio.gather(*[write() for _ in range(16)])

asyncio.run(main())
"""


def killed_after(path: Path, acknowledgements: int) -> set[int]:
    """Run the writer, kill it in the middle, and return what it had acknowledged."""
    command = [sys.executable, "-c", WRITER, str(path), NUMBERS.steps[0]]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledgements)]
        os.kill(process.pid, signal.SIGKILL)
        lines += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    return {int(line) for line in lines if line.endswith(b"\n")}


def test_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    acknowledged: set[int] = set()
    for kill in range(20):
        acknowledged |= killed_after(path, 1 + 37 * kill)
    connection = apsw.Connection(str(path))
    assert list(connection.execute("PRAGMA integrity_check")) == [("ok",)]
    kept = {n for (n,) in connection.execute("SELECT n FROM numbers")}
    connection.close()
    assert len(acknowledged) > 20 * 300
    assert acknowledged <= kept


class SyncVFS(apsw.VFS):
    """The ordinary files, with a count of what was written to the log since it last reached the disk."""

    def __init__(self) -> None:
        self.unsynced = 0
        self.refuses = False
        super().__init__("offhook-test", "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return SyncFile(self, name, flags)


class SyncFile(apsw.VFSFile):
    def __init__(self, vfs: SyncVFS, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.vfs = vfs
        self.is_log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(data, offset)
        self.vfs.unsynced += self.is_log

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self.vfs.refuses:
            raise apsw.IOError
        super().xSync(flags)
        if self.is_log:
            self.vfs.unsynced = 0


@pytest.fixture
def vfs() -> SyncVFS:
    return SyncVFS()


async def test_nothing_is_acknowledged_before_it_reached_the_disk(
    tmp_path: Path, vfs: SyncVFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(vfs, monkeypatch)
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:

        async def write(n: int) -> None:
            await database.write(INSERT, (n,))
            assert vfs.unsynced == 0

        for first in range(0, 100, 10):
            await asyncio.gather(*[write(n) for n in range(first, first + 10)])
        await database.transact(lambda connection: connection.execute(INSERT, (1000,)).fetchall())
        assert vfs.unsynced == 0


async def test_a_disk_that_refuses_to_sync_acknowledges_nothing(
    tmp_path: Path, vfs: SyncVFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(vfs, monkeypatch)
    async with await Database.open(tmp_path / "a.db", [NUMBERS]) as database:
        await database.write(INSERT, (1,))
        vfs.refuses = True
        with pytest.raises(StorageError) as caught:
            await database.write(INSERT, (2,))
        assert caught.value.fault is StorageFault.FAILED
        vfs.refuses = False
        assert await numbers(database) == [1]
        assert await database.write(INSERT, (3,)) == 1


def use(vfs: SyncVFS, monkeypatch: pytest.MonkeyPatch) -> None:
    real = apsw.Connection

    def connect(path: str, flags: int) -> apsw.Connection:
        return real(path, flags=flags, vfs="offhook-test")

    assert vfs is not None
    monkeypatch.setattr(apsw, "Connection", connect)
