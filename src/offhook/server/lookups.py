"""The location service, and the accounts, as the proxy asks them (RFC 3261 16.5)."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from offhook.accounts.base import AccountStore, Pending
from offhook.clock import Moment
from offhook.location.base import LocationService
from offhook.location.binding import Binding
from offhook.proxy.context import ResponseContext
from offhook.proxy.target_uri import TargetUri
from offhook.server.access import Later
from offhook.stack import Stack

__all__ = ["LocationLookups"]

_log = structlog.get_logger("offhook.location")


class LocationLookups:
    """Turns bindings into targets; what takes time is awaited by `later`, and `located` is called with the answer.

    Whether a user without a binding exists decides between 480 and 404; where `has_fallback(aor)` it decides nothing
    and is not asked.
    """

    def __init__(
        self,
        stack: Stack,
        location: LocationService,
        accounts: AccountStore,
        has_fallback: Callable[[str], bool],
        later: Later,
    ) -> None:
        self._stack = stack
        self._location = location
        self._accounts = accounts
        self._has_fallback = has_fallback
        self._later = later
        self._absent: str | None = None
        self.located: Callable[[ResponseContext, list[TargetUri] | None, Moment], None] = _nobody

    def targets_now(self, aor: str, now: Moment) -> list[TargetUri] | None:
        """The targets of an address-of-record, None when asking takes time."""
        bindings = self._location.lookup_now(aor, now)
        if bindings is None:
            return None
        if not bindings and not self._has_fallback(aor) and isinstance(self._accounts.by_aor_now(aor), Pending):
            return None
        return self._targets(bindings)

    def is_known(self, aor: str) -> bool:
        """Whether there is such a user, reachable or not; asked right after the targets."""
        return aor != self._absent and self._accounts.by_aor_now(aor) is not None

    def start(self, aor: str, context: ResponseContext, now: Moment) -> None:
        """Ask and wait."""

        def answered(outcome: object, then: Moment) -> None:
            if isinstance(outcome, _Found):
                self._absent = None if outcome.exists else aor
                self.located(context, self._targets(outcome.bindings), then)
                self._absent = None
            else:
                _log.error("lookup failed", aor=aor, call_id=context.request.call_id, error=str(outcome))
                self.located(context, None, then)

        self._later(self._find(aor, now), answered)

    async def _find(self, aor: str, now: Moment) -> _Found:
        bindings = await self._location.lookup(aor, now)
        return _Found(bindings, bool(bindings) or await self._accounts.by_aor(aor) is not None)

    def _targets(self, bindings: list[Binding]) -> list[TargetUri]:
        targets = []
        for binding in bindings:
            way = binding.way(self._stack.is_open)
            if way is None:
                continue
            flow = None if isinstance(way, str) else way
            q = 1.0 if binding.q is None else binding.q
            targets.append(TargetUri(binding.contact, flow, binding.path, q))
        return targets


class _Found:
    """What was found of a user."""

    __slots__ = ("bindings", "exists")

    def __init__(self, bindings: list[Binding], exists: bool) -> None:
        self.bindings = bindings
        self.exists = exists


def _nobody(context: ResponseContext, targets: list[TargetUri] | None, now: Moment) -> None:
    """Stands where a proxy has not yet been connected."""
