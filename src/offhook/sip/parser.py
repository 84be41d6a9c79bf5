"""`parse`: octets to a message (RFC 3261 7).

The head is split into lines once; each line's name is looked up; the start line, the framing and the headers that
routing needs are checked. All else is decoded when it is read. Budget on CPython 3.11: 6 us for an INVITE of 11
header fields.
"""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError, Salvage
from offhook.sip.headers.registry import KEYS, key_of
from offhook.sip.message import WHITE, Message, Request, Response
from offhook.sip.method import METHODS
from offhook.sip.scan import method_name

__all__ = ["DEFAULT_LIMITS", "Limits", "content_length", "parse"]

_CONTINUED: Final = " "
_ROUTING: Final = ("from", "to", "call-id", "cseq")
_NAMES: Final = {"from": "From", "to": "To", "call-id": "Call-ID", "cseq": "CSeq"}
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_LINE_END: Final = re.compile(rb"\r?\n")
_METHOD: Final = re.compile(rb"[A-Za-z0-9\-.!%*_+`'~]+")
_URI: Final = re.compile(rb"[\x21\x23-\x3b\x3d\x3f-\xff]+")


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

    Octets after Content-Length are ignored; a body that is shorter leaves `message.truncated` true. Raises ParseError
    and nothing else; its `status` is what a request is to be answered with and its `salvage` what that takes.
    """
    if data[:2] == b"\r\n":
        data = data.lstrip(b"\r\n")
    if len(data) > limits.octets:
        raise _failed(data[: limits.octets], f"message of {len(data)} octets", 513, "RFC 3261 21.5.7")
    end = data.find(b"\r\n\r\n")
    head = data[:end]
    if end >= 0 and b"\0" not in head:
        lines = head.split(b"\r\n")
        start = end + 4
        regular = head.count(b"\n") == len(lines) - 1 == head.count(b"\r")
    else:
        lines, start, regular = [], 0, False
    if not regular:
        lines, start = _split_irregular(data)
    try:
        if len(lines) > limits.fields + 1:
            raise ParseError(f"{len(lines) - 1} header fields", status=513, clause="RFC 3261 21.5.7")
        keys = _index(lines)
        message = _build(data, lines, keys, start, limits)
    except ParseError as error:
        if error.salvage is None:
            error.salvage = _salvage(lines[: limits.fields])
        raise
    if not regular:
        message.keep(data[: start + len(message.body)])
    return message


def _split_irregular(data: bytes) -> tuple[list[bytes], int]:
    """The lines of a head whose line ends are not all CRLF.

    RFC 3261 7 asks for CRLF, yet hand-made clients and scripts send LF alone. Both end a line here, and what is
    forwarded is written with CRLF, so that no two hops can see different lines.
    """
    found = _HEAD_END.search(data)
    if found is None:
        raise _failed(data, "no empty line ends the head", 400, "RFC 3261 7")
    head = data[: found.start()]
    if b"\0" in head:
        raise _failed(head, "NUL in the head", 400, "RFC 3261 25.1")
    if b"\r" in head.replace(b"\r\n", b""):
        raise _failed(head, "CR without LF in the head", 400, "RFC 3261 7")
    return _LINE_END.split(head), found.end()


def _index(lines: list[bytes]) -> list[str]:
    """The key of each line; folded lines are joined to the field that they continue (RFC 3261 7.3.1)."""
    keys = [""]
    get = KEYS.get
    folded = False
    for line in lines[1:]:
        colon = line.find(b":")
        key = get(line[:colon])
        if key is None or colon < 0:
            if line[:1] == b" " or line[:1] == b"\t":
                folded = True
                key = _CONTINUED
            elif colon < 0:
                raise ParseError("header line without a colon", clause="RFC 3261 7.3.1")
            else:
                key = key_of(line[:colon])
        keys.append(key)
    if folded:
        _unfold(lines, keys)
    return keys


def _unfold(lines: list[bytes], keys: list[str]) -> None:
    kept = 0
    for position in range(len(lines)):
        if keys[position] != _CONTINUED:
            if position:
                kept += 1
            lines[kept] = lines[position]
            keys[kept] = keys[position]
        elif kept == 0:
            raise ParseError("white space before the first header field", clause="RFC 3261 7.3.1")
        else:
            lines[kept] = lines[kept] + b"\r\n" + lines[position]
    del lines[kept + 1 :]
    del keys[kept + 1 :]


def _build(data: bytes, lines: list[bytes], keys: list[str], start: int, limits: Limits) -> Request | Response:
    length = _checked_length(lines, keys)
    body = data[start:] if length is None else data[start : start + length]
    first = lines[0]
    message: Request | Response
    if first[:4].upper() == b"SIP/":
        status, reason = _status_line(first)
        message = Response(status, reason, lines, keys, body, length)
    else:
        method, uri = _request_line(lines)
        message = Request(method, uri, lines, keys, body, length)
    _check_routing(message, limits)
    return message


def _request_line(lines: list[bytes]) -> tuple[str, bytes]:
    """Method SP Request-URI SP SIP-Version CRLF (RFC 3261 25.1)."""
    first = lines[0]
    if first[-8:] != b" SIP/2.0":
        first = _mended_request_line(first)
        lines[0] = first
    space = first.find(b" ")
    method = first[:space]
    uri = first[space + 1 : -8]
    known = METHODS.get(method)
    if known is None:
        if _METHOD.fullmatch(method) is None:
            raise ParseError("the method is not a token", clause="RFC 3261 25.1")
        known = method_name(method)
    if _URI.fullmatch(uri) is None:
        raise ParseError("the Request-URI has white space, quotes or brackets", clause="RFC 3261 7.1")
    return known, uri


def _mended_request_line(first: bytes) -> bytes:
    """Understand white space after the version (RFC 4475 3.1.2.11 lets an element) and a version in lower case.

    The comparison is without case, what is sent is upper case (RFC 3261 7.1).
    """
    stripped = first.rstrip(b" \t")
    if stripped[-8:].upper() == b" SIP/2.0":
        return stripped[:-8] + b" SIP/2.0"
    version = stripped.rpartition(b" ")[2].upper()
    if re.fullmatch(rb"SIP/\d+\.\d+", version):
        raise ParseError("the SIP version is not 2.0", status=505, clause="RFC 3261 21.5.6")
    raise ParseError("no request line and no status line", clause="RFC 3261 7.1")


def _status_line(first: bytes) -> tuple[int, str]:
    """SIP-Version SP Status-Code SP Reason-Phrase CRLF; the last SP may be missing (seen with an empty phrase)."""
    version, _, rest = first.partition(b" ")
    if version.upper() != b"SIP/2.0":
        raise ParseError("the SIP version is not 2.0", status=505, clause="RFC 3261 7.2")
    code, _, reason = rest.partition(b" ")
    if len(code) != 3 or not code.isdigit() or not 100 <= int(code) <= 699:
        raise ParseError("the status code is not a number from 100 to 699", clause="RFC 3261 7.2")
    return int(code), reason.decode("utf-8", "surrogateescape")


def _checked_length(lines: list[bytes], keys: list[str]) -> int | None:
    if "content-length" not in keys:
        return None
    if keys.count("content-length") > 1:
        raise ParseError("more than one Content-Length", header="Content-Length", clause="RFC 3261 20.14")
    line = lines[keys.index("content-length")]
    return content_length(line[line.find(b":") + 1 :])


def content_length(value: bytes) -> int:
    """A Content-Length value (RFC 3261 20.14: digits alone). Raises ParseError."""
    value = value.strip(WHITE)
    if not value.isdigit() or len(value) > 10:
        raise ParseError("Content-Length is not a number", header="Content-Length", clause="RFC 3261 20.14")
    return int(value)


def _check_routing(message: Message, limits: Limits) -> None:
    keys = message.keys
    vias = keys.count("via")
    if not vias:
        raise ParseError("no Via", header="Via", clause="RFC 3261 8.1.1")
    for key in _ROUTING:
        if keys.count(key) != 1:
            many = "more than one" if key in keys else "no"
            raise ParseError(f"{many} {_NAMES[key]}", header=_NAMES[key], clause="RFC 3261 8.1.1")
    via = message.top_via
    value = message.octets("via") or b""
    if via.length < len(value) or vias > 1:
        for position, key in enumerate(keys):
            if key == "via":
                vias += message.lines[position].count(b",")
        if vias > limits.vias:
            raise ParseError("too many Vias", status=513, header="Via", clause="RFC 3261 21.5.7")
    if not message.call_id or message.cseq_number < 0:
        raise ParseError("no Call-ID", header="Call-ID", clause="RFC 3261 8.1.1")


def _salvage(lines: list[bytes]) -> Salvage:
    """What a reply needs of a broken request, as far as it is there."""
    via: list[bytes] = []
    found: dict[str, bytes] = {}
    for line in lines[1:]:
        colon = line.find(b":")
        if colon <= 0:
            continue
        try:
            key = key_of(line[:colon])
        except ParseError:
            continue
        if key == "via":
            via.append(line[colon + 1 :].strip(WHITE))
        elif key in _ROUTING and key not in found:
            found[key] = line[colon + 1 :].strip(WHITE)
    method = None
    if lines and lines[0][:4].upper() != b"SIP/":
        token = _METHOD.match(lines[0])
        method = None if token is None else token.group().decode("ascii")
    return Salvage(method, tuple(via), found.get("from"), found.get("to"), found.get("call-id"), found.get("cseq"))


def _failed(data: bytes, reason: str, status: int, clause: str) -> ParseError:
    lines = _LINE_END.split(data[:65536])[:512]
    return ParseError(reason, status=status, clause=clause, salvage=_salvage(lines))
