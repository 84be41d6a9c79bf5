"""Messages (RFC 3261 7): octets split into header lines, decoded only where somebody asks.

A message holds its start line and header lines as they were received, each a slice of octets, and beside them each
line's key. Forwarding copies the two lists, whose items are shared by all copies. A header's value is decoded once,
when it is first read. Messages do not change: `offhook.sip.serializer.Draft` makes new ones.
"""

from __future__ import annotations

from typing import Final, cast

from offhook.errors import ParseError
from offhook.sip.headers.address import Contact, NameAddr, Star
from offhook.sip.headers.cseq import CSeq
from offhook.sip.headers.grammar import unfold
from offhook.sip.headers.numbers import parse_max_forwards
from offhook.sip.headers.registry import HeaderRow, key_named, row
from offhook.sip.headers.via import Via
from offhook.sip.layout import Layout
from offhook.sip.lines import LINES, line_of
from offhook.sip.scan import (
    WHITE,
    TopVia,
    decoded,
    field_value,
    scan_address,
    scan_cseq,
    scan_tag,
    scan_via,
    stamped_via,
)
from offhook.sip.uri import OtherUri, SipUri, TelUri, parse_uri

__all__ = ["Message", "Request", "Response", "size_of"]

_UNREAD_NUMBER: Final = -2
_NOT_THERE: Final = -1
"""In the place of a Max-Forwards that nobody has read yet, and of one that is not there."""
_NOWHERE: Final[tuple[int, ...]] = ()
_UNREAD: Final = ""
"""In the place of a tag that nobody has read yet; no tag is empty."""


def size_of(lines: list[bytes], body: bytes) -> int:
    """How many octets a message with these lines and this body has."""
    octets = 2 * len(lines) + 2 + len(body)
    for line in lines:
        octets += len(line)
    return octets


