from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from offhook.errors import ConfigError
from offhook.server import folder_lock
from offhook.server.folder_lock import FolderLock

HOLDER = """
import sys
from pathlib import Path
from offhook.server.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_all_names_exist() -> None:
    assert all(hasattr(folder_lock, name) for name in folder_lock.__all__)


def test_a_second_server_is_told_of_the_first(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    with pytest.raises(ConfigError, match=rf"in use by another server \(process {os.getpid()}\); stop it, or name"):
        FolderLock(tmp_path)
    lock.release()
    lock.release()
    FolderLock(tmp_path).release()


def test_a_server_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f"process {holder.pid}"):
            FolderLock(tmp_path)
        holder.kill()
        holder.wait()
    FolderLock(tmp_path).release()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/none/lock: cannot be written: no such file or directory"):
        FolderLock(tmp_path / "none")


def test_a_full_disk_does_not_keep_a_server_from_holding_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    lock = FolderLock(tmp_path)
    with pytest.raises(ConfigError, match="is in use by another server; stop it"):
        FolderLock(tmp_path)
    lock.release()
    FolderLock(tmp_path).release()
