"""Opening an SQLite file as a server needs it, and what SQLite's errors mean to its operator."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import Final

import apsw

from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.schema import Schema, migrate

__all__ = ["BUSY_SECONDS", "open_connection", "open_reader", "require_whole", "translate"]

BUSY_SECONDS: Final = 5.0
"""How long a call waits for another process that writes."""
FILE_MODE: Final = 0o600
_RETRY_SECONDS: Final = 0.02

_FULL: Final = (StorageFault.FULL, "cannot grow: the disk is full")
_OF_SYSTEM: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EROFS: (StorageFault.READ_ONLY, "cannot be written: its file system is read-only"),
}
_DAMAGED: Final = "put a backup in its place and remove its -wal, or move it away to begin with an empty one"

_FAULTS: Final[tuple[tuple[type[Exception], StorageFault, str], ...]] = (
    (apsw.ConstraintError, StorageFault.CONFLICT, "refuses a row that breaks a rule of its schema"),
    (apsw.MismatchError, StorageFault.CONFLICT, "refuses a row that breaks a rule of its schema"),
    (apsw.FullError, *_FULL),
    (apsw.ReadOnlyError, StorageFault.READ_ONLY, "cannot be written: it or its folder is read-only for this user"),
    (apsw.BusyError, StorageFault.LOCKED, f"has been locked by another process for over {BUSY_SECONDS:.0f} seconds"),
    (apsw.CorruptError, StorageFault.CORRUPT, f"is damaged: {_DAMAGED}"),
    (apsw.NotADBError, StorageFault.CORRUPT, f"is damaged, or no SQLite database: {_DAMAGED}"),
    (apsw.CantOpenError, StorageFault.UNREACHABLE, "cannot be opened: look at the rights of the file and its folder"),
    (FileNotFoundError, StorageFault.UNREACHABLE, "cannot be made: its folder does not exist"),
    (NotADirectoryError, StorageFault.UNREACHABLE, "cannot be made: its folder is not a folder"),
    (PermissionError, StorageFault.UNREACHABLE, "cannot be made: this user may not write into its folder"),
)


def translate(error: Exception, path: str, system_errno: int = 0) -> StorageError:
    """The StorageError for what went wrong in the file at `path`.

    `system_errno` is the connection's last one: SQLite calls a used-up quota, a file size limit and a file system that
    has become read-only an I/O error.
    """
    if isinstance(error, StorageError):
        return StorageError(error.reason, fault=error.fault, path=error.path)
    code = error.errno if isinstance(error, OSError) else system_errno
    is_of_system = isinstance(error, OSError | apsw.IOError)
    if is_of_system and code in _OF_SYSTEM:
        fault, sentence = _OF_SYSTEM[code]
        return StorageError(f"{path} {sentence}", fault=fault, path=path)
    for kind, fault, sentence in _FAULTS:
        if isinstance(error, kind):
            detail = f" ({error})" if fault is StorageFault.CONFLICT else ""
            return StorageError(f"{path} {sentence}{detail}", fault=fault, path=path)
    detail = f" ({os.strerror(code).lower()})" if is_of_system and code and not isinstance(error, OSError) else ""
    return StorageError(f"{path} failed: {error}{detail}", fault=StorageFault.FAILED, path=path)


def open_connection(path: str, schemas: Sequence[Schema]) -> apsw.Connection:
    """A connection to the file, made if it does not exist, with its schemas at their present versions.

    Raises StorageError.
    """
    try:
        _create(path)
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    except (apsw.Error, OSError, ValueError) as error:
        raise translate(error, path) from error
    try:
        connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
        _prepare(connection, path, schemas)
    except BaseException as error:
        system_errno = connection.system_errno
        connection.close(True)
        if isinstance(error, apsw.Error):
            raise translate(error, path, system_errno) from error
        raise
    return connection


def open_reader(path: str) -> apsw.Connection:
    """A connection that reads what `open_connection` has opened. Raises StorageError."""
    try:
        # A file opened read-only could not use the log's index.
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error as error:
        raise translate(error, path) from error
    connection.set_busy_timeout(int(BUSY_SECONDS * 1000))
    connection.execute("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF")
    return connection


def require_whole(path: str, connection: apsw.Connection) -> None:
    """Read the whole file and compare what belongs together. Raises StorageError, fault `CORRUPT`, or apsw.Error.

    What a damaged file is taken for may be wrong, and writing into one may damage more of it.
    """
    [(finding, *_), *_] = connection.execute("PRAGMA integrity_check(1)")
    if finding != "ok":
        # The last line is the finding; those before it tell where SQLite is looking.
        reason = f"{path} is damaged ({str(finding).splitlines()[-1]}): {_DAMAGED}"
        raise StorageError(reason, fault=StorageFault.CORRUPT, path=path)


def _create(path: str) -> None:
    # SQLite would make the file with the rights of the umask. Only a new file is opened here: closing an existing
    # one would drop the locks that this process has on it through another connection.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))


def _prepare(connection: apsw.Connection, path: str, schemas: Sequence[Schema]) -> None:
    if connection.readonly("main"):
        raise apsw.ReadOnlyError
    migrate(connection, path, schemas)
    _use_write_ahead_log(connection, path)
    # FULL: a commit returns when the disk has it, not when the kernel has it.
    connection.execute("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF")


def _use_write_ahead_log(connection: apsw.Connection, path: str) -> None:
    """Switch the file to WAL, in which readers and one writer do not block each other."""
    deadline = monotonic() + BUSY_SECONDS
    mode = ""
    while not mode:
        try:
            [(mode,)] = connection.execute("PRAGMA journal_mode = WAL")
        except apsw.BusyError:
            # The first switch needs the file for itself, and SQLite does not wait for that by its busy timeout.
            if monotonic() > deadline:
                raise
            sleep(_RETRY_SECONDS)
    if mode != "wal":
        raise StorageError(
            f"{path} lies on a file system without shared memory, as network drives are: give a local file",
            fault=StorageFault.UNREACHABLE,
            path=path,
        )
