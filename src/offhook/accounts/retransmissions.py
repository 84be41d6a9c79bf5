"""Which requests proved themselves a short while ago, and by which use of a nonce.

A request that is answered or forwarded without a transaction comes here again when it is sent again, with the same
nonce-count. That is no replay (RFC 7616 3.4): a transaction would absorb it, and without one it gets the same answer as
the first time (RFC 3261 8.2.7, 16.11).
"""

from __future__ import annotations

from typing import Final

from offhook.sip.message import Request

__all__ = ["Retransmissions"]

DEFAULT_MOST: Final = 65_536


class Retransmissions:
    """Remembers the last `most` requests for `seconds`: as long as a client sends one again, 64*T1.

    What has the branch, Call-ID and CSeq of one that proved itself is that one: the registrar changes nothing for it,
    and a stateless proxy sends it where it went before.
    """

    __slots__ = ("_most", "_seconds", "_until")

    def __init__(self, seconds: float = 32.0, most: int = DEFAULT_MOST) -> None:
        self._seconds = seconds
        self._most = most
        # By hash, as the rest need not be kept; in the order of the times at which they are forgotten.
        self._until: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def remember(self, request: Request, nonce: str, nonce_count: int, monotonic: float) -> None:
        """Take note of a request that proved itself by this use of a nonce."""
        until = self._until
        while until:
            oldest = next(iter(until))
            if until[oldest] > monotonic and len(until) < self._most:
                break
            del until[oldest]
        mark = _mark(request, nonce, nonce_count)
        if mark is not None:
            until[mark] = monotonic + self._seconds

    def holds(self, request: Request, nonce: str, nonce_count: int, monotonic: float) -> bool:
        """Whether this is a request that is remembered, sent again."""
        mark = _mark(request, nonce, nonce_count)
        return mark is not None and self._until.get(mark, 0.0) > monotonic


def _mark(request: Request, nonce: str, nonce_count: int) -> int | None:
    via = request.octets("via")
    if via is None:
        return None
    return hash((via, request.octets("cseq"), request.octets("call-id"), nonce, nonce_count))
