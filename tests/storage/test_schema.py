from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from offhook.storage import schema
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.schema import APPLICATION_ID, Schema, migrate

FIRST = "CREATE TABLE people (name TEXT) STRICT; CREATE INDEX by_name ON people (name)"
SECOND = "ALTER TABLE people ADD COLUMN age INTEGER; UPDATE people SET age = 1"


def test_all_names_exist() -> None:
    assert all(hasattr(schema, name) for name in schema.__all__)


def test_an_empty_file_gets_all_steps() -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, "x", [Schema("people", [FIRST, SECOND])])
    connection.execute("INSERT INTO people VALUES ('a', 2)")
    assert list(connection.execute("PRAGMA application_id")) == [(APPLICATION_ID,)]
    assert not connection.in_transaction


def test_an_old_file_gets_the_steps_it_lacks_and_keeps_its_data() -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, "x", [Schema("people", [FIRST])])
    connection.execute("INSERT INTO people VALUES ('a')")
    migrate(connection, "x", [Schema("people", [FIRST, SECOND])])
    assert list(connection.execute("SELECT * FROM people")) == [("a", 1)]
    connection.execute("UPDATE people SET age = 5")
    migrate(connection, "x", [Schema("people", [FIRST, SECOND])])
    assert list(connection.execute("SELECT age FROM people")) == [(5,)], "no step is taken twice"


def test_components_share_a_file() -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, "x", [Schema("people", [FIRST])])
    migrate(connection, "x", [Schema("people", [FIRST, SECOND]), Schema("dogs", ["CREATE TABLE dogs (n) "])])
    rows = connection.execute("SELECT * FROM offhook_schema ORDER BY component")
    assert list(rows) == [("dogs", 1), ("people", 2)]


def test_a_step_that_fails_leaves_the_file_as_it_was() -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, "x", [Schema("people", [FIRST])])
    broken = [Schema("dogs", ["CREATE TABLE dogs (n)"]), Schema("people", [FIRST, SECOND, "nonsense"])]
    with pytest.raises(apsw.SQLError):
        migrate(connection, "x", broken)
    assert not connection.in_transaction
    assert list(connection.execute("SELECT * FROM offhook_schema")) == [("people", 1)]
    assert not connection.table_exists("main", "dogs")


def test_a_newer_file_is_refused() -> None:
    connection = apsw.Connection(":memory:")
    migrate(connection, "x", [Schema("people", [FIRST, SECOND])])
    with pytest.raises(StorageError) as caught:
        migrate(connection, "/data/x.db", [Schema("people", [FIRST])])
    assert caught.value.fault is StorageFault.NEWER
    assert str(caught.value) == (
        "/data/x.db was written by a newer Offhook: its people have version 2, this one knows 1; "
        "use the newer one or another file"
    )


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "browser.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE places (url)")
    other.commit()
    other.close()
    before = path.read_bytes()
    connection = apsw.Connection(str(path))
    with pytest.raises(StorageError, match="database of another program") as caught:
        migrate(connection, str(path), [Schema("people", [FIRST])])
    connection.close()
    assert caught.value.fault is StorageFault.FOREIGN
    assert path.read_bytes() == before


def test_processes_that_start_together_take_the_steps_once(tmp_path: Path) -> None:
    path = str(tmp_path / "a.db")

    def start(_: int) -> None:
        connection = apsw.Connection(path)
        connection.set_busy_timeout(10_000)
        migrate(connection, path, [Schema("people", [FIRST, SECOND])])
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(start, range(8))) == [None] * 8
