"""Servers that want no requests for a while: a 503 with Retry-After (RFC 3261 21.5.4)."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.flow import Flow, Target
from offhook.sip.headers.durations import RetryAfter
from offhook.sip.message import Response

__all__ = ["LONGEST", "UnavailableServers"]

LONGEST: Final = 1800
"""Seconds after which a server is asked again, which deviates from 21.5.4: no word of an hour ago is to cut it off."""

MOST_SERVERS: Final = 1000

Server = tuple[str, str, int]


class UnavailableServers:
    """Which servers have asked to be left alone, and until when.

    A 503 without Retry-After says nothing about the next request: it is like a 500. What was sent already, and what
    belongs to it (ACK, CANCEL), is none of this.
    """

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until: dict[Server, float] = {}

    def note(self, response: Response, flow: Flow, now: Moment) -> None:
        """Take a 503 that came for a request that was sent over `flow`."""
        if not response.holds("retry-after"):
            return
        try:
            after = response.header("Retry-After")
        except ParseError:
            return
        if not isinstance(after, RetryAfter) or not after.seconds:
            return
        if len(self._until) >= MOST_SERVERS:
            self._until = {server: until for server, until in self._until.items() if until > now.monotonic}
        if len(self._until) < MOST_SERVERS:
            server = (flow.transport, flow.remote[0], flow.remote[1])
            self._until[server] = now.monotonic + min(after.seconds, LONGEST)

    def without(self, targets: list[Target], now: Moment) -> list[Target]:
        """A new list of the targets without those that are not to be asked now."""
        if not self._until:
            return targets.copy()
        return [target for target in targets if not self._wants_none(target, now)]

    def _wants_none(self, target: Target, now: Moment) -> bool:
        server = (target.transport, target.host, target.port)
        until = self._until.get(server)
        if until is None:
            return False
        if until > now.monotonic:
            return True
        del self._until[server]
        return False
