from __future__ import annotations

import errno
import os
import resource
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import apsw
import pytest

from offhook.storage import connection as module
from offhook.storage.connection import open_connection, translate
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.schema import Schema

# Other connections are apsw's too: locks do not hold between two copies of SQLite in one process.
TABLE = Schema("things", ["CREATE TABLE things (n INTEGER PRIMARY KEY, octets BLOB) STRICT"])
NOBODY = 65534
MEND = "put a backup in its place, or move it away to begin with an empty one"


def open_fails(path: Path) -> StorageError:
    with pytest.raises(StorageError) as caught:
        open_connection(str(path), [TABLE])
    assert caught.value.path == str(path)
    assert str(caught.value).startswith(str(path))
    return caught.value


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that any user can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Rights do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_all_names_exist() -> None:
    assert all(hasattr(module, name) for name in module.__all__)


def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")

    def start(n: int) -> None:
        connection = open_connection(path, [TABLE])
        connection.execute("INSERT INTO things (n) VALUES (?)", (n,))
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(start, range(8))) == [None] * 8
    connection = open_connection(path, [TABLE])
    assert list(connection.execute("SELECT count(*) FROM things")) == [(8,)]
    connection.close()


def test_rights_of_an_existing_file_are_its_administrator_s(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    open_connection(str(path), [TABLE]).close()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    open_connection(str(path), [TABLE]).close()
    assert path.stat().st_mode & 0o777 == 0o640


def test_no_folder(tmp_path: Path) -> None:
    error = open_fails(tmp_path / "none" / "a.db")
    assert error.fault is StorageFault.UNREACHABLE
    assert str(error).endswith("cannot be made: its folder does not exist")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(open_fails(tmp_path / "file" / "a.db")).endswith("its folder is not a folder")


def test_a_folder_in_the_file_s_place(tmp_path: Path) -> None:
    assert open_fails(tmp_path).fault is StorageFault.UNREACHABLE


def test_a_name_that_sqlite_cannot_take(tmp_path: Path) -> None:
    assert open_fails(tmp_path / "a\0b").fault is StorageFault.FAILED


def test_no_rights_in_the_folder(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    with as_ordinary_user():
        error = open_fails(open_folder / "a.db")
    assert str(error).endswith("this user may not write into its folder")


def test_a_read_only_file(open_folder: Path) -> None:
    path = open_folder / "a.db"
    open_connection(str(path), [TABLE]).close()
    path.chmod(0o444)
    with as_ordinary_user():
        error = open_fails(path)
    assert error.fault is StorageFault.READ_ONLY
    assert str(error).endswith("cannot be written: it or its folder is read-only for this user")


def test_a_file_that_this_user_may_not_read(open_folder: Path) -> None:
    path = open_folder / "a.db"
    open_connection(str(path), [TABLE]).close()
    path.chmod(0)
    with as_ordinary_user():
        error = open_fails(path)
    assert error.fault is StorageFault.UNREACHABLE
    assert str(error).endswith("look at the rights of the file and its folder")


def test_not_a_database(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"[domains]\n" * 500)
    error = open_fails(path)
    assert error.fault is StorageFault.CORRUPT
    assert str(error).endswith(f"is damaged, or no SQLite database: {MEND}")
    assert path.read_bytes() == b"[domains]\n" * 500


def test_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = open_connection(str(path), [TABLE])
    connection.execute("INSERT INTO things (octets) VALUES (zeroblob(300000))")
    connection.close()
    octets = path.read_bytes()
    path.write_bytes(octets[:100] + b"\xff" * 3996 + octets[4096:])
    error = open_fails(path)
    assert error.fault is StorageFault.CORRUPT
    assert str(error).endswith(f"is damaged: {MEND}")


def test_a_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.db"
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.05)
    other = apsw.Connection(str(path))
    other.execute("BEGIN EXCLUSIVE")
    error = open_fails(path)
    other.close()
    assert error.fault is StorageFault.LOCKED
    assert str(error).endswith("has been locked by another process for over 5 seconds")


class Contended:
    """A connection whose file others are switching to the log at the same moment."""

    def __init__(self, refusals: int, mode: str = "wal") -> None:
        self.refusals = refusals
        self.mode = mode

    def execute(self, sql: str) -> list[tuple[str]]:
        assert sql == "PRAGMA journal_mode = WAL"
        if self.refusals:
            self.refusals -= 1
            raise apsw.BusyError
        return [(self.mode,)]


def test_switching_to_the_log_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(module, "sleep", waits.append)
    module._use_write_ahead_log(cast("apsw.Connection", Contended(3)), "/data/a.db")
    assert len(waits) == 3
    monkeypatch.setattr(module, "BUSY_SECONDS", -1.0)
    with pytest.raises(apsw.BusyError):
        module._use_write_ahead_log(cast("apsw.Connection", Contended(3)), "/data/a.db")


def test_a_file_system_without_shared_memory() -> None:
    with pytest.raises(StorageError, match="give a local file") as caught:
        module._use_write_ahead_log(cast("apsw.Connection", Contended(0, "delete")), "/data/a.db")
    assert caught.value.fault is StorageFault.UNREACHABLE


def test_a_file_size_limit_is_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = open_connection(str(path), [TABLE])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(apsw.Error) as caught:
            connection.execute("INSERT INTO things (octets) VALUES (zeroblob(1000000))")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert connection.system_errno == errno.EFBIG
    error = translate(caught.value, str(path), connection.system_errno)
    connection.close()
    assert error.fault is StorageFault.FULL


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (apsw.FullError("full"), StorageFault.FULL),
        (OSError(errno.ENOSPC, "no space"), StorageFault.FULL),
        (apsw.IOError("disk I/O error"), StorageFault.FAILED),
        (OSError(errno.EIO, "I/O error"), StorageFault.FAILED),
        (apsw.ReadOnlyError("readonly"), StorageFault.READ_ONLY),
        (StorageError("x", fault=StorageFault.MOVED, path="p"), StorageFault.MOVED),
    ],
)
def test_translation(error: Exception, fault: StorageFault) -> None:
    translated = translate(error, "/data/a.db")
    assert translated.fault is fault
    assert translated is not error, "each waiter gets its own exception"
