"""The location services that a configuration can choose from: one row each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from offhook import clock
from offhook.errors import ConfigError
from offhook.location import MemoryLocation
from offhook.location.base import LocationService
from offhook.location.sqlite import SqliteLocation
from offhook.storage.sqlite import Database

__all__ = ["STORES", "open_location"]


async def _memory(_database: Database) -> LocationService:
    return MemoryLocation()


async def _sqlite(database: Database) -> LocationService:
    return await SqliteLocation.open(database, clock.now())


STORES: Final[dict[str, Callable[[Database], Awaitable[LocationService]]]] = {"sqlite": _sqlite, "memory": _memory}
"""By the names that `[location] store` may have: what opens them, with the server's database."""


async def open_location(store: str, database: Database) -> LocationService:
    """The location service of that name. Raises ConfigError when there is none, StorageError."""
    opened = STORES.get(store)
    if opened is None:
        raise ConfigError(f"{store!r} keeps no bindings; write one of {', '.join(STORES)}")
    return await opened(database)
