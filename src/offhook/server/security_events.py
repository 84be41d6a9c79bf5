"""What strangers tried: counted by address, and logged in one format that other programs can read.

Each line begins with the address that it is about, so that nothing which a stranger wrote can stand in its place.
"""

from __future__ import annotations

from typing import Final

import structlog

from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.server.throttle import BANNED, FAILED_LOGIN, REFUSED_REQUEST, UNANSWERED_CHALLENGE, Throttle
from offhook.sip.message import Request
from offhook.transport.log_limit import LogLimit

__all__ = ["LINES_EACH", "SecurityEvents"]

LINES_EACH: Final = 20
"""How many offences of one kind an address has lines for, so that one that is noisy hides no other."""

_WHY: Final = ("wrong credentials", "refused requests", "unanswered challenges")
"""By the numbers of the offences."""

_log = structlog.get_logger("offhook.security")


class SecurityEvents:
    """The security events of a server. `own` are the (host, port) that it sends from: its hosts are never banned."""

    __slots__ = ("_bans", "_limit", "own", "throttle")

    def __init__(self, throttle: Throttle, own: set[tuple[str, int]]) -> None:
        self.throttle = throttle
        self.own = own
        self._limit = LogLimit()
        self._bans = LogLimit()

    def bars(self, request: Request, flow: Flow, now: Moment) -> bool:
        """Whether a request is to be left unanswered; none that belongs to what exists is. Raises ParseError."""
        return (
            self.throttle.has_bans
            and self.throttle.bars(flow.remote, now)
            and request.to_tag is None
            and request.method not in ("ACK", "CANCEL")
        )

    def prefers(self, remote: tuple[str, int]) -> bool:
        """Whether a remote side is known, so that it comes first when not all can be served."""
        return self.throttle.prefers(remote) or remote in self.own

    def proven(self, flow: Flow) -> None:
        """Right credentials came over a flow."""
        self.throttle.prove(flow.remote)

    def challenged(self, flow: Flow, now: Moment) -> None:
        """A request was asked for credentials, which is nothing to tell by itself."""
        self._count(flow, UNANSWERED_CHALLENGE, now)

    def failed(self, request: Request, flow: Flow, status: int, username: str, now: Moment) -> None:
        """Credentials were wrong; `username` is whose they were said to be."""
        if self._count(flow, FAILED_LOGIN, now):
            self._tell_refused(request, flow, status, _WHY[FAILED_LOGIN], username, now)

    def refused(self, request: Request, flow: Flow, status: int, reason: str, now: Moment) -> None:
        """A request may not do what it is for, or is none."""
        if self._count(flow, REFUSED_REQUEST, now):
            self._tell_refused(request, flow, status, reason, "", now)

    def turned_away(self, request: Request, flow: Flow, now: Moment) -> None:
        """There is no room for a request."""
        self._tell_refused(request, flow, 503, "no room for more requests", "", now)

    def _count(self, flow: Flow, offence: int, now: Moment) -> bool:
        """Count it; whether there is a line for it."""
        if any(host == flow.remote[0] for host, _ in self.own):
            return True
        counted = self.throttle.count(flow.remote, offence, now)
        if counted == BANNED and self._bans.admits(now):
            _log.warning(
                "security: banned",
                **_where(flow),
                reason=_WHY[offence],
                seconds=self.throttle.ban,
                **self._bans.remark,
            )
        return counted != BANNED and counted <= LINES_EACH

    def _tell_refused(self, request: Request, flow: Flow, status: int, reason: str, username: str, now: Moment) -> None:
        if not self._limit.admits(now):
            return
        user = {"user": username} if username else {}
        _log.warning(
            "security: refused",
            **_where(flow),
            reason=reason,
            status=status,
            method=request.method,
            **user,
            **_call_id(request),
            **self._limit.remark,
        )


def _where(flow: Flow) -> dict[str, str | int]:
    host, port = flow.remote
    return {"source": host, "port": port, "transport": flow.transport}


def _call_id(request: Request) -> dict[str, str]:
    try:
        return {"call_id": request.call_id}
    except ParseError:
        return {}
