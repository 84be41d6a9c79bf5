"""`parse`: octets to a message (RFC 3261 7).

The head is split into lines once; which header each is, is known from messages with the same headers in the same order
(`offhook.sip.layout`), and lines that were seen before are not read again (`offhook.sip.lines`). The start line, the
framing and the headers that routing needs are checked. All else is decoded when it is read. Budget on CPython
3.11: 5 us for an INVITE whose lines are known (`python -m bench.micro`).
"""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError, Salvage
from offhook.sip.headers.registry import key_of
from offhook.sip.layout import Layout, RecentLayouts, layout_of, recent_layouts
from offhook.sip.lines import MOST_REMEMBERED, content_length, line_of
from offhook.sip.message import Message, Request, Response
from offhook.sip.method import METHODS
from offhook.sip.scan import (
    WHITE,
    decoded,
    field_value,
    has_bare_nul,
    is_call_id,
    is_request_uri,
    method_name,
    separators,
)

__all__ = ["DEFAULT_LIMITS", "HEAD_END", "Limits", "parse"]

HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
"""The empty line behind the head."""

_NUL: Final = 0x00
_LAST_LINE_END: Final = 0x0D
"""No message starts with an octet up to this one, and no usual head ends with one; CR and LF are among them."""
_ROUTING: Final = ("from", "to", "call-id", "cseq")
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
_FOLD: Final = re.compile(rb"(?:\r\n|\r|\n)[ \t]+")
_EMPTY_LINE: Final = re.compile(rb"(?:\r\n|\r(?!\n)|\n)(?:\r\n|\r(?!\n)|\n)")
"""The end of a head whose lines end as they like; of a stream's, nobody could tell whether its LF is still to come."""
_METHOD: Final = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]+")
_VERSION: Final = re.compile(rb"SIP/[0-9]+\.[0-9]+")
_LONGEST_REMEMBERED: Final = 128


class _FirstLine:
    """A start line: of a request 0, method and URI, of a response status, phrase and nothing."""

    __slots__ = ("recent", "status", "text", "uri")

    def __init__(self, status: int, text: str, uri: bytes) -> None:
        self.status = status
        self.text = text
        self.uri = uri
        kind = str(status) if status else text if text.encode("utf-8", "surrogateescape") in METHODS else ""
        self.recent: RecentLayouts = recent_layouts(kind)


_FIRST_LINES: Final[dict[bytes, _FirstLine]] = {}


class Limits:
    """Bounds on a message: `octets` in all, header `fields`, and `vias`. Beyond them 513 or 400 is answered."""

    __slots__ = ("fields", "octets", "vias")

    def __init__(self, octets: int = 65536, fields: int = 128, vias: int = 70) -> None:
        self.octets = octets
        self.fields = fields
        self.vias = vias


DEFAULT_LIMITS: Final = Limits()


