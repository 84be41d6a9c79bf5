"""The location services that `[location]` can choose from: one row each, and the settings that they have."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from offhook import clock
from offhook.errors import ConfigError
from offhook.location import MemoryLocation
from offhook.location.base import LocationService
from offhook.location.sqlite import SqliteLocation
from offhook.server.toml_file import Section
from offhook.storage.sqlite import Database

__all__ = ["STORES", "LocationConfig", "open_location"]


class LocationConfig(Section):
    """`[location]`: where bindings are kept. With "sqlite" no acknowledged one is lost."""

    store: str = "sqlite"
    """One of `STORES`."""


async def _memory(_settings: LocationConfig, _database: Database) -> LocationService:
    return MemoryLocation()


async def _sqlite(_settings: LocationConfig, database: Database) -> LocationService:
    return await SqliteLocation.open(database, clock.now())


STORES: Final[dict[str, Callable[[LocationConfig, Database], Awaitable[LocationService]]]] = {
    "sqlite": _sqlite,
    "memory": _memory,
}
"""By the names that `store` may have: what opens them, with their settings and the server's database."""


async def open_location(settings: LocationConfig, database: Database) -> LocationService:
    """The location service that is chosen. Raises ConfigError when there is none of that name, StorageError."""
    opened = STORES.get(settings.store)
    if opened is None:
        raise ConfigError(f"{settings.store!r} keeps no bindings; write one of {', '.join(STORES)}")
    return await opened(settings, database)
