"""The location service, and the accounts, as the proxy and the redirect server ask them (RFC 3261 16.5, 8.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import structlog

from offhook.accounts.base import AccountStore, Pending
from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.location.base import LocationService
from offhook.location.binding import Binding
from offhook.location.outage import Outage
from offhook.location.update import Update
from offhook.proxy.context import ResponseContext
from offhook.proxy.target_uri import TargetUri
from offhook.server.access import Later
from offhook.server.aliases import Aliases
from offhook.stack import Stack

__all__ = ["KnowingLocation", "LocationLookups"]

_log = structlog.get_logger("offhook.location")


class KnowingLocation:
    """A location service that knows users without a binding (480) from those that do not exist (404)."""

    def __init__(self, location: LocationService, accounts: AccountStore, aliases: Aliases) -> None:
        self._location = location
        self._accounts = accounts
        self._aliases = aliases

    def is_known(self, aor: str) -> bool:
        """Whether there is such a user, reachable or not; asked right after `lookup_now` gave no bindings."""
        return self._accounts.by_aor_now(self._aliases.canonical(aor)) is not None

    def lookup_now(self, aor: str, now: Moment) -> list[Binding] | None:
        """The bindings of an address-of-record; None when `lookup` has to be awaited, if only for the account."""
        bindings = self._location.lookup_now(aor, now)
        if bindings == [] and isinstance(self._accounts.by_aor_now(self._aliases.canonical(aor)), Pending):
            return None
        return bindings

    async def lookup(self, aor: str, now: Moment) -> list[Binding]:
        """The bindings of an address-of-record. Raises ProtocolError 404 for a user that does not exist."""
        bindings = await self._location.lookup(aor, now)
        if not bindings and await self._accounts.by_aor(self._aliases.canonical(aor)) is None:
            raise ProtocolError("there is no such user", status=404, clause="RFC 3261 21.4.5")
        return bindings

    def save(self, update: Update, now: Moment) -> list[Binding] | Awaitable[list[Binding]]:
        """Change the bindings of an address-of-record, as the service beneath does."""
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


class LocationLookups:
    """Turns bindings into targets; what takes time is awaited by `later`, and `located` is called with the answer.

    Where it is `all_one` whether a user without a binding exists, nobody is asked: neither the answer nor its
    time tells.
    """

    def __init__(
        self,
        stack: Stack,
        location: LocationService,
        knowing: KnowingLocation,
        later: Later,
    ) -> None:
        self._stack = stack
        self._location = location
        self._knowing = knowing
        self._later = later
        self._absent = ""
        self._outage = Outage(_log, "users cannot be looked up", "users can be looked up again")
        self.located: Callable[[ResponseContext, list[TargetUri] | None, Moment], None] = _nobody

    def targets_now(self, aor: str, now: Moment, all_one: bool = False) -> list[TargetUri] | None:
        """The targets of an address-of-record, None when asking takes time."""
        bindings = self._service(all_one).lookup_now(aor, now)
        return None if bindings is None else self.targets(bindings)

    def is_known(self, aor: str) -> bool:
        """Whether there is such a user, reachable or not; asked right after the targets."""
        return aor != self._absent and self._knowing.is_known(aor)

    def start(self, aor: str, context: ResponseContext, now: Moment, all_one: bool = False) -> None:
        """Ask and wait."""

        def answered(outcome: list[Binding] | Exception, then: Moment) -> None:
            if isinstance(outcome, list):
                self._outage.worked(then)
                self.located(context, self.targets(outcome), then)
            elif isinstance(outcome, ProtocolError):
                self._absent = aor
                self.located(context, [], then)
                self._absent = ""
            else:
                self._outage.failed(outcome, then, call_id=context.request.call_id)
                self.located(context, None, then)

        self._later(self._service(all_one).lookup(aor, now), answered)

    def targets(self, bindings: list[Binding]) -> list[TargetUri]:
        """The targets that bindings stand for; none for those whose way is gone."""
        targets = []
        for binding in bindings:
            way = binding.way(self._stack.is_open)
            if way is None:
                continue
            flow = None if isinstance(way, str) else way
            targets.append(TargetUri(binding.contact, flow, binding.path, binding.preference))
        return targets

    def _service(self, all_one: bool) -> LocationService:
        return self._location if all_one else self._knowing


def _nobody(context: ResponseContext, targets: list[TargetUri] | None, now: Moment) -> None:
    """Stands where a proxy has not yet been connected."""