class Message:
    """What requests and responses share.

    `lines[0]` is the start line, the others are header fields without their CRLF (a folded field keeps its inner
    ones); `keys` names the header of each line. `body` holds the octets of the body. `content_length` is the number
    in the header, or None without one; it may be larger than the body when a datagram was cut short.
    """

    __slots__ = (
        "_call_id",
        "_cseq",
        "_data",
        "_decoded",
        "_from_tag",
        "_max_forwards",
        "_places",
        "_to_tag",
        "_top_via",
        "body",
        "content_length",
        "keys",
        "lines",
    )

    def __init__(self, lines: list[bytes], keys: list[str], body: bytes, content_length: int | None) -> None:
        self.lines = lines
        self.keys = keys
        self.body = body
        self.content_length = content_length
        self._data: bytes | None = None
        self._decoded: dict[str, list[object]] | None = None
        self._top_via: TopVia | None = None
        self._cseq: tuple[int, str] | None = None
        self._call_id: str | None = None
        self._from_tag: str | None = _UNREAD
        self._to_tag: str | None = _UNREAD
        self._max_forwards = _UNREAD_NUMBER
        self._places: dict[str, tuple[int, ...]] | None = None

    def know(self, layout: Layout) -> bool:
        """Take what every hop reads from the lines that have been read; False when some of it cannot be read."""
        self._places = layout.places
        lines = self.lines
        via = line_of(lines[layout.via], "via")
        call_id = line_of(lines[layout.call_id], "call-id")
        cseq = line_of(lines[layout.cseq], "cseq")
        from_ = line_of(lines[layout.from_], "from")
        to = line_of(lines[layout.to], "to")
        if not (via.sound and call_id.sound and cseq.sound and to.sound and from_.sound):
            return False
        self._top_via = via.via
        self._call_id = call_id.text
        self._cseq = cseq.cseq
        self._from_tag = from_.text
        self._to_tag = to.text
        if not layout.max_forwards:
            self._max_forwards = _NOT_THERE
            return True
        max_forwards = line_of(lines[layout.max_forwards], "max-forwards")
        if max_forwards.sound:
            self._max_forwards = max_forwards.number
        return True

    def know_as(self, other: Message) -> None:
        """Take what is known of another message that differs from this one in its Vias alone."""
        self._call_id = other._call_id
        self._cseq = other._cseq
        self._from_tag = other._from_tag
        self._to_tag = other._to_tag

    # The wire

    def serialize(self) -> bytes:
        """The message as octets; what nobody changed as it came."""
        data = self._data
        if data is None:
            data = self._data = b"%b\r\n\r\n%b" % (b"\r\n".join(self.lines), self.body)
        return data

    def keep(self, data: bytes) -> None:
        """Remember the octets of a message whose line ends are not CRLF, which joining the lines would not give."""
        self._data = data

    def release(self) -> None:
        """Let go of the octets that `serialize` made, of a message that is hardly sent again: it can make them anew."""
        self._data = None

    @property
    def truncated(self) -> bool:
        """Whether the body is shorter than Content-Length says (RFC 3261 18.3)."""
        return self.content_length is not None and self.content_length > len(self.body)

    # Header fields, raw

    def places(self, key: str) -> tuple[int, ...]:
        """The positions in `lines` of the fields of that key (lower case)."""
        known = self._places
        if known is None:
            return tuple([place for place, have in enumerate(self.keys) if have == key])
        return known.get(key, _NOWHERE)

    @property
    def known_places(self) -> dict[str, tuple[int, ...]] | None:
        """The positions by key, where they have been found out: of what was received, as it was received."""
        return self._places

    def holds(self, key: str) -> bool:
        """Whether a field of that key (lower case) is there."""
        return key in (self.keys if self._places is None else self._places)

    def octets(self, key: str) -> bytes | None:
        """The raw value of the first field of that key (lower case), stripped; None without one."""
        places = self.places(key)
        return field_value(self.lines[places[0]]) if places else None

    def texts(self, name: str) -> list[str]:
        """The undecoded value of each field of that name, unfolded, in order."""
        key = key_named(name)
        return [unfold(decoded(field_value(self.lines[place]))) for place in self.places(key)]

    def text(self, name: str) -> str | None:
        """The undecoded value of the first field of that name, or None."""
        value = self.octets(key_named(name))
        return None if value is None else unfold(decoded(value))

    def has(self, name: str) -> bool:
        """Whether a field of that name is there."""
        return self.holds(key_named(name))

    # Header fields, decoded

    def headers(self, name: str) -> list[object]:
        """The decoded values of a header, in order; texts for a header that no registry row knows.

        A field without any value counts as absent unless its grammar allows that: what is malformed and not needed is
        to be ignored (RFC 3261 8.2.2), and there is nothing in it that two readers could take for different things.
        Raises ParseError when a value breaks the header's grammar.
        """
        key = key_named(name)
        known = self._decoded
        if known is None:
            known = self._decoded = {}
        values = known.get(key)
        if values is None:
            values = known[key] = self._decode(key)
        return values

    def header(self, name: str) -> object | None:
        """The first decoded value of a header, or None. Raises ParseError."""
        values = self.headers(name)
        return values[0] if values else None

    def readable(self, name: str) -> list[object]:
        """The decoded values of a header that only helps: none when it is malformed (RFC 3261 8.2.2: ignored then)."""
        try:
            return self.headers(name)
        except ParseError:
            return []

    def _decode(self, key: str) -> list[object]:
        values: list[object] = []
        known = row(key)
        for place in self.places(key):
            values += self._values(self.lines[place], known)
        return values

    def _values(self, octets: bytes, known: HeaderRow | None) -> list[object]:
        """The values of one field, which a line that was seen before tells at once."""
        line = LINES.get(octets)
        if line is not None and line.values is not None:
            return line.values
        text = unfold(decoded(field_value(octets)))
        if known is None:
            return [text]
        try:
            values = known.decode(text)
        except ParseError as error:
            if text:
                error.header = known.name
                raise
            return []
        if line is not None:
            line.values = values
        return values

    # What every hop reads. All but the tag of From has been read by `parse`, and raises no more what was received.

    @property
    def top_via(self) -> TopVia:
        """The topmost Via. Raises ParseError."""
        via = self._top_via
        if via is None:
            value = self._raw("via", "Via")
            try:
                via = self._top_via = scan_via(value)
            except ParseError as error:
                error.header = "Via"
                raise
        return via

    @property
    def branch(self) -> str | None:
        """The branch of the topmost Via, or None from an RFC 2543 peer. Raises ParseError."""
        branch = self.top_via.branch
        return None if branch is None else decoded(branch)

    @property
    def call_id(self) -> str:
        """The Call-ID. Raises ParseError without one."""
        call_id = self._call_id
        if call_id is None:
            call_id = self._call_id = decoded(self._raw("call-id", "Call-ID"))
        return call_id

    def _scanned_cseq(self) -> tuple[int, str]:
        cseq = self._cseq
        if cseq is None:
            value = self._raw("cseq", "CSeq")
            try:
                cseq = self._cseq = scan_cseq(value)
            except ParseError as error:
                error.header = "CSeq"
                raise
        return cseq

    @property
    def cseq_number(self) -> int:
        """The number in CSeq. Raises ParseError."""
        return self._scanned_cseq()[0]

    @property
    def cseq_method(self) -> str:
        """The method in CSeq. Raises ParseError."""
        return self._scanned_cseq()[1]

    @property
    def from_tag(self) -> str | None:
        """The tag of From; None from an RFC 2543 peer. Raises ParseError."""
        tag = self._from_tag
        if tag == _UNREAD:
            tag = self._from_tag = self._scanned_tag("from", "From")
        return tag

    @property
    def to_tag(self) -> str | None:
        """The tag of To, or None outside of a dialog. Raises ParseError."""
        tag = self._to_tag
        if tag == _UNREAD:
            tag = self._to_tag = self._scanned_tag("to", "To")
        return tag

    def _scanned_tag(self, key: str, name: str) -> str | None:
        value = self._raw(key, name)
        try:
            return scan_tag(value) or None
        except ParseError as error:
            error.header = name
            raise

    def _raw(self, key: str, name: str) -> bytes:
        value = self.octets(key)
        if not value:
            raise ParseError(f"no {name}", header=name, clause="RFC 3261 8.1.1")
        return value

    # Decoded values with their types

    @property
    def from_(self) -> NameAddr:
        """The From address. Raises ParseError when it is missing or broken."""
        return cast("NameAddr", self._required("From"))

    @property
    def from_uri(self) -> SipUri | TelUri | OtherUri:
        """The URI of From, read without the rest of the address. Raises ParseError when it is missing or broken."""
        return scan_address(self._raw("from", "From"))

    @property
    def to(self) -> NameAddr:
        """The To address. Raises ParseError when it is missing or broken."""
        return cast("NameAddr", self._required("To"))

    @property
    def cseq(self) -> CSeq:
        """CSeq. Raises ParseError when it is missing or broken."""
        return cast("CSeq", self._required("CSeq"))

    @property
    def vias(self) -> list[Via]:
        """All Via values, the topmost first. Raises ParseError."""
        return cast("list[Via]", self.headers("Via"))

    @property
    def contacts(self) -> list[Contact | Star]:
        """All Contact values; one may be STAR. Raises ParseError."""
        return cast("list[Contact | Star]", self.headers("Contact"))

    @property
    def routes(self) -> list[NameAddr]:
        """All Route values. Raises ParseError."""
        return cast("list[NameAddr]", self.headers("Route"))

    @property
    def record_routes(self) -> list[NameAddr]:
        """All Record-Route values. Raises ParseError."""
        return cast("list[NameAddr]", self.headers("Record-Route"))

    @property
    def content_type(self) -> str | None:
        """The media type of the body in lower case, without parameters; None without a Content-Type."""
        text = self.text("Content-Type")
        return None if text is None else text.partition(";")[0].strip().lower()

    def tokens(self, name: str) -> list[str]:
        """The values of a header that lists tokens, such as Supported, Require or Allow. Raises ParseError."""
        return [str(value) for value in self.headers(name)]

    def number(self, name: str) -> int | None:
        """The value of a header that is a number, such as Expires; None without it. Raises ParseError."""
        value = self.header(name)
        return None if value is None else int(cast("int", value))

    def _required(self, name: str) -> object:
        value = self.header(name)
        if value is None:
            raise ParseError(f"no {name}", header=name, clause="RFC 3261 8.1.1")
        return value


