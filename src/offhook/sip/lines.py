"""What the header lines say that every hop reads, remembered by their octets.

The messages of one transaction and of one phone have most of these lines in common, octet by octet, so that a look-up
takes the place of reading them.
"""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.numbers import parse_max_forwards
from offhook.sip.scan import WHITE, TopVia, decoded, field_value, is_call_id, scan_cseq, scan_tag, scan_via

__all__ = ["LINES", "MOST_REMEMBERED", "Line", "content_length", "line_of"]

MOST_REMEMBERED: Final = 2048
"""How many lines are kept at most; then all are forgotten, those that matter come again soon."""
_LONGEST_REMEMBERED: Final = 256
_COMMA: Final = 0x2C


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


LINES: Final[dict[bytes, Line]] = {}


def line_of(octets: bytes, key: str) -> Line:
    """What a line says, whose header has that key; one that is not among LINES is read."""
    line = LINES.get(octets)
    return _read(octets, key) if line is None else line


def _read(octets: bytes, key: str) -> Line:
    line = Line()
    try:
        _read_value(line, key, field_value(octets))
    except ParseError:
        line.sound = False
    if len(octets) <= _LONGEST_REMEMBERED:
        if len(LINES) >= MOST_REMEMBERED:
            LINES.clear()
        LINES[octets] = line
    return line


def _read_value(line: Line, key: str, value: bytes) -> None:
    if key == "via":
        line.number = 1 + value.count(b",") if _COMMA in value else 1
        line.via = scan_via(value)
    elif key == "from" or key == "to":
        line.text = scan_tag(value) or None
    elif key == "call-id":
        line.text = decoded(value)
        line.sound = is_call_id(value)
    elif key == "cseq":
        line.cseq = scan_cseq(value)
    elif key == "content-length":
        line.number = content_length(value)
    elif key == "max-forwards":
        line.number = parse_max_forwards(decoded(value))


def content_length(value: bytes) -> int:
    """A Content-Length value (RFC 3261 20.14: digits alone). Raises ParseError."""
    digits = value.strip(WHITE)
    if not digits.isdigit() or len(digits) > 15:
        raise ParseError("Content-Length is not a number", header="Content-Length", clause="RFC 3261 20.14")
    return int(digits)
