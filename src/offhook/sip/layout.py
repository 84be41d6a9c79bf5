"""Layouts: which header stands where in a message.

The messages of one phone have the same headers in the same order each time, so that what follows from the order alone
is found once.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Final

from offhook.sip.lines import (
    CALL_ID_LINE,
    CONTENT_LENGTH_LINE,
    CSEQ_LINE,
    FROM_LINE,
    MAX_FORWARDS_LINE,
    TO_LINE,
    VIA_LINE,
    Line,
)

__all__ = ["MOST_REMEMBERED", "Layout", "layout_of"]

MOST_REMEMBERED: Final = 1024
"""How many layouts are kept at most; then all are forgotten, those that matter come again soon."""
_LONGEST_REMEMBERED: Final = 64
_kind: Final = attrgetter("kind")

_ONCE: Final = {
    FROM_LINE: "From",
    TO_LINE: "To",
    CALL_ID_LINE: "Call-ID",
    CSEQ_LINE: "CSeq",
    CONTENT_LENGTH_LINE: "Content-Length",
}
_layouts: Final[dict[bytes, Layout]] = {}


class Layout:
    """`keys` of the lines, the start line in front; which header line is the topmost of each that routing reads, or -1.

    `repeated` names a header that stands there more than once and must not. `via_fields` counts the Via fields.

    A layout is shared: nobody changes it.
    """

    __slots__ = (
        "call_id",
        "content_length",
        "cseq",
        "from_",
        "keys",
        "max_forwards",
        "repeated",
        "to",
        "via",
        "via_fields",
        "whole",
    )

    def __init__(self, read: list[Line]) -> None:
        kinds = [line.kind for line in read]
        self.keys = ["", *[line.key for line in read]]
        self.via = _place(kinds, VIA_LINE)
        self.from_ = _place(kinds, FROM_LINE)
        self.to = _place(kinds, TO_LINE)
        self.call_id = _place(kinds, CALL_ID_LINE)
        self.cseq = _place(kinds, CSEQ_LINE)
        self.content_length = _place(kinds, CONTENT_LENGTH_LINE)
        self.max_forwards = _place(kinds, MAX_FORWARDS_LINE)
        self.via_fields = kinds.count(VIA_LINE)
        self.repeated = "".join([name for kind, name in _ONCE.items() if kinds.count(kind) > 1][:1])
        self.whole = min(self.via, self.from_, self.to, self.call_id, self.cseq) >= 0
        """Whether all is there that every hop needs."""


def layout_of(read: list[Line]) -> Layout:
    """The layout of a message whose header lines are `read`."""
    kinds = bytes(map(_kind, read))
    layout = _layouts.get(kinds)
    if layout is None:
        layout = Layout(read)
        # Unknown headers are all of one kind, and have keys of their own.
        if len(kinds) <= _LONGEST_REMEMBERED and 0 not in kinds:
            if len(_layouts) >= MOST_REMEMBERED:
                _layouts.clear()
            _layouts[kinds] = layout
    return layout


def _place(kinds: list[int], kind: int) -> int:
    return kinds.index(kind) if kind in kinds else -1
