"""The session description: its lines, and what they say (RFC 8866 section 5).

A description is the lines it was read from. Everything typed is read off them, and a change replaces single lines
and keeps all others, their order and their ends: what nobody changed comes back byte for byte. Descriptions are
values: a ``with_`` method gives a new one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from offhook.sdp.attributes import Attribute, Direction
from offhook.sdp.fields import Bandwidth, Connection, MediaField, Origin
from offhook.sdp.grammar import malformed, subfields
from offhook.sdp.line import Line, serialize
from offhook.sdp.section import Section
from offhook.sdp.timing import PERMANENT, read_times

__all__ = ["MediaDescription", "SessionDescription"]


class MediaDescription(Section):
    """One media description: an m= line and what follows it (RFC 8866 5.14)."""

    __slots__ = ("field",)

    ORDER = "micbka"
    SINGLE = "mik"

    def __init__(self, lines: Iterable[Line]) -> None:
        super().__init__(lines)
        self.field = MediaField.parse(self.lines[0].value, self.lines[0].offset)

    @classmethod
    def build(
        cls,
        field: MediaField,
        *,
        connections: Iterable[Connection] = (),
        bandwidths: Iterable[Bandwidth] = (),
        attributes: Iterable[Attribute] = (),
    ) -> MediaDescription:
        """A media description of these values."""
        return cls(
            [
                Line("m", field.serialize()),
                *(Line("c", connection.serialize()) for connection in connections),
                *(Line("b", bandwidth.serialize()) for bandwidth in bandwidths),
                *(Line("a", attribute.serialize()) for attribute in attributes),
            ]
        )

    @property
    def media(self) -> str:
        """The media type: "audio", "video", "text", "application", "message", "image" ..."""
        return self.field.media

    @property
    def port(self) -> int:
        """The transport port; zero means that the stream is not wanted (RFC 3264 5.1, 6, 8.2)."""
        return self.field.port

    @property
    def proto(self) -> str:
        """The transport protocol, such as "RTP/AVP"."""
        return self.field.proto

    @property
    def formats(self) -> tuple[str, ...]:
        """The formats in order of preference; payload types in writing where `is_rtp`."""
        return self.field.formats

    @property
    def is_rtp(self) -> bool:
        """Whether the formats are payload types of RTP."""
        return self.field.is_rtp

    @property
    def mid(self) -> str | None:
        """The identification tag of the stream (RFC 5888 section 4)."""
        return next(iter(self.attribute_values("mid")), None)

    def with_field(self, field: MediaField) -> MediaDescription:
        """With another m= line."""
        return self._with_values("m", [field.serialize()])


class SessionDescription(Section):
    """A whole description: the lines of the session level and the media descriptions.

    `trailer` is what stood behind the last line and is no line: empty lines, padding, a phone's slip. It is kept and
    means nothing. A description without s= or t=, as some phones and some RFCs write them, has the session name ""
    and the time `PERMANENT`; neither carries meaning in a call (RFC 3264 section 5).
    """

    __slots__ = ("media", "origin", "session_name", "times", "trailer")

    ORDER = "vosiuepcbtrzka"
    SINGLE = "vosiuck"

    def __init__(self, lines: Iterable[Line], media: Iterable[MediaDescription] = (), trailer: str = "") -> None:
        super().__init__(lines)
        self.media = tuple(media)
        self.trailer = trailer
        version = self.lines[0]
        if version.value.strip(" ") != "0":
            raise malformed("the version is not 0", "RFC 8866 5.1", version.offset)
        origins = self._of("o")
        if not origins:
            raise malformed("no o= line", "RFC 8866 5.2", version.offset)
        self.origin = Origin.parse(origins[0].value, origins[0].offset)
        names = self._of("s")
        self.session_name = names[0].value if names else ""
        self.times = read_times(self.lines) or (PERMANENT,)

    @classmethod
    def build(
        cls,
        origin: Origin,
        *,
        session_name: str = "-",
        connection: Connection | None = None,
        bandwidths: Iterable[Bandwidth] = (),
        times: Iterable[Line] = (),
        attributes: Iterable[Attribute] = (),
        media: Iterable[MediaDescription] = (),
    ) -> SessionDescription:
        """A description of these values. `times` are t=, r= and z= lines; without any it is ``t=0 0``."""
        return cls(
            [
                Line("v", "0"),
                Line("o", origin.serialize()),
                Line("s", session_name),
                *([] if connection is None else [Line("c", connection.serialize())]),
                *(Line("b", bandwidth.serialize()) for bandwidth in bandwidths),
                *(list(times) or [Line("t", PERMANENT.serialize())]),
                *(Line("a", attribute.serialize()) for attribute in attributes),
            ],
            media,
        )

    def serialize(self) -> bytes:
        """The description as it goes on the wire."""
        lines = [*self.lines, *(line for media in self.media for line in media.lines)]
        return (serialize(lines) + self.trailer).encode("utf-8", "surrogateescape")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SessionDescription) and (self.lines, self.media, self.trailer) == (
            other.lines,
            other.media,
            other.trailer,
        )

    def __hash__(self) -> int:
        return hash((self.lines, self.media, self.trailer))

    def __repr__(self) -> str:
        return f"SessionDescription({self.serialize()!r})"

    # Reading

    @property
    def uri(self) -> str | None:
        """Where to read more about the session (RFC 8866 5.5)."""
        return next((line.value for line in self._of("u")), None)

    @property
    def emails(self) -> tuple[str, ...]:
        """The e= lines (RFC 8866 5.6)."""
        return tuple(line.value for line in self._of("e"))

    @property
    def phones(self) -> tuple[str, ...]:
        """The p= lines (RFC 8866 5.6)."""
        return tuple(line.value for line in self._of("p"))

    @property
    def time_lines(self) -> tuple[Line, ...]:
        """New t=, r= and z= lines that say the same, for an answer, which must repeat them (RFC 3264 section 6)."""
        return tuple(Line(line.type, " ".join(subfields(line.value))) for line in self.lines if line.type in "trz")

    def connections_of(self, media: MediaDescription) -> tuple[Connection, ...]:
        """The c= lines that hold for a stream: its own, else the one of the session level (RFC 8866 5.7)."""
        return media.connections or self.connections

    def connection_of(self, media: MediaDescription) -> Connection | None:
        """The first c= line that holds for a stream. None can only be for a stream with port zero."""
        return next(iter(self.connections_of(media)), None)

    def direction_of(self, media: MediaDescription) -> Direction:
        """The direction of a stream: its own, else the session's, else sendrecv (RFC 8866 6.7)."""
        return media.direction or self.direction or Direction.SENDRECV

    def attribute_of(self, media: MediaDescription, name: str) -> Attribute | None:
        """The attribute of a stream, else the session's of the same name (RFC 8866 5.13)."""
        return media.attribute(name) or self.attribute(name)

    def bandwidth_of(self, media: MediaDescription, bwtype: str) -> int | None:
        """The bandwidth of a stream, else the session's of the same type (RFC 8866 5.8)."""
        own = media.bandwidth(bwtype)
        return self.bandwidth(bwtype) if own is None else own

    # Changing

    def with_origin(self, origin: Origin) -> SessionDescription:
        """With this o= line."""
        return self._with_values("o", [origin.serialize()])

    def with_session_name(self, session_name: str) -> SessionDescription:
        """With this s= line."""
        return self._with_values("s", [session_name])

    def with_media(self, media: Iterable[MediaDescription]) -> SessionDescription:
        """With these media descriptions in the place of all."""
        return SessionDescription(self.lines, media, self.trailer)

    def _with_lines(self, lines: list[Line]) -> Self:
        return type(self)(lines, self.media, self.trailer)
