"""Servers that are passed over for a while: they asked for it, or they have died.

A 503 with Retry-After (RFC 3261 21.5.4) asks for it. Died has a server that no connection or datagram reaches, or that
did not answer at all (RFC 3263 4.3): without this memory every request would wait for its own time-out.
"""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.flow import Flow, Target
from offhook.sip.headers.durations import RetryAfter
from offhook.sip.message import Response

__all__ = ["DEAD", "LONGEST", "TRIAL", "UnavailableServers"]

LONGEST: Final = 1800
"""Seconds after which a server is asked again, which deviates from 21.5.4: no word of an hour ago is to cut it off."""

DEAD: Final = 60.0
"""Seconds for which a server that failed comes after all others."""

TRIAL: Final = 32.0
"""Seconds (64*T1) in which one request finds out whether a server lives again, while the others pass it over."""

MOST_SERVERS: Final = 1000

Server = tuple[str, str, int]


class UnavailableServers:
    """Which servers have asked to be left alone, and until when; and which do not answer.

    Those are left out; these are tried last, as nobody may be better. A 503 without Retry-After says nothing about the
    next request: it is like a 500. What was sent already, and what belongs to it (ACK, CANCEL), is none of this.
    """

    __slots__ = ("_dead", "_until")

    def __init__(self) -> None:
        self._until: dict[Server, float] = {}
        self._dead: dict[Server, float] = {}

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
        _make_room(self._until, now)
        if len(self._until) < MOST_SERVERS:
            self._until[_server_of(flow)] = now.monotonic + min(after.seconds, LONGEST)

    def failed(self, flow: Flow, now: Moment) -> None:
        """Nothing arrives over `flow`, or a request got no response at all."""
        _make_room(self._dead, now)
        if len(self._dead) < MOST_SERVERS:
            self._dead[_server_of(flow)] = now.monotonic + DEAD

    def answered(self, flow: Flow) -> None:
        """A response came for a request that was sent over `flow`."""
        if self._dead:
            self._dead.pop(_server_of(flow), None)

    def without(self, targets: list[Target], now: Moment) -> list[Target]:
        """A new list of the targets without those that are not to be asked now, the dead ones last."""
        if self._until:
            targets = [target for target in targets if not self._wants_none(target, now)]
        return self.dead_last(targets, now)

    def dead_last(self, targets: list[Target], now: Moment) -> list[Target]:
        """A new list of the targets, the dead ones last (see `is_dead`)."""
        if not self._dead:
            return targets.copy()
        alive: list[Target] = []
        dead: list[Target] = []
        for target in targets:
            (dead if self.is_dead(target, now) else alive).append(target)
        return alive + dead

    def is_dead(self, target: Target, now: Moment) -> bool:
        """Whether a target failed lately.

        After DEAD seconds it is not, this once: who asks next waits for what becomes of it.
        """
        if not self._dead:
            return False
        server = _server_named(target)
        until = self._dead.get(server)
        if until is None:
            return False
        if until > now.monotonic:
            return True
        self._dead[server] = now.monotonic + TRIAL
        return False

    def _wants_none(self, target: Target, now: Moment) -> bool:
        server = _server_named(target)
        until = self._until.get(server)
        if until is None:
            return False
        if until > now.monotonic:
            return True
        del self._until[server]
        return False


def _server_named(target: Target) -> Server:
    return (target.transport, target.host, target.port)


def _server_of(flow: Flow) -> Server:
    return (flow.transport, flow.remote[0], flow.remote[1])


def _make_room(servers: dict[Server, float], now: Moment) -> None:
    if len(servers) >= MOST_SERVERS:
        for server in [server for server, until in servers.items() if until <= now.monotonic]:
            del servers[server]
