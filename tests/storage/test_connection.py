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
from offhook.storage.connection import open_connection, require_whole, translate
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.schema import Schema

# Other connections are apsw's too: locks do not hold between two copies of SQLite in one process.
TABLE = Schema("things", ["CREATE TABLE things (n INTEGER PRIMARY KEY, octets BLOB) STRICT"])
NOBODY = 65534
MEND = "put a backup in its place and remove its -wal, or move it away to begin with an empty one"


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


def opened_whole(path: Path, schema: Schema) -> tuple[StorageFault | None, list[tuple[object, ...]]]:
    """What is wrong with a file of names, or its rows."""
    try:
        connection = open_connection(str(path), [schema])
        try:
            require_whole(str(path), connection)
            return None, list(connection.execute("SELECT name, number FROM names ORDER BY number"))
        finally:
            connection.close()
    except (apsw.Error, StorageError) as error:
        return translate(error, str(path)).fault, []


@pytest.mark.parametrize("filling", [b"\x00", b"\xff", b"\x55", None])
def test_damage_to_any_page_is_found_before_it_costs_a_row(tmp_path: Path, filling: bytes | None) -> None:
    """Each page in turn is overwritten, or the file is cut off there: it is refused, or tells all that it held."""
    path = tmp_path / "a.db"
    schema = Schema("names", ["CREATE TABLE names (name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE) STRICT"])
    connection = open_connection(str(path), [schema])
    rows = [(f"user{n}@example.test" * 3, n) for n in range(300)]
    connection.executemany("INSERT INTO names VALUES (?, ?)", rows)
    connection.close()
    octets = path.read_bytes()
    refused = 0
    for start in range(0, len(octets), 4096):
        if filling is None:
            path.write_bytes(octets[: start or 100])
        else:
            path.write_bytes(octets[:start] + filling * 4096 + octets[start + 4096 :])
        fault, found = opened_whole(path, schema)
        assert fault in (StorageFault.CORRUPT, StorageFault.FOREIGN) or found == rows
        refused += fault is not None
    assert refused == len(octets) // 4096


def test_a_whole_file_is_whole(tmp_path: Path) -> None:
    connection = open_connection(str(tmp_path / "a.db"), [TABLE])
    connection.execute("INSERT INTO things (octets) VALUES (zeroblob(300000))")
    require_whole("a.db", connection)
    connection.close()


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
    ("number", "fault", "sentence"),
    [
        (errno.EROFS, StorageFault.READ_ONLY, "cannot be written: its file system is read-only"),
        (errno.ENOSPC, StorageFault.FULL, "cannot grow: the disk is full"),
        (errno.EIO, StorageFault.FAILED, "failed: disk I/O error (input/output error)"),
        (0, StorageFault.FAILED, "failed: disk I/O error"),
    ],
)
def test_what_the_kernel_says_is_told(number: int, fault: StorageFault, sentence: str) -> None:
    translated = translate(apsw.IOError("disk I/O error"), "/data/a.db", number)
    assert (translated.fault, str(translated)) == (fault, f"/data/a.db {sentence}")
    # What it said last may have been of something else.
    assert translate(apsw.BusyError(), "/data/a.db", number).fault is StorageFault.LOCKED


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (apsw.FullError("full"), StorageFault.FULL),
        (OSError(errno.ENOSPC, "no space"), StorageFault.FULL),
        (OSError(errno.EROFS, "read-only file system"), StorageFault.READ_ONLY),
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
