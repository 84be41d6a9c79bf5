"""The location service as the proxy asks it (RFC 3261 16.5)."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from offhook.clock import Moment
from offhook.location.base import Later, LocationService, Outcome
from offhook.location.binding import Binding
from offhook.proxy.context import ResponseContext
from offhook.proxy.target_uri import TargetUri
from offhook.stack import Stack

__all__ = ["LocationLookups"]

_log = structlog.get_logger("offhook.location")


class LocationLookups:
    """Turns bindings into targets; what takes time is awaited by `later`, and `located` is called with the answer."""

    def __init__(
        self,
        stack: Stack,
        location: LocationService,
        is_known: Callable[[str], bool],
        later: Later,
    ) -> None:
        self._stack = stack
        self._location = location
        self._is_known = is_known
        self._later = later
        self.located: Callable[[ResponseContext, list[TargetUri] | None, Moment], None] = _nobody

    def targets_now(self, aor: str, now: Moment) -> list[TargetUri] | None:
        """The targets of an address-of-record, None when asking takes time."""
        bindings = self._location.lookup_now(aor, now)
        return None if bindings is None else self._targets(bindings)

    def is_known(self, aor: str) -> bool:
        """Whether there is such a user, reachable or not."""
        return self._is_known(aor)

    def start(self, aor: str, context: ResponseContext, now: Moment) -> None:
        """Ask the location service and wait."""

        def answered(outcome: Outcome, then: Moment) -> None:
            if isinstance(outcome, Exception):
                _log.error("lookup failed", aor=aor, call_id=context.request.call_id, error=str(outcome))
                self.located(context, None, then)
            else:
                self.located(context, self._targets(outcome), then)

        self._later(self._location.lookup(aor, now), answered)

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


def _nobody(context: ResponseContext, targets: list[TargetUri] | None, now: Moment) -> None:
    """Stands where a proxy has not yet been connected."""
