from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import ConfigError
from offhook.server import secret
from offhook.server.secret import derive, load_secret


def test_all_names_exist() -> None:
    assert all(hasattr(secret, name) for name in secret.__all__)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    made = load_secret(tmp_path)
    assert len(made) == 32
    assert load_secret(tmp_path) == made
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    (tmp_path / "secret").unlink()
    assert load_secret(tmp_path) != made


def test_a_damaged_secret_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"/secret: is not a secret of this server; remove it"):
        load_secret(tmp_path)


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    with pytest.raises(ConfigError, match=r"/secret: cannot be read: is a directory"):
        load_secret(tmp_path)


def test_each_purpose_has_a_key_of_its_own() -> None:
    keys = {derive(b"x" * 32, b"a"), derive(b"x" * 32, b"b"), derive(b"y" * 32, b"a"), derive(b"x" * 32, b"a")}
    assert [len(keys), *{len(key) for key in keys}] == [3, 32]
