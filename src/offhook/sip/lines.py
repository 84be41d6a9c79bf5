"""Header lines, each read once: the same lines come again and again, within a call and from one call to the next.

What routing needs of a line is kept by its octets. A line that nobody has seen yet is read by the scanners; what is
found depends on the octets alone, so that a remembered line and a new one give the same message.
"""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.numbers import parse_max_forwards
from offhook.sip.headers.registry import KEYS, key_of, row
from offhook.sip.scan import CALL_ID, WHITE, TopVia, decoded, scan_cseq, scan_tag, scan_via

__all__ = [
    "CALL_ID_LINE",
    "CONTENT_LENGTH_LINE",
    "CSEQ_LINE",
    "FROM_LINE",
    "KINDS",
    "LINES",
    "MAX_FORWARDS_LINE",
    "MOST_REMEMBERED",
    "TO_LINE",
    "VIA_LINE",
    "Line",
    "Lines",
    "SplitAnew",
    "content_length",
    "is_irregular",
    "read_line",
    "read_split_line",
]

# What a line is to the parser; from 8 on one for each header that routing does not read, 0 for unknown ones.
VIA_LINE: Final = 1
FROM_LINE: Final = 2
TO_LINE: Final = 3
CALL_ID_LINE: Final = 4
CSEQ_LINE: Final = 5
CONTENT_LENGTH_LINE: Final = 6
MAX_FORWARDS_LINE: Final = 7
KINDS: Final = {
    "via": VIA_LINE,
    "from": FROM_LINE,
    "to": TO_LINE,
    "call-id": CALL_ID_LINE,
    "cseq": CSEQ_LINE,
    "content-length": CONTENT_LENGTH_LINE,
    "max-forwards": MAX_FORWARDS_LINE,
}

MOST_REMEMBERED: Final = 2048
"""How many lines are kept at most; then all are forgotten, those that matter come again soon."""
_LONGEST_REMEMBERED: Final = 256
# An octet is found ten times faster as a number than as bytes.
_NUL: Final = 0x00
_LF: Final = 0x0A
_CR: Final = 0x0D
_SPACE: Final = 0x20


class Line:
    """One header line: its `key`, its `kind`, and what every hop reads of it.

    `via` of a Via, `cseq` of a CSeq, `text` the Call-ID or the tag of a From or To, `number` the Content-Length or
    Max-Forwards, or how many Vias there are at most. `sound` is false when that cannot be read; who needs it then reads
    it again, and is told why. `values` are the field's decoded values once somebody has asked for them; for headers
    that routing does not read, all lines of a header are one and it stays None.
    """

    __slots__ = ("cseq", "key", "kind", "number", "sound", "text", "values", "via")

    def __init__(self, key: str, kind: int) -> None:
        self.key = key
        self.kind = kind
        self.sound = True
        self.via: TopVia | None = None
        self.cseq: tuple[int, str] | None = None
        self.text: str | None = None
        self.number = 0
        self.values: list[object] | None = None

    @property
    def routes(self) -> bool:
        """Whether routing reads this line."""
        return 0 < self.kind <= MAX_FORWARDS_LINE


class Lines(dict[bytes, Line]):
    """The lines that were seen, by their octets; a new one is read as soon as it is looked up."""

    def __missing__(self, octets: bytes) -> Line:
        return read_line(octets)


LINES: Final = Lines()
"""None of them is irregular."""
_OTHERS: Final[dict[str, Line]] = {}
_MOST_OTHERS: Final = 255 - MAX_FORWARDS_LINE


class SplitAnew(Exception):
    """A line continues the one above it (RFC 3261 7.3.1), or has a CR, LF or NUL of its own."""


def is_irregular(octets: bytes) -> bool:
    """Whether what stands between two CRLF has a CR, a LF or a NUL of its own."""
    return _LF in octets or _CR in octets or _NUL in octets


def read_line(octets: bytes) -> Line:
    """Read a line that is not in LINES. Raises SplitAnew; and ParseError when it is no header field at all."""
    if (octets and octets[0] <= _SPACE) or is_irregular(octets):
        raise SplitAnew
    line = read_split_line(octets)
    # A name that nobody registered is not remembered: a program may give it a meaning yet.
    if line.kind and len(octets) <= _LONGEST_REMEMBERED:
        if len(LINES) >= MOST_REMEMBERED:
            LINES.clear()
        LINES[octets] = line
    return line


def read_split_line(octets: bytes) -> Line:
    """Read a field that may have folds and a NUL in it. Raises ParseError when it is no header field at all."""
    name, colon, value = octets.partition(b":")
    key = KEYS.get(name)
    if key is None or not colon:
        if not colon:
            raise ParseError("a header line without a colon", clause="RFC 3261 7.3.1")
        key = key_of(name)
    other = _OTHERS.get(key)
    if other is not None:
        return other
    kind = KINDS.get(key, 0)
    if not kind:
        return _other(key)
    line = Line(key, kind)
    try:
        _read_value(line, value.strip(WHITE))
    except ParseError:
        line.sound = False
    return line


def _other(key: str) -> Line:
    """The one line of a header that routing does not read; an unknown one has no kind of its own."""
    if row(key) is None or len(_OTHERS) >= _MOST_OTHERS:
        return Line(key, 0)
    line = _OTHERS[key] = Line(key, MAX_FORWARDS_LINE + 1 + len(_OTHERS))
    return line


def _read_value(line: Line, value: bytes) -> None:
    kind = line.kind
    if kind == VIA_LINE:
        line.via = scan_via(value)
        line.number = 1 + value.count(b",")
    elif kind in (FROM_LINE, TO_LINE):
        line.text = scan_tag(value) or None
    elif kind == CALL_ID_LINE:
        line.text = decoded(value)
        line.sound = CALL_ID.fullmatch(value) is not None
    elif kind == CSEQ_LINE:
        line.cseq = scan_cseq(value)
    elif kind == CONTENT_LENGTH_LINE:
        line.number = content_length(value)
    else:
        line.number = parse_max_forwards(decoded(value))


def content_length(value: bytes) -> int:
    """A Content-Length value (RFC 3261 20.14: digits alone). Raises ParseError."""
    digits = value.strip(WHITE)
    if not digits.isdigit() or len(digits) > 15:
        raise ParseError("Content-Length is not a number", header="Content-Length", clause="RFC 3261 20.14")
    return int(digits)
