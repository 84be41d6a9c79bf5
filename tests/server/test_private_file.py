from __future__ import annotations

import os
from pathlib import Path

import pytest

from offhook.errors import ConfigError
from offhook.server import private_file
from offhook.server.private_file import make_folder, write_private


def test_all_names_exist() -> None:
    assert all(hasattr(private_file, name) for name in private_file.__all__)


def test_a_file_is_for_its_owner_alone_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match=r"/x: cannot be written: no space left on device"):
        write_private(tmp_path / "x", b"data")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_made_with_those_above_it(tmp_path: Path) -> None:
    make_folder(tmp_path / "a/b")
    make_folder(tmp_path / "a/b")
    assert (tmp_path / "a/b").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(ConfigError, match=r"/a/b: the data folder cannot be made: not a directory"):
        make_folder(tmp_path / "a/b")
    with pytest.raises(ConfigError, match=r"/a: the data folder cannot be made: file exists"):
        make_folder(tmp_path / "a")
