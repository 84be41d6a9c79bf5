"""A disk that does what a file beside it says: fails, waits, or has its process killed at any of its writes.

usage: python -m tests.storage.faulty_disk FAULT_FILE COMMAND...

runs COMMAND, which is `tests.cli.terminal.OFFHOOK` with its words, on such a disk. The file holds a word and its
arguments, and may change at any time:

- `full`, `read-only`, `broken`: writes fail as the kernel lets them fail.
- `slow SECONDS`: whatever reaches for the platters takes so long.
- `kill N KIND SEED [POINT]`: the process is killed, by SIGKILL, at its N-th write point, or its N-th POINT, such as
  `write log`, counted from its start: `before` it, `half` way through it, `after` it, or, `cut`, as by a power cut: of
  what was written since the last sync of a file, only a part chosen by SEED is left, sectors torn. The point at which
  it died is then added to the file.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

import apsw

from tests.cli.terminal import OFFHOOK

__all__ = ["FaultyDisk", "Point", "install", "points_died_at"]

UNDER: Final = "unix"
"""What SQLite calls the files of the operating system."""
SECTOR: Final = 512
DIED: Final = "died at"
CHECKPOINT_PAGES: Final = 25
"""A checkpoint comes after so many pages of the log, so that it comes often."""

_FAILURES: Final = {"full": errno.ENOSPC, "read-only": errno.EROFS, "broken": errno.EIO}

Point = str
"""What was to happen to which file, such as "write log" and "sync database"."""


def points_died_at(faults: Path) -> list[Point]:
    """The points at which processes died, each after its `kill`."""
    lines = faults.read_text("ascii").splitlines()
    return [line.removeprefix(f"{DIED} ") for line in lines if line.startswith(DIED)]


class FaultyDisk(apsw.VFS):
    """The ordinary files of the operating system, with the faults that the file names."""

    def __init__(self, faults: Path) -> None:
        self.faults = faults
        self.points = 0
        self.files: list[FaultyFile] = []
        self.errno = 0
        super().__init__("faulty", UNDER, makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return FaultyFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        kind = self.at(f"delete {_role_of_name(filename)}")
        super().xDelete(filename, syncdir)
        self.past(kind)

    def xGetLastError(self) -> tuple[int, str]:  # noqa: N802
        return self.errno, ""

    def at(self, point: Point) -> str:
        """A write point is reached. Fails, waits or dies as it is told; how to die in the midst of it or after it."""
        word, *rest = (self.faults.read_text("ascii").partition("\n")[0] or "none").split()
        self.errno = _FAILURES.get(word, 0)
        if self.errno:
            raise apsw.FullError("database or disk is full") if word == "full" else apsw.IOError("disk I/O error")
        if word == "slow":
            if point.startswith("sync"):
                time.sleep(float(rest[0]))
            return ""
        if word != "kill":
            return ""
        self.points += point == " ".join(rest[3:]) or not rest[3:]
        if self.points != int(rest[0]):
            return ""
        with self.faults.open("a", encoding="ascii") as file:
            file.write(f"\n{DIED} {point}")
        kind = rest[1]
        if kind == "before":
            die()
        if kind == "cut":
            for file_ in self.files:
                file_.lose(Random(rest[2]))
            die()
        return kind

    def past(self, kind: str) -> None:
        """A write point has been passed."""
        if kind:
            die()


class FaultyFile(apsw.VFSFile):
    """A file of that disk. What it held before each write that was not yet synced is kept, for a power cut."""

    def __init__(self, disk: FaultyDisk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self.disk = disk
        self.role = _role(flags[0])
        self.unsynced: list[tuple[int, bytes, int]] = []
        super().__init__(UNDER, name, flags)
        disk.files.append(self)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        kind = self.disk.at(f"write {self.role}")
        size = self.xFileSize()
        for start in range(0, len(data), SECTOR):
            self._keep(offset + start, min(SECTOR, len(data) - start), size)
        super().xWrite(data[: len(data) // 2] if kind == "half" else data, offset)
        self.disk.past(kind)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        kind = self.disk.at(f"truncate {self.role}")
        super().xTruncate(newsize)
        self.disk.past(kind)

    def xSync(self, flags: int) -> None:  # noqa: N802
        kind = self.disk.at(f"sync {self.role}")
        super().xSync(flags)
        self.unsynced.clear()
        self.disk.past(kind)

    def xClose(self) -> None:  # noqa: N802
        if self in self.disk.files:
            self.disk.files.remove(self)
        super().xClose()

    def lose(self, choice: Random) -> None:
        """Undo some of the writes, sector by sector, as a disk that loses its power does."""
        for offset, before, size in reversed(self.unsynced):
            if choice.random() < 0.5:
                if before:
                    super().xWrite(before, offset)
                elif offset >= size:
                    # It lay beyond the end, and still may: the file is as long as the last that was kept.
                    super().xWrite(bytes(SECTOR), offset)

    def _keep(self, offset: int, octets: int, size: int) -> None:
        before = b"" if offset >= size else super().xRead(min(octets, size - offset), offset)
        self.unsynced.append((offset, before, size))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _role(flags: int) -> str:
    if flags & apsw.SQLITE_OPEN_WAL:
        return "log"
    return "journal" if flags & apsw.SQLITE_OPEN_MAIN_JOURNAL else "database"


def _role_of_name(name: str) -> str:
    return {"wal": "log", "journal": "journal"}.get(name.rpartition("-")[2], "database")


def _checkpoint_often(connection: apsw.Connection) -> None:
    connection.wal_autocheckpoint(CHECKPOINT_PAGES)


def install(faults: Path) -> FaultyDisk:
    """Let all databases that this process opens lie on such a disk, as long as it is held."""
    apsw.connection_hooks.append(_checkpoint_often)
    return FaultyDisk(faults)


def main() -> None:
    faults, *command = sys.argv[1:]
    disk = install(Path(faults))
    sys.argv[1:] = command[len(OFFHOOK) :]
    from offhook.cli import main as offhook

    offhook()
    del disk


if __name__ == "__main__":
    main()
