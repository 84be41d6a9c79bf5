"""The bindings that are measured are such as a registrar keeps."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.bindings import in_memory, update, written
from offhook.clock import now
from offhook.location.sqlite import SqliteLocation
from offhook.storage.sqlite import Database

COUNT = 60


@pytest.fixture
def collector() -> Iterator[None]:
    """The collector as it was, afterwards."""
    threshold = gc.get_threshold()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_each_can_be_looked_up() -> None:
    found = in_memory(COUNT)
    assert found["lookup_us"] > 0
    assert found["pause_ms"] < 1000


async def test_they_are_restored_as_they_were(tmp_path: Path) -> None:
    begun = now()
    await written(tmp_path, COUNT)
    database = await Database.open(tmp_path / "offhook.db", [])
    location = await SqliteLocation.open(database, begun)
    assert await location.count() == COUNT
    for number in range(3):
        expected = update(number, begun.wall).bindings[0]
        [binding] = location.lookup_now(f"sip:u{number}@example.com", begun)
        assert (binding.contact, binding.flow_text, binding.path) == (
            expected.contact,
            expected.flow_text,
            expected.path,
        )
        assert (binding.user_agent, binding.reg_id, binding.q) == (expected.user_agent, expected.reg_id, expected.q)
    await database.close()
