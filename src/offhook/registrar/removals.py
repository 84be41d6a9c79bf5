"""What was removed a short while ago."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.location.update import Update

__all__ = ["Removals"]

DEFAULT_MAX_REMOVALS: Final = 65_536


class Removals:
    """Remembers the last `most` removals for `seconds`: as long as a transaction would absorb what was sent before.

    The network may hand over a REGISTER, or a copy of it, after the one that took its binding away. With the binding
    its CSeq is gone too, so that 10.3 step 7 alone would let it in again.
    """

    __slots__ = ("_most", "_removals", "_seconds")

    def __init__(self, seconds: float, most: int = DEFAULT_MAX_REMOVALS) -> None:
        self._most = most
        self._seconds = seconds
        # By address-of-record and Call-ID: the CSeq of the removal and the monotonic second at which it is forgotten,
        # in the order of these.
        self._removals: dict[str, tuple[int, float]] = {}

    def __len__(self) -> int:
        return len(self._removals)

    def check(self, update: Update, now: Moment) -> None:
        """Raise ProtocolError for an update that is older than a removal by the same client."""
        if not self._removals:
            return
        removal = self._removals.get(_key(update))
        if removal is not None and removal[1] > now.monotonic and update.cseq < removal[0]:
            raise ProtocolError("CSeq is below that of a removal", status=500, clause="RFC 3261 10.3 step 7")

    def remember(self, update: Update, now: Moment) -> None:
        """Take note of an update that was carried out, if it removed something."""
        if not update.everything and all(binding.expires for binding in update.bindings):
            return
        removals = self._removals
        while removals:
            oldest = next(iter(removals))
            if removals[oldest][1] > now.monotonic and len(removals) < self._most:
                break
            del removals[oldest]
        removals.pop(_key(update), None)
        removals[_key(update)] = (update.cseq, now.monotonic + self._seconds)


def _key(update: Update) -> str:
    return f"{update.aor}\n{update.call_id}"