class Request(Message):
    """A request: `method` as text, `raw_uri` the octets of the Request-URI."""

    __slots__ = ("_request_uri", "_uri", "method", "raw_uri")

    def __init__(
        self, method: str, raw_uri: bytes, lines: list[bytes], keys: list[str], body: bytes, content_length: int | None
    ) -> None:
        super().__init__(lines, keys, body, content_length)
        self.method = method
        self.raw_uri = raw_uri
        self._request_uri: str | None = None
        self._uri: SipUri | TelUri | OtherUri | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.request_uri!r}>"

    @property
    def request_uri(self) -> str:
        """The Request-URI as text."""
        text = self._request_uri
        if text is None:
            text = self._request_uri = decoded(self.raw_uri)
        return text

    @property
    def uri(self) -> SipUri | TelUri | OtherUri:
        """The Request-URI decoded. Raises ParseError."""
        uri = self._uri
        if uri is None:
            uri = self._uri = parse_uri(self.request_uri)
        return uri

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, or None without it. Raises ParseError when it is no number from 0 to 255 (20.22)."""
        number = self._max_forwards
        if number == _UNREAD_NUMBER:
            number = self._max_forwards = self._read_max_forwards()
        return None if number == _NOT_THERE else number

    def _read_max_forwards(self) -> int:
        value = self.octets("max-forwards")
        if not value:
            return _NOT_THERE
        try:
            return parse_max_forwards(decoded(value))
        except ParseError as error:
            error.header = "Max-Forwards"
            raise

    def remains(self) -> Request:
        """What logs need of a request that is over: its first line, Call-ID and CSeq."""
        remains = Request(self.method, self.raw_uri, self.lines[:1], self.keys[:1], b"", 0)
        remains._call_id = self.call_id
        remains._cseq = self._scanned_cseq()
        remains._from_tag = remains._to_tag = None
        return remains

    def stamp_via(self, address: str, port: int) -> None:
        """Write where the request came from into its top Via (RFC 3261 18.2.1, RFC 3581 4).

        The engine does this once, before anybody else sees the request. `received` is added when sent-by names another
        host or rport is asked for; rport gets its value. What the sender wrote there itself is overwritten.
        """
        via = self.top_via
        position = self.places("via")[0]
        line = self.lines[position]
        value = line[line.find(b":") + 1 :].lstrip(WHITE)
        stamped = stamped_via(value, via, address, port)
        if stamped is None:
            return
        name = line[: len(line) - len(value)]
        self.lines[position] = b"%b%b%b" % (name, stamped, value[via.length :])
        self._top_via = TopVia(
            via.transport, via.host, via.port, via.branch, via.rport, True, via.maddr, len(stamped), via.more, False
        )
        self._data = None
        if self._decoded is not None:
            self._decoded.pop("via", None)


class Response(Message):
    """A response: `status` code and `reason` phrase."""

    __slots__ = ("reason", "status")

    def __init__(
        self, status: int, reason: str, lines: list[bytes], keys: list[str], body: bytes, content_length: int | None
    ) -> None:
        super().__init__(lines, keys, body, content_length)
        self.status = status
        self.reason = reason

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason!r}>"
