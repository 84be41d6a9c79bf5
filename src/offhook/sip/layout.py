"""Layouts: which header stands where in a message.

The messages of one phone have the same headers in the same order each time, so that what follows from the order alone
is found once, and known again by the names in front of the lines.
"""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.registry import key_of

__all__ = ["MOST_REMEMBERED", "NO_FIELD", "Layout", "RecentLayouts", "checked_key", "layout_of", "recent_layouts"]

NO_FIELD: Final = "?"
"""The key of a line that is no header field, having no colon or a name that is no token.

Such a line means nothing to anybody, so that it is passed over and leaves as it came (RFC 3261 8.2.2, 16.3 step 1).
"""

MOST_REMEMBERED: Final = 1024
"""How many layouts are kept at most; then all are forgotten, those that matter come again soon."""
_LONGEST_REMEMBERED: Final = 1024
_MOST_ALIKE: Final = 8
_SPACE: Final = 0x20

_ONCE: Final = {
    "from": "From",
    "to": "To",
    "call-id": "Call-ID",
    "cseq": "CSeq",
    "content-length": "Content-Length",
}


def checked_key(octets: bytes) -> str:
    """The key of a header line. Raises ParseError when it is no header field at all."""
    colon = octets.find(b":")
    if colon < 0:
        raise ParseError("a header line without a colon", clause="RFC 3261 7.3.1")
    return key_of(octets[:colon])


def _key_of_line(octets: bytes) -> str:
    try:
        return checked_key(octets)
    except ParseError:
        return NO_FIELD


class Layout:
    """`keys` of the lines, the start line in front, and the `places` of each key.

    `names` is what each line begins with, up to its colon. By name: the place of the topmost line of each header that
    routing reads, or 0. `repeated` names a header that stands there more than once and must not. `via_fields` counts
    the Via fields. `whole`: all is there that every hop needs. `kept`: it is one of those that are remembered.

    A layout is shared: nobody changes it.
    """

    __slots__ = (
        "call_id",
        "content_length",
        "cseq",
        "from_",
        "kept",
        "keys",
        "max_forwards",
        "names",
        "places",
        "repeated",
        "to",
        "via",
        "via_fields",
        "whole",
    )

    def __init__(self, names: list[bytes]) -> None:
        self.names = names
        self.keys = ["", *[_key_of_line(name) for name in names[1:]]]
        places: dict[str, list[int]] = {}
        for place, key in enumerate(self.keys):
            places.setdefault(key, []).append(place)
        self.places = {key: tuple(found) for key, found in places.items()}
        self.via = self._first("via")
        self.from_ = self._first("from")
        self.to = self._first("to")
        self.call_id = self._first("call-id")
        self.cseq = self._first("cseq")
        self.content_length = self._first("content-length")
        self.max_forwards = self._first("max-forwards")
        self.via_fields = len(places.get("via", ()))
        self.repeated = "".join([name for key, name in _ONCE.items() if len(places.get(key, ())) > 1][:1])
        self.whole = min(self.via, self.from_, self.to, self.call_id, self.cseq) > 0
        self.kept = False

    def _first(self, key: str) -> int:
        places = self.places.get(key)
        return places[0] if places else 0

    def fits(self, lines: list[bytes], octets: int) -> bool:
        """Whether as many lines have these names, and together with a CRLF between them so many octets."""
        left = octets + 2
        for name, line in zip(self.names, lines):  # noqa: B905  compiled, only this form is a loop in C
            if not line.startswith(name):
                return False
            left -= len(line) + 2
        return left == 0


_layouts: Final[dict[bytes, Layout]] = {}
"""By all names, one behind the other: each ends with the only colon that it has."""


class RecentLayouts:
    """The layouts that one kind of message had lately, by the number of their lines."""

    __slots__ = ("_by_lines",)

    def __init__(self) -> None:
        self._by_lines: dict[int, list[Layout]] = {}

    def find(self, lines: list[bytes], octets: int) -> Layout | None:
        """The layout of lines that come from a head of so many octets; None when it is to be found out.

        So it is for lines that do not end with CRLF, and for those that continue the one above (RFC 3261 7.3.1).
        """
        found = self._by_lines.get(len(lines))
        if found is not None:
            for layout in found:
                if layout.fits(lines, octets):
                    return layout
        if sum(map(len, lines)) + 2 * len(lines) - 2 != octets:
            return None
        for line in lines:
            if line[0] <= _SPACE:
                return None
        return self._note(layout_of(lines))

    def _note(self, layout: Layout) -> Layout:
        if layout.kept:
            alike = self._by_lines.setdefault(len(layout.names), [])
            if len(alike) >= _MOST_ALIKE:
                del alike[0]
            alike.append(layout)
        return layout

    def forget(self) -> None:
        """Begin anew."""
        self._by_lines.clear()


_recent: Final[dict[str, RecentLayouts]] = {}


def recent_layouts(kind: str) -> RecentLayouts:
    """The layouts of one kind of message, of which there are as many as there are methods and status codes."""
    return _recent.setdefault(kind, RecentLayouts())


def layout_of(lines: list[bytes]) -> Layout:
    """The layout of a message with these lines, the start line in front."""
    names = [b"", *[line[: line.find(b":") + 1] for line in lines[1:]]]
    octets = b"".join(names)
    if len(octets) > _LONGEST_REMEMBERED or b"" in names[1:]:
        # A line without a colon has no name to be known again by.
        return Layout(names)
    layout = _layouts.get(octets)
    if layout is None:
        layout = Layout(names)
        if len(_layouts) >= MOST_REMEMBERED:
            _layouts.clear()
            for recent in _recent.values():
                recent.forget()
        layout.kept = True
        _layouts[octets] = layout
    return layout