def parse(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Read one message, as a datagram holds it (RFC 3261 18.3).

    Line ends before the start line and octets after Content-Length are ignored (7.5, 18.3); a body that is shorter
    leaves `message.truncated` true. Raises ParseError and nothing else; its `status` is what a request is to be
    answered with and its `salvage` what that takes.
    """
    if data and data[0] <= _LAST_LINE_END:
        data = data.lstrip(b"\r\n")
    if len(data) > limits.octets:
        raise _failed(data[: limits.octets], f"a message of {len(data)} octets", 513, "RFC 3261 21.5.7", limits)
    head, found, rest = data.partition(b"\r\n\r\n")
    lines = head.splitlines()
    try:
        if found and head[-1] > _LAST_LINE_END and _NUL not in head:
            _check_fields(lines, limits)
            octets = len(head)
            first = _FIRST_LINES.get(lines[0])
            if first is None:
                octets -= len(lines[0])
                first = _read_first(lines)
                octets += len(lines[0])
            layout = first.recent.find(lines, octets)
            if layout is not None:
                return _build(lines, first, layout, len(head) + 4, rest, limits)
        lines, start = _split_irregular(data, limits)
        _check_fields(lines, limits)
        lines = _unfolded(lines)
        first = _FIRST_LINES.get(lines[0]) or _read_first(lines)
        message = _build(lines, first, layout_of(lines), start, data[start:], limits)
    except ParseError as error:
        if error.salvage is None:
            error.salvage = _salvage(b"\r\n".join(lines), limits)
        raise
    message.keep(data[: start + len(message.body)])
    return message


def _split_irregular(data: bytes, limits: Limits) -> tuple[list[bytes], int]:
    """The lines of a head that has folds, a NUL, or line ends that are not all CRLF.

    RFC 3261 7 asks for CRLF, yet hand-made clients and scripts send LF alone, and RFC 2543 3 wanted LF and CR taken by
    themselves too. All of them end a line here, and what is forwarded is written with CRLF, so that no two hops can see
    different lines. A NUL may only stand in a quoted-pair (25.1, RFC 4475 3.1.1.2).
    """
    found = HEAD_END.search(data) or _EMPTY_LINE.search(data)
    if found is None:
        raise _failed(data, "no empty line ends the head", 400, "RFC 3261 7", limits)
    head = data[: found.start()]
    if has_bare_nul(head):
        raise _failed(head, "NUL in the head", 400, "RFC 3261 25.1", limits)
    lines = _LINE_END.split(head)
    if b"" in lines:
        # Two readers would see different heads.
        raise _failed(head, "an empty line in the head", 400, "RFC 3261 7", limits)
    return lines, found.end()


def _check_fields(lines: list[bytes], limits: Limits) -> None:
    if len(lines) <= limits.fields + 1:
        return
    fields = sum([line[:1] != b" " and line[:1] != b"\t" for line in lines]) - 1
    if fields > limits.fields:
        raise ParseError(f"{fields} header fields", status=513, clause="RFC 3261 21.5.7")


def _unfolded(lines: list[bytes]) -> list[bytes]:
    """The lines with folded ones joined to the field that they continue (RFC 3261 7.3.1)."""
    kept = lines[:1]
    folds: list[bytes] = []
    for line in lines[1:]:
        if line[:1] != b" " and line[:1] != b"\t":
            if folds:
                kept[-1] = b"\r\n".join([kept[-1], *folds])
                folds.clear()
            kept.append(line)
        elif len(kept) == 1:
            raise ParseError("white space before the first header field", clause="RFC 3261 7.3.1")
        else:
            folds.append(line)
    if folds:
        kept[-1] = b"\r\n".join([kept[-1], *folds])
    return kept


def _build(
    lines: list[bytes], first: _FirstLine, layout: Layout, start: int, rest: bytes, limits: Limits
) -> Request | Response:
    """The message with these lines, whose `rest` from octet `start` on is the body and what may follow it."""
    length: int | None = None
    body = rest
    if layout.content_length:
        line = line_of(lines[layout.content_length], "content-length")
        length = line.number if line.sound and not layout.repeated else _checked_length(lines, layout.keys)
        if start + length > limits.octets:
            raise ParseError(f"a message of {start + length} octets", status=513, clause="RFC 3261 21.5.7")
        if length < len(rest):
            body = rest[:length]
    message: Request | Response
    if first.status:
        message = Response(first.status, first.text, lines, layout.keys, body, length)
    else:
        message = Request(first.text, first.uri, lines, layout.keys, body, length)
    if layout.repeated:
        raise ParseError(f"more than one {layout.repeated}", header=layout.repeated, clause="RFC 3261 7.3.1")
    if not layout.whole or not message.know(layout):
        _read_routing(message)
    if layout.via_fields > 1 or line_of(lines[layout.via], "via").number > limits.vias:
        _check_vias(message, limits)
    return message


def _read_first(lines: list[bytes]) -> _FirstLine:
    """Read a first line that is not in _FIRST_LINES; one that needed mending is replaced in `lines`."""
    first = lines[0]
    if first[:4].upper() == b"SIP/":
        if first[:4] != b"SIP/":
            # The comparison is without case, what is sent is upper case (RFC 3261 7.1).
            first = lines[0] = b"SIP/" + first[4:]
        read = _status_line(first)
    else:
        if first[-8:] != b" SIP/2.0":
            first = lines[0] = _mended_request_line(first)
        read = _request_line(first)
    if len(first) <= _LONGEST_REMEMBERED:
        if len(_FIRST_LINES) >= MOST_REMEMBERED:
            _FIRST_LINES.clear()
        _FIRST_LINES[first] = read
    return read


def _request_line(first: bytes) -> _FirstLine:
    """Method SP Request-URI SP SIP-Version CRLF (RFC 3261 25.1)."""
    space = first.find(b" ")
    method = first[:space]
    # Two slices: compiled, one of bytes that ends before it starts is an error, and is not empty.
    uri = first[:-8][space + 1 :]
    known = METHODS.get(method)
    if known is None:
        if _METHOD.fullmatch(method) is None:
            raise ParseError("the method is not a token", clause="RFC 3261 25.1")
        known = method_name(method)
    if not is_request_uri(uri):
        raise ParseError("the Request-URI has white space, quotes or brackets", clause="RFC 3261 7.1")
    return _FirstLine(0, known, uri)


def _mended_request_line(first: bytes) -> bytes:
    """Understand white space after the version (RFC 4475 3.1.2.11 lets an element) and a version in lower case.

    The comparison is without case, what is sent is upper case (RFC 3261 7.1).
    """
    stripped = first.rstrip(b" \t")
    if stripped[-8:].upper() == b" SIP/2.0":
        return stripped[:-8] + b" SIP/2.0"
    version = stripped.rpartition(b" ")[2].upper()
    if _VERSION.fullmatch(version) is not None:
        raise ParseError("the SIP version is not 2.0", status=505, clause="RFC 3261 21.5.6")
    raise ParseError("no request line and no status line", clause="RFC 3261 7.1")


def _status_line(first: bytes) -> _FirstLine:
    """SIP-Version SP Status-Code SP Reason-Phrase CRLF; the last SP may be missing (seen with an empty phrase)."""
    version, _, rest = first.partition(b" ")
    if version != b"SIP/2.0":
        raise ParseError("the SIP version is not 2.0", status=505, clause="RFC 3261 7.2")
    code, _, reason = rest.partition(b" ")
    if len(code) != 3 or not code.isdigit() or not 100 <= int(code) <= 699:
        raise ParseError("the status code is not a number from 100 to 699", clause="RFC 3261 7.2")
    return _FirstLine(int(code), decoded(reason), b"")


def _checked_length(lines: list[bytes], keys: list[str]) -> int:
    if keys.count("content-length") > 1:
        raise ParseError("more than one Content-Length", header="Content-Length", clause="RFC 3261 20.14")
    return content_length(field_value(lines[keys.index("content-length")]))


def _read_routing(message: Message) -> None:
    """Read what every hop and every reply needs: Via, To, From, CSeq and Call-ID (RFC 3261 8.1.1, 8.2.6).

    From is copied by replies as it stands, so that it is left for those who read it.
    """
    _ = message.top_via
    call_id = message.octets("call-id")
    if not call_id:
        raise ParseError("no Call-ID", header="Call-ID", clause="RFC 3261 8.1.1")
    if not is_call_id(call_id):
        raise ParseError("malformed Call-ID", header="Call-ID", clause="RFC 3261 20.8")
    if not message.holds("from"):
        raise ParseError("no From", header="From", clause="RFC 3261 8.1.1")
    _ = message.cseq_number, message.to_tag


def _check_vias(message: Message, limits: Limits) -> None:
    """Count the Vias; the exact count, for commas that separate nothing too, only where there seem to be too many."""
    lines = [message.lines[place] for place in message.places("via")]
    if sum([line_of(line, "via").number for line in lines]) <= limits.vias:
        return
    vias = len(lines) + sum([len(separators(line, limits.vias)) for line in lines])
    if vias > limits.vias:
        raise ParseError(f"more than {limits.vias} Vias", status=513, header="Via", clause="RFC 3261 21.5.7")


def _salvage(head: bytes, limits: Limits) -> Salvage:
    """What a reply needs of a broken request, as far as it is there and can be written again."""
    lines = _LINE_END.split(_FOLD.sub(b" ", head), limits.fields + 1)[: limits.fields + 1]
    via: list[bytes] = []
    found: dict[str, bytes] = {}
    for line in lines[1:]:
        colon = line.find(b":")
        if colon <= 0 or b"\r" in line or has_bare_nul(line):
            continue
        try:
            key = key_of(line[:colon])
        except ParseError:
            continue
        value = line[colon + 1 :].strip(WHITE)
        if key == "via":
            via.append(value)
        elif key in _ROUTING and key not in found:
            found[key] = value
    method = None
    if lines[0][:4].upper() != b"SIP/":
        token = _METHOD.match(lines[0])
        method = None if token is None else token.group().decode("ascii")
    return Salvage(method, tuple(via), found.get("from"), found.get("to"), found.get("call-id"), found.get("cseq"))


def _failed(head: bytes, reason: str, status: int, clause: str, limits: Limits) -> ParseError:
    """The error for what could not even be split into fields."""
    return ParseError(reason, status=status, clause=clause, salvage=_salvage(head, limits))
