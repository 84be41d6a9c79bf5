"""Bodies of several parts (RFC 2046 5.1, RFC 5621).

`body_of` gives the body of a message as one part; a part of type multipart gives its own parts. Contents are octets
and stay as they came: session descriptions, ISUP, pictures, anything.
"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Callable, Iterable
from typing import Final
from zlib import crc32

from offhook.errors import InvalidState, ParseError, ProtocolError
from offhook.sip.headers.content import ContentDisposition, MediaType
from offhook.sip.headers.grammar import is_token, quote, unfold
from offhook.sip.headers.registry import key_named, key_of, row
from offhook.sip.message import Message
from offhook.sip.scan import WHITE, decoded, has_bare_nul
from offhook.sip.serializer import field

__all__ = ["MAX_DEPTH", "MAX_PARTS", "BodyPart", "Multipart", "body_of", "parse_multipart", "processed"]

MAX_PARTS: Final = 128
"""The most parts that one multipart body may have."""
MAX_DEPTH: Final = 8
"""How deep multipart bodies may stand in each other."""

# ABNF boundary = 0*69<bchars> bcharsnospace
_BOUNDARY: Final = re.compile(r"[A-Za-z0-9'()+_,\-./:=? ]{0,69}[A-Za-z0-9'()+_,\-./:=?]")
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_LINE_END: Final = re.compile(rb"\r?\n(?![ \t])")
_CONTENT: Final = ("content-", "mime-version")


class BodyPart:
    """One body: its own header fields and its octets.

    `lines` are the fields without their line ends (a folded one keeps its inner ones), `keys` name the header of each,
    `content` holds the octets as they came.
    """

    __slots__ = ("content", "keys", "lines")

    def __init__(self, lines: list[bytes], keys: list[str], content: bytes) -> None:
        self.lines = lines
        self.keys = keys
        self.content = content

    @classmethod
    def build(
        cls, content: bytes, content_type: str, disposition: str | None = None, fields: Iterable[tuple[str, str]] = ()
    ) -> BodyPart:
        """A part from plain values, such as (octets, "application/ISUP;version=itu-t92+", "signal;handling=optional").

        Raises InvalidState for a name that is no token and a value with line ends or NUL.
        """
        part = BodyPart([], [], content)
        named = [("Content-Type", content_type)]
        if disposition is not None:
            named.append(("Content-Disposition", disposition))
        for name, value in (*named, *fields):
            key, line = field(name, value)
            part.keys.append(key)
            part.lines.append(line)
        return part

    def text(self, name: str) -> str | None:
        """The undecoded value of the first field of that name, or None."""
        key = key_named(name)
        if key not in self.keys:
            return None
        return unfold(decoded(self.lines[self.keys.index(key)].partition(b":")[2].strip(WHITE)))

    def header(self, name: str) -> object | None:
        """The decoded value of a field, or None; its text for a header that no row knows. Raises ParseError."""
        text = self.text(name)
        known = row(key_named(name))
        if text is None or known is None:
            return text
        values = known.decode(text)
        return values[0] if values else None

    @property
    def media_type(self) -> MediaType:
        """What the content is; text/plain when nothing says it (RFC 2046 5.1). Raises ParseError."""
        value = self.header("Content-Type")
        return value if isinstance(value, MediaType) else MediaType("text", "plain")

    @property
    def disposition(self) -> ContentDisposition:
        """What the content is for: "session" for SDP and "render" for others unless said (RFC 3261 20.11).

        Raises ParseError.
        """
        value = self.header("Content-Disposition")
        if isinstance(value, ContentDisposition):
            return value
        return ContentDisposition("session" if self.media_type.essence == "application/sdp" else "render")

    @property
    def content_id(self) -> str | None:
        """By what other parts and header fields refer to this one (RFC 2392), without angle brackets."""
        text = self.text("Content-ID")
        return None if text is None else text.removeprefix("<").removesuffix(">")

    @property
    def is_multipart(self) -> bool:
        """Whether the content consists of parts. Raises ParseError."""
        return self.media_type.type == "multipart"

    def multipart(self) -> Multipart:
        """The content as parts. Raises ParseError."""
        return parse_multipart(self.content, self.media_type)

    def decoded_content(self) -> bytes:
        """The content without its Content-Transfer-Encoding (RFC 2045 6). Raises ParseError.

        SIP needs none of them (RFC 5621 3.2); what comes from mail has one.
        """
        encoding = (self.text("Content-Transfer-Encoding") or "binary").lower()
        if encoding in ("binary", "7bit", "8bit"):
            return self.content
        if encoding == "quoted-printable":
            return quopri.decodestring(self.content)
        if encoding == "base64":
            try:
                return binascii.a2b_base64(self.content)
            except binascii.Error as error:
                raise ParseError(f"broken base64: {error}", clause="RFC 2045 6.8") from None
        raise ParseError(f"the transfer encoding {encoding[:60]!r} is unknown", status=415, clause="RFC 2045 6.1")

    def serialize(self) -> bytes:
        """Header fields, an empty line, and the content."""
        return b"%b\r\n\r\n%b" % (b"\r\n".join(self.lines), self.content) if self.lines else b"\r\n" + self.content


class Multipart:
    """Parts with what holds them together.

    `subtype` is "mixed", "alternative", "related" ... in lower case. `preamble` and `epilogue` say nothing (RFC 2046
    5.1.1). `closed` is false when the last boundary was missing, so that something may be missing.
    """

    __slots__ = ("_data", "boundary", "closed", "epilogue", "parts", "preamble", "subtype")

    def __init__(
        self,
        subtype: str,
        boundary: str,
        parts: tuple[BodyPart, ...],
        preamble: bytes = b"",
        epilogue: bytes = b"",
        closed: bool = True,
        data: bytes | None = None,
    ) -> None:
        self.subtype = subtype
        self.boundary = boundary
        self.parts = parts
        self.preamble = preamble
        self.epilogue = epilogue
        self.closed = closed
        self._data = data

    @classmethod
    def build(cls, parts: Iterable[BodyPart], subtype: str = "mixed", boundary: str | None = None) -> Multipart:
        """A multipart body; the boundary is chosen so that no part contains it.

        Raises InvalidState for no parts, a subtype that is no token, and a boundary that is none or stands in a part.
        """
        kept = tuple(parts)
        octets = [part.serialize() for part in kept]
        chosen = _boundary_for(octets) if boundary is None else boundary
        if not kept or not is_token(subtype) or not _is_boundary(chosen, octets):
            raise InvalidState(f"{len(kept)} parts, {subtype!r} and {chosen!r} make no multipart body")
        return Multipart(subtype.lower(), chosen, kept)

    @property
    def content_type(self) -> str:
        """The value of Content-Type for this body."""
        boundary = self.boundary if is_token(self.boundary) else quote(self.boundary)
        return f"multipart/{self.subtype};boundary={boundary}"

    def serialize(self) -> bytes:
        """The body as octets; one that was received as it came."""
        if self._data is not None:
            return self._data
        mark = b"--" + self.boundary.encode("ascii")
        parts = b"".join([b"%b\r\n%b\r\n" % (mark, part.serialize()) for part in self.parts])
        return b"%b%b--\r\n" % (parts, mark)


def _is_boundary(boundary: str, octets: list[bytes]) -> bool:
    if _BOUNDARY.fullmatch(boundary) is None:
        return False
    mark = b"--" + boundary.encode("ascii")
    return not any(mark in part for part in octets)


def _boundary_for(octets: list[bytes]) -> str:
    """A boundary that no part contains, always the same for the same parts."""
    checksum = 0
    for part in octets:
        checksum = crc32(part, checksum)
    while not _is_boundary(f"part-{checksum:08x}", octets):
        checksum = crc32(b"+", checksum)
    return f"part-{checksum:08x}"


def parse_multipart(body: bytes, media_type: MediaType) -> Multipart:
    """The parts of a multipart body of that type. Raises ParseError.

    Line ends may be LF alone around boundaries and in header fields. The boundary at the end may be missing: what is
    there is given, with `closed` false.
    """
    boundary = media_type.boundary
    if boundary is None or _BOUNDARY.fullmatch(boundary) is None:
        raise ParseError("no boundary, or a malformed one", header="Content-Type", clause="RFC 2046 5.1.1")
    # A delimiter is a line of its own; blanks behind it are padding. The line end before it belongs to it.
    mark = re.escape(boundary.encode("ascii"))
    delimiter = re.compile(rb"(?:\A|\r?\n)--%b(--)?[ \t]*(?=\r?\n|\Z)" % mark)
    found = delimiter.search(body)
    if found is None or found.group(1) is not None:
        raise ParseError("no part follows a boundary", clause="RFC 2046 5.1.1")
    preamble = body[: found.start()]
    parts: list[BodyPart] = []
    epilogue = b""
    while found is not None and found.group(1) is None:
        if len(parts) == MAX_PARTS:
            raise ParseError(f"more than {MAX_PARTS} parts", status=513, clause="RFC 2046 5.1.1")
        start = found.end()
        # The line end behind a boundary may be the one before the next: then the part has neither fields nor content.
        found = delimiter.search(body, start)
        parts.append(_part(body[start : len(body) if found is None else found.start()]))
    if found is not None:
        epilogue = body[found.end() :]
    return Multipart(
        media_type.subtype, boundary, tuple(parts), preamble, epilogue, closed=found is not None, data=body
    )


def _part(octets: bytes) -> BodyPart:
    """One part: the line end of its boundary, then header fields, an empty line and the content (RFC 2046 5.1)."""
    end = _HEAD_END.search(octets)
    head = octets if end is None else octets[: end.start()]
    content = b"" if end is None else octets[end.end() :]
    part = BodyPart([], [], content)
    before, *lines = _LINE_END.split(head)
    if before:
        raise ParseError("white space before the first header field of a body part", clause="RFC 2046 5.1")
    for line in lines:
        name, colon, _ = line.partition(b":")
        if not line:
            continue
        if not colon or has_bare_nul(line) or b"\r" in line.replace(b"\r\n", b""):
            raise ParseError("a malformed header field in a body part", clause="RFC 2046 5.1")
        part.keys.append(key_of(name))
        part.lines.append(line)
    return part


def body_of(message: Message) -> BodyPart:
    """The body of a message as a part, with the header fields that describe it."""
    part = BodyPart([], [], message.body)
    for position, key in enumerate(message.keys):
        if key.startswith(_CONTENT) and key != "content-length":
            part.keys.append(key)
            part.lines.append(message.lines[position])
    return part


def processed(part: BodyPart, understands: Callable[[BodyPart], bool], depth: int = MAX_DEPTH) -> list[BodyPart]:
    """The parts without parts that a user agent processes, in order, out of a body (RFC 5621).

    `understands` is asked for each part that is no multipart. All parts of a multipart/mixed count, and of any subtype
    but alternative, of which the last one that is understood does (6.1). What is not understood is passed over when its
    handling is optional. Raises ProtocolError 415 when it is required (8.4), and ParseError.
    """
    if not part.is_multipart:
        return [part] if understands(part) else _passed_over(part)
    if depth == 0:
        raise ParseError(f"multipart bodies within {MAX_DEPTH} others", status=513, clause="RFC 5621 4.2")
    multipart = part.multipart()
    if multipart.subtype == "alternative":
        for choice in reversed(multipart.parts):
            # 8.3: the handling of the whole decides, not that of a choice.
            found = _understood(choice, understands, depth - 1)
            if found:
                return found
        return _passed_over(part)
    chosen: list[BodyPart] = []
    try:
        for inner in multipart.parts:
            chosen += processed(inner, understands, depth - 1)
    except ProtocolError:
        # 8.2: what the parts of an optional whole require counts only for those who process the whole.
        return _passed_over(part)
    return chosen


def _understood(choice: BodyPart, understands: Callable[[BodyPart], bool], depth: int) -> list[BodyPart]:
    try:
        return processed(choice, understands, depth)
    except ProtocolError:
        return []


def _passed_over(part: BodyPart) -> list[BodyPart]:
    if part.disposition.handling == "optional":
        return []
    kind = part.media_type.essence
    raise ProtocolError(f"a body of type {kind} is not understood", status=415, clause="RFC 5621 8.4")
