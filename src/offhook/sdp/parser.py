"""Bytes to a `SessionDescription` (RFC 8866 section 9, read as its section 5 asks of receivers)."""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError
from offhook.sdp.grammar import malformed
from offhook.sdp.line import CRLF, Line
from offhook.sdp.session import MediaDescription, SessionDescription

__all__ = ["MAX_LINES", "MAX_MEDIA", "MAX_OCTETS", "parse"]

MAX_OCTETS: Final = 65536
MAX_LINES: Final = 4096
MAX_MEDIA: Final = 256
LF: Final = "\n"


def parse(
    data: bytes, *, max_octets: int = MAX_OCTETS, max_lines: int = MAX_LINES, max_media: int = MAX_MEDIA
) -> SessionDescription:
    """Read one session description. Raises ParseError, and nothing else, for any bytes.

    Lines may end in CRLF or in a single LF (RFC 8866 section 5). Text behind the last line that is no line is kept
    as the trailer. The error's `offset` is the octet at which the value of the line at fault begins; its `status` is
    413 for a bound, else 400.
    """
    if len(data) > max_octets:
        raise ParseError(f"the session description has more than {max_octets} octets", status=413)
    if data.count(b"\n") >= max_lines:
        raise ParseError(f"the session description has more than {max_lines} lines", status=413)
    lines, trailer = _split(data)
    starts = [place for place, line in enumerate(lines) if line.type == "m"]
    if len(starts) > max_media:
        raise ParseError(f"the session description has more than {max_media} media descriptions", status=413)
    bounds = [*starts, len(lines)]
    media = [MediaDescription(lines[bounds[i] : bounds[i + 1]]) for i in range(len(starts))]
    description = SessionDescription(lines[: bounds[0]], media, trailer)
    _check_connections(description)
    return description


def _split(data: bytes) -> tuple[list[Line], str]:
    """The lines, and what stands behind the last of them."""
    pieces = data.split(b"\n")
    count = next((place for place in range(len(pieces), 0, -1) if _is_line(pieces[place - 1])), 0)
    lines: list[Line] = []
    start = 0
    trailer = b"\n".join(pieces[count:])
    for piece in pieces[:count]:
        if not _is_line(piece):
            raise malformed("a line is not <type>=<value>", "RFC 8866 5", start)
        value, end = piece[2:], LF
        if start + len(piece) == len(data):
            # The last line is not ended, or its CRLF is cut in half by a Content-Length that is one too small.
            end, trailer = "", b"\r" if value.endswith(b"\r") else b""
        elif value.endswith(b"\r"):
            end = CRLF
        value = value.removesuffix(b"\r")
        lines.append(Line(_text(piece[:1]), _text(value), end, start + 2))
        start += len(piece) + 1
    return lines, _text(trailer)


def _is_line(piece: bytes) -> bool:
    return piece[1:2] == b"=" and piece[:1].isalpha()


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _check_connections(description: SessionDescription) -> None:
    """Every stream needs a c= line; a rejected one has nothing to connect and is let pass."""
    for media in description.media:
        if media.port and not description.connections_of(media):
            raise malformed("neither the stream nor the session has a c= line", "RFC 8866 5.7", media.lines[0].offset)
