"""`offhook.server.stores`: what a configuration can choose from."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.errors import ConfigError
from offhook.location import MemoryLocation
from offhook.location.sqlite import LOCATION_SCHEMA, SqliteLocation
from offhook.server.stores import STORES, LocationConfig, open_location
from offhook.storage.sqlite import Database


@pytest.mark.parametrize(("store", "kind"), [("sqlite", SqliteLocation), ("memory", MemoryLocation)])
async def test_each_name_opens_its_own(tmp_path: Path, store: str, kind: type[object]) -> None:
    database = await Database.open(tmp_path / "offhook.db", [LOCATION_SCHEMA])
    try:
        assert type(await open_location(LocationConfig(store=store), database)) is kind
    finally:
        await database.close()
    assert store in STORES


async def test_a_name_that_there_is_not(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "offhook.db", [LOCATION_SCHEMA])
    try:
        with pytest.raises(ConfigError, match="'paper' keeps no bindings; write one of sqlite, memory"):
            await open_location(LocationConfig(store="paper"), database)
    finally:
        await database.close()
