"""Header lines, each read once: the same lines come again and again, within a call and from one call to the next.

What a line is, and what routing needs of it, is kept by its octets. A line that nobody has seen yet is read by the
scanners; what is found depends on the octets alone, so that a remembered line and a new one give the same message.
"""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.numbers import parse_max_forwards
from offhook.sip.headers.registry import KEYS, key_of, row
from offhook.sip.scan import CALL_ID, WHITE, TopVia, decoded, scan_cseq, scan_tag, scan_via

__all__ = [
    "CALL_ID_MARK",
    "CONTENT_LENGTH_MARK",
    "CSEQ_MARK",
    "FROM_MARK",
    "LINES",
    "MARKS",
    "MAX_FORWARDS_MARK",
    "MOST_REMEMBERED",
    "NO_FIELD",
    "TO_MARK",
    "UNKNOWN_MARK",
    "VIA_MARK",
    "Line",
    "Lines",
    "Marks",
    "SplitAnew",
    "checked_key",
    "content_length",
    "is_irregular",
    "key_of_line",
    "mark_of",
]

# A header's mark is one character: these for what routing reads, one each for other registered ones as they are met.
UNKNOWN_MARK: Final = "\0"
VIA_MARK: Final = "\x01"
FROM_MARK: Final = "\x02"
TO_MARK: Final = "\x03"
CALL_ID_MARK: Final = "\x04"
CSEQ_MARK: Final = "\x05"
CONTENT_LENGTH_MARK: Final = "\x06"
MAX_FORWARDS_MARK: Final = "\x07"
_MARK_OF: Final = {
    "via": VIA_MARK,
    "from": FROM_MARK,
    "to": TO_MARK,
    "call-id": CALL_ID_MARK,
    "cseq": CSEQ_MARK,
    "content-length": CONTENT_LENGTH_MARK,
    "max-forwards": MAX_FORWARDS_MARK,
}
_MOST_MARKS: Final = 256

NO_FIELD: Final = "?"
"""The key of a line that is no header field, having no colon or a name that is no token."""

MOST_REMEMBERED: Final = 2048
"""How many lines are kept at most; then all are forgotten, those that matter come again soon."""
_LONGEST_REMEMBERED: Final = 256
# An octet is found ten times faster as a number than as bytes.
_NUL: Final = 0x00
_LF: Final = 0x0A
_CR: Final = 0x0D
_SPACE: Final = 0x20


class SplitAnew(Exception):
    """A line continues the one above it (RFC 3261 7.3.1), or has a CR, LF or NUL of its own."""


def is_irregular(octets: bytes) -> bool:
    """Whether what stands between two CRLF has a CR, a LF or a NUL of its own."""
    return _LF in octets or _CR in octets or _NUL in octets


class Marks(dict[bytes, str]):
    """The mark of each line that was seen, by its octets; a new one is read as soon as it is looked up.

    Looking up raises SplitAnew. A name that nobody registered is not remembered: a program may give it a meaning yet.
    """

    def __missing__(self, octets: bytes) -> str:
        if (octets and octets[0] <= _SPACE) or is_irregular(octets):
            raise SplitAnew
        mark = mark_of(octets)
        if mark != UNKNOWN_MARK and len(octets) <= _LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:
                self.clear()
            self[octets] = mark
        return mark


MARKS: Final = Marks()


def mark_of(octets: bytes) -> str:
    """The mark of a field, which may have folds in it."""
    key = key_of_line(octets)
    mark = _MARK_OF.get(key)
    if mark is None:
        if row(key) is None or len(_MARK_OF) + 1 >= _MOST_MARKS:
            return UNKNOWN_MARK
        mark = _MARK_OF[key] = chr(len(_MARK_OF) + 1)
    return mark


def key_of_line(octets: bytes) -> str:
    """The key of a field's name; NO_FIELD for a line that is none.

    Such a line means nothing to anybody, so that it is passed over and leaves as it came (RFC 3261 8.2.2, 16.3 step 1).
    """
    colon = octets.find(b":")
    known = KEYS.get(octets[:colon]) if colon > 0 else None
    if known is not None:
        return known
    try:
        return checked_key(octets)
    except ParseError:
        return NO_FIELD


def checked_key(octets: bytes) -> str:
    """The key of a field's name. Raises ParseError when it is no header field at all."""
    colon = octets.find(b":")
    if colon < 0:
        raise ParseError("a header line without a colon", clause="RFC 3261 7.3.1")
    return key_of(octets[:colon])


class Line:
    """What every hop reads of a header line that routing needs.

    `via` of a Via, `cseq` of a CSeq, `text` the Call-ID or the tag of a From or To, `number` the Content-Length or
    Max-Forwards, or how many Vias there are at most. `sound` is false when that cannot be read; who needs it then reads
    it again, and is told why. `values` are the field's decoded values once somebody has asked for them.
    """

    __slots__ = ("cseq", "number", "sound", "text", "values", "via")

    def __init__(self) -> None:
        self.sound = True
        self.via: TopVia | None = None
        self.cseq: tuple[int, str] | None = None
        self.text: str | None = None
        self.number = 0
        self.values: list[object] | None = None


class Lines(dict[bytes, Line]):
    """The lines that routing needed, by their octets; a new one is read as soon as it is looked up."""

    def __missing__(self, octets: bytes) -> Line:
        line = Line()
        try:
            mark = MARKS.get(octets) or mark_of(octets)
            _read_value(line, mark, octets[octets.find(b":") + 1 :].strip(WHITE))
        except ParseError:
            line.sound = False
        if len(octets) <= _LONGEST_REMEMBERED:
            if len(self) >= MOST_REMEMBERED:
                self.clear()
            self[octets] = line
        return line


LINES: Final = Lines()


def _read_value(line: Line, mark: str, value: bytes) -> None:
    if mark == VIA_MARK:
        line.number = 1 + value.count(b",")
        line.via = scan_via(value)
    elif mark in (FROM_MARK, TO_MARK):
        line.text = scan_tag(value) or None
    elif mark == CALL_ID_MARK:
        line.text = decoded(value)
        line.sound = CALL_ID.fullmatch(value) is not None
    elif mark == CSEQ_MARK:
        line.cseq = scan_cseq(value)
    elif mark == CONTENT_LENGTH_MARK:
        line.number = content_length(value)
    elif mark == MAX_FORWARDS_MARK:
        line.number = parse_max_forwards(decoded(value))


def content_length(value: bytes) -> int:
    """A Content-Length value (RFC 3261 20.14: digits alone). Raises ParseError."""
    digits = value.strip(WHITE)
    if not digits.isdigit() or len(digits) > 15:
        raise ParseError("Content-Length is not a number", header="Content-Length", clause="RFC 3261 20.14")
    return int(digits)
