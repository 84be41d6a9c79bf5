"""What was removed a short while ago."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.location.update import Update
from offhook.recent import ForAWhile

__all__ = ["Removals"]

DEFAULT_MAX_REMOVALS: Final = 65_536


class Removals:
    """Remembers the last `most` removals for `seconds`: as long as a transaction would absorb what was sent before.

    The network may hand over a REGISTER, or a copy of it, after the one that took its binding away. With the binding
    its CSeq is gone too, so that 10.3 step 7 alone would let it in again.
    """

    __slots__ = ("_cseqs",)

    def __init__(self, seconds: float, most: int = DEFAULT_MAX_REMOVALS) -> None:
        # By address-of-record and Call-ID.
        self._cseqs: ForAWhile[str, int] = ForAWhile(seconds, most)

    def __len__(self) -> int:
        return len(self._cseqs)

    def check(self, update: Update, now: Moment) -> None:
        """Raise ProtocolError for an update that is older than a removal by the same client."""
        if not len(self._cseqs):
            return
        cseq = self._cseqs.get(_key(update), now.monotonic)
        if cseq is not None and update.cseq < cseq:
            raise ProtocolError("CSeq is below that of a removal", status=500, clause="RFC 3261 10.3 step 7")

    def remember(self, update: Update, now: Moment) -> None:
        """Take note of an update that was carried out, if it removed something."""
        if update.everything or not all(binding.expires for binding in update.bindings):
            self._cseqs.note(_key(update), update.cseq, now.monotonic)


def _key(update: Update) -> str:
    return f"{update.aor}\n{update.call_id}"
