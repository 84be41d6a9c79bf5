"""The further names of domains: by each of them its users are the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping

from offhook.clock import Moment
from offhook.location.base import LocationService
from offhook.location.binding import Binding
from offhook.location.update import Update
from offhook.sip.host import bare_host, bracketed_host

__all__ = ["AliasedLocation", "Aliases"]


class Aliases:
    """From the hosts of aliases to the names of their domains, both in lower case and without brackets."""

    __slots__ = ("_names",)

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = dict(names)

    def canonical(self, aor: str) -> str:
        """An address-of-record, as `address_of_record` gives it, under the name of its domain."""
        if not self._names:
            return aor
        user, at, host = aor.rpartition("@")
        name = self._names.get(bare_host(host))
        return aor if name is None else f"{user}{at}{bracketed_host(name)}"


class AliasedLocation:
    """A location service that keeps the bindings of all names of a domain under one."""

    __slots__ = ("_aliases", "_location")

    def __init__(self, location: LocationService, aliases: Aliases) -> None:
        self._location = location
        self._aliases = aliases

    def lookup_now(self, aor: str, now: Moment) -> list[Binding] | None:
        """The bindings of an address-of-record; None when `lookup` has to be awaited."""
        return self._location.lookup_now(self._aliases.canonical(aor), now)

    async def lookup(self, aor: str, now: Moment) -> list[Binding]:
        """The bindings of an address-of-record, when asking takes time."""
        return await self._location.lookup(self._aliases.canonical(aor), now)

    def save(self, update: Update, now: Moment) -> list[Binding] | Awaitable[list[Binding]]:
        """Change the bindings of an address-of-record, as the service beneath does."""
        aor = self._aliases.canonical(update.aor)
        if aor != update.aor:
            most = update.most
            update = Update(aor, update.call_id, update.cseq, update.bindings, update.everything, most)
        return self._location.save(update, now)

    def sweep(self, now: Moment) -> float:
        """Forget some of what has expired; the seconds after which to call again."""
        return self._location.sweep(now)

    async def count(self) -> int:
        """How many bindings there are."""
        return await self._location.count()

    def all(self, now: Moment) -> AsyncIterator[tuple[str, list[Binding]]]:
        """Every address-of-record with its bindings."""
        return self._location.all(now)
