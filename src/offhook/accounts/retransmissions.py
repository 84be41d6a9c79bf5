"""Which requests proved themselves a short while ago.

A request that is answered or forwarded without a transaction comes here again when it is sent again, with the same
nonce-count. That is no replay (RFC 7616 3.4): a transaction would absorb it, and without one it gets the same answer as
the first time (RFC 3261 8.2.7, 16.11).
"""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.recent import ForAWhile
from offhook.sip.message import Request

__all__ = ["Retransmissions"]

DEFAULT_MOST: Final = 65_536


class Retransmissions:
    """Remembers the last `most` requests for `seconds`: as long as copies arrive, sent within 64*T1 and T4 under way.

    Only what is the same octet by octet is sent again, with the source that its Via was given here. The digest covers
    no Contact: whoever overheard a REGISTER could otherwise bind the user to himself meanwhile.
    """

    __slots__ = ("_known",)

    def __init__(self, seconds: float = 37.0, most: int = DEFAULT_MOST) -> None:
        # By hash, as the rest need not be kept.
        self._known: ForAWhile[int, bool] = ForAWhile(seconds, most)

    def __len__(self) -> int:
        return len(self._known)

    def remember(self, request: Request, now: Moment) -> None:
        """Take note of a request that proved itself."""
        self._known.note(_mark(request), True, now.monotonic)

    def holds(self, request: Request, now: Moment) -> bool:
        """Whether this is a request that is remembered, sent again."""
        return self._known.get(_mark(request), now.monotonic) is not None


def _mark(request: Request) -> int:
    return hash((tuple(request.lines), request.body))
