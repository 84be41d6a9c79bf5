"""Which requests proved themselves a short while ago.

A request that is answered or forwarded without a transaction comes here again when it is sent again, with the same
nonce-count. That is no replay (RFC 7616 3.4): a transaction would absorb it, and without one it gets the same answer as
the first time (RFC 3261 8.2.7, 16.11).
"""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.sip.message import Request

__all__ = ["Retransmissions"]

DEFAULT_MOST: Final = 65_536


class Retransmissions:
    """Remembers the last `most` requests for `seconds`: as long as a client sends one again, 64*T1.

    Only what is the same octet by octet is sent again, with the source that its Via was given here. The digest covers
    no Contact: whoever overheard a REGISTER could otherwise bind the user to himself meanwhile.
    """

    __slots__ = ("_most", "_seconds", "_until")

    def __init__(self, seconds: float = 32.0, most: int = DEFAULT_MOST) -> None:
        self._seconds = seconds
        self._most = most
        # By hash, as the rest need not be kept; in the order of the times at which they are forgotten.
        self._until: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def remember(self, request: Request, now: Moment) -> None:
        """Take note of a request that proved itself."""
        until = self._until
        while until:
            oldest = next(iter(until))
            if until[oldest] > now.monotonic and len(until) < self._most:
                break
            del until[oldest]
        until[_mark(request)] = now.monotonic + self._seconds

    def holds(self, request: Request, now: Moment) -> bool:
        """Whether this is a request that is remembered, sent again."""
        return self._until.get(_mark(request), 0.0) > now.monotonic


def _mark(request: Request) -> int:
    return hash((tuple(request.lines), request.body))
