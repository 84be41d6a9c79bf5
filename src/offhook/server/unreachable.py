"""What the log says of next hops that cannot be reached: whoever runs the server can mend a name or a certificate."""

from __future__ import annotations

import structlog

from offhook.clock import Moment
from offhook.sip.message import Request
from offhook.transport.log_limit import LogLimit

__all__ = ["UnreachableHops"]

_log = structlog.get_logger("offhook.proxy")


class UnreachableHops:
    """Writes a line for each, and no more of them than a log can bear."""

    __slots__ = ("_limit",)

    def __init__(self) -> None:
        self._limit = LogLimit()

    def note(self, request: Request, reason: str, now: Moment) -> None:
        """A request could not be sent on, and why."""
        if self._limit.admits(now):
            _log.warning(
                "a next hop cannot be reached",
                reason=reason,
                method=request.method,
                call_id=request.call_id,
                **self._limit.remark,
            )
