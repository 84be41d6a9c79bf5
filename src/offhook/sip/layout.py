"""Layouts: which header stands where in a message.

The messages of one phone have the same headers in the same order each time, so that what follows from the order alone
is found once.
"""

from __future__ import annotations

from typing import Final

from offhook.sip.lines import (
    CALL_ID_MARK,
    CONTENT_LENGTH_MARK,
    CSEQ_MARK,
    FROM_MARK,
    MAX_FORWARDS_MARK,
    TO_MARK,
    UNKNOWN_MARK,
    VIA_MARK,
    key_of_line,
)

__all__ = ["MOST_REMEMBERED", "Layout", "layout_of"]

MOST_REMEMBERED: Final = 1024
"""How many layouts are kept at most; then all are forgotten, those that matter come again soon."""
_LONGEST_REMEMBERED: Final = 64
_LONGEST_NAMES: Final = 512

_ONCE: Final = {
    FROM_MARK: "From",
    TO_MARK: "To",
    CALL_ID_MARK: "Call-ID",
    CSEQ_MARK: "CSeq",
    CONTENT_LENGTH_MARK: "Content-Length",
}
_layouts: Final[dict[str, Layout]] = {}
_layouts_by_names: Final[dict[tuple[str, tuple[bytes, ...]], Layout]] = {}
"""Unknown headers all have one mark: what tells these layouts apart are the names of those headers."""


class Layout:
    """`keys` of the lines, the start line in front, and the `places` of each key.

    By name: the place of the topmost line of each header that routing reads, or 0. `repeated` names a header that
    stands there more than once and must not. `via_fields` counts the Via fields.

    A layout is shared: nobody changes it.
    """

    __slots__ = (
        "call_id",
        "content_length",
        "cseq",
        "from_",
        "keys",
        "max_forwards",
        "places",
        "repeated",
        "to",
        "via",
        "via_fields",
        "whole",
    )

    def __init__(self, marks: str, lines: list[bytes]) -> None:
        self.keys = ["", *[key_of_line(line) for line in lines[1:]]]
        places: dict[str, list[int]] = {}
        for place, key in enumerate(self.keys):
            places.setdefault(key, []).append(place)
        self.places = {key: tuple(found) for key, found in places.items()}
        self.via = marks.find(VIA_MARK) + 1
        self.from_ = marks.find(FROM_MARK) + 1
        self.to = marks.find(TO_MARK) + 1
        self.call_id = marks.find(CALL_ID_MARK) + 1
        self.cseq = marks.find(CSEQ_MARK) + 1
        self.content_length = marks.find(CONTENT_LENGTH_MARK) + 1
        self.max_forwards = marks.find(MAX_FORWARDS_MARK) + 1
        self.via_fields = marks.count(VIA_MARK)
        self.repeated = "".join([name for mark, name in _ONCE.items() if marks.count(mark) > 1][:1])
        self.whole = min(self.via, self.from_, self.to, self.call_id, self.cseq) > 0
        """Whether all is there that every hop needs."""


def layout_of(marks: str, lines: list[bytes]) -> Layout:
    """The layout of a message with these lines, whose header lines have these marks."""
    layout = _layouts.get(marks)
    if layout is not None:
        return layout
    if UNKNOWN_MARK in marks:
        return _layout_by_names(marks, lines)
    layout = Layout(marks, lines)
    if len(marks) <= _LONGEST_REMEMBERED:
        if len(_layouts) >= MOST_REMEMBERED:
            _layouts.clear()
        _layouts[marks] = layout
    return layout


def _layout_by_names(marks: str, lines: list[bytes]) -> Layout:
    names: list[bytes] = []
    place = marks.find(UNKNOWN_MARK)
    while place >= 0:
        line = lines[place + 1]
        # With the colon: a line without one is no field, whatever it says.
        names.append(line[: line.find(b":") + 1])
        place = marks.find(UNKNOWN_MARK, place + 1)
    named = (marks, tuple(names))
    layout = _layouts_by_names.get(named)
    if layout is None:
        layout = Layout(marks, lines)
        if len(marks) <= _LONGEST_REMEMBERED and sum(map(len, names)) <= _LONGEST_NAMES:
            if len(_layouts_by_names) >= MOST_REMEMBERED:
                _layouts_by_names.clear()
            _layouts_by_names[named] = layout
    return layout
