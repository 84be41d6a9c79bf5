"""The RTP data packet (RFC 3550 5.1, 5.3.1).

 0                   1                   2                   3
 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
|V=2|P|X|  CC   |M|     PT      |       sequence number         |
|                           timestamp                           |
|           synchronization source (SSRC) identifier            |
|            contributing source (CSRC) identifiers             |
|      defined by profile       |           length              |  when X
"""

from __future__ import annotations

from struct import Struct
from struct import error as struct_error
from typing import Final

from offhook.errors import ParseError

__all__ = ["HEADER_OCTETS", "HeaderExtension", "RtpPacket", "is_rtcp", "is_rtp"]

HEADER_OCTETS: Final = 12
"""The fixed header, without CSRCs and extension."""

MAX_CSRCS: Final = 15

_HEADER: Final = Struct("!BBHII")
_EXTENSION: Final = Struct("!HH")
_VERSION: Final = 2 << 6
_PADDING: Final = 0x20
_EXTENDED: Final = 0x10
_MARKER: Final = 0x80


def is_rtp(data: bytes) -> bool:
    """Whether a datagram on an RTP port (or a shared one) is RTP: version 2 and not RTCP (RFC 5761 section 4)."""
    return len(data) >= HEADER_OCTETS and data[0] >> 6 == 2 and not 192 <= data[1] <= 223


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on a port shared by RTP and RTCP is RTCP.

    The second octet of RTCP, read as marker and payload type, is 192 to 223 (RFC 5761 section 4).
    """
    return len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


class HeaderExtension:
    """A header extension (5.3.1): `profile` is its first 16 bits, `data` its whole 32-bit words."""

    __slots__ = ("data", "profile")

    def __init__(self, profile: int, data: bytes) -> None:
        self.profile = profile
        self.data = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeaderExtension) and (self.profile, self.data) == (other.profile, other.data)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"HeaderExtension(profile={self.profile:#06x}, data={self.data!r})"


class RtpPacket:
    """One RTP packet.

    `payload_type` 0-127, `sequence` 16 bits, `timestamp` and `ssrc` 32 bits, `csrcs` at most 15 of 32 bits. `padding`
    is the number of padding octets after the payload, the count octet among them; 0 is none.
    """

    __slots__ = (
        "csrcs",
        "extension",
        "marker",
        "padding",
        "payload",
        "payload_type",
        "sequence",
        "ssrc",
        "timestamp",
    )

    def __init__(
        self,
        payload_type: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        payload: bytes,
        marker: bool = False,
        csrcs: tuple[int, ...] = (),
        extension: HeaderExtension | None = None,
        padding: int = 0,
    ) -> None:
        self.payload_type = payload_type
        self.sequence = sequence
        self.timestamp = timestamp
        self.ssrc = ssrc
        self.payload = payload
        self.marker = marker
        self.csrcs = csrcs
        self.extension = extension
        self.padding = padding

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RtpPacket):
            return NotImplemented
        return self._values() == other._values()

    def _values(self) -> tuple[object, ...]:
        whole = (self.payload_type, self.sequence, self.timestamp, self.ssrc, self.payload)
        return (*whole, self.marker, self.csrcs, self.extension, self.padding)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return (
            f"RtpPacket(payload_type={self.payload_type}, sequence={self.sequence}, timestamp={self.timestamp}, "
            f"ssrc={self.ssrc:#010x}, marker={self.marker}, {len(self.payload)} octets)"
        )

    @classmethod
    def parse(cls, data: bytes) -> RtpPacket:
        """Read one datagram. Raises ParseError when it breaks the layout (RFC 3550 A.1, the checks on the header)."""
        if len(data) < HEADER_OCTETS:
            raise ParseError("RTP packet shorter than its header", offset=len(data), clause="RFC 3550 5.1")
        first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
        if first >> 6 != 2:
            raise ParseError(f"RTP version {first >> 6}, not 2", offset=0, clause="RFC 3550 5.1")
        start = HEADER_OCTETS
        csrcs: tuple[int, ...] = ()
        extension: HeaderExtension | None = None
        count = first & 0x0F
        if count:
            start += 4 * count
            if len(data) < start:
                raise ParseError("RTP packet shorter than its CSRC list", offset=len(data), clause="RFC 3550 5.1")
            csrcs = tuple(int.from_bytes(data[at : at + 4], "big") for at in range(HEADER_OCTETS, start, 4))
        if first & _EXTENDED:
            extension, start = _parse_extension(data, start)
        end = len(data)
        padding = 0
        if first & _PADDING:
            padding = data[-1]
            end -= padding
            if padding == 0 or end < start:
                raise ParseError(f"RTP padding of {padding} octets", offset=len(data) - 1, clause="RFC 3550 5.1")
        payload = data[start:end]
        return cls(second & 0x7F, sequence, timestamp, ssrc, payload, bool(second & _MARKER), csrcs, extension, padding)

    def serialize(self) -> bytes:
        """The packet as a datagram. Raises ValueError for fields beyond their width."""
        if len(self.csrcs) > MAX_CSRCS or not 0 <= self.padding <= 255 or not 0 <= self.payload_type <= 127:
            raise ValueError(f"not an RTP packet: {self!r}")
        first = _VERSION | len(self.csrcs)
        if self.padding:
            first |= _PADDING
        if self.extension is not None:
            first |= _EXTENDED
        second = self.payload_type | (_MARKER if self.marker else 0)
        try:
            parts = [_HEADER.pack(first, second, self.sequence, self.timestamp, self.ssrc)]
            parts += [csrc.to_bytes(4, "big") for csrc in self.csrcs]
            if self.extension is not None:
                parts += _serialize_extension(self.extension)
        except (OverflowError, struct_error) as error:
            raise ValueError(f"not an RTP packet: {self!r}") from error
        parts.append(self.payload)
        if self.padding:
            parts.append(bytes(self.padding - 1) + bytes((self.padding,)))
        return b"".join(parts)


def _parse_extension(data: bytes, start: int) -> tuple[HeaderExtension, int]:
    if len(data) < start + 4:
        raise ParseError("RTP packet shorter than its extension", offset=len(data), clause="RFC 3550 5.3.1")
    profile, words = _EXTENSION.unpack_from(data, start)
    end = start + 4 + 4 * words
    if len(data) < end:
        raise ParseError("RTP packet shorter than its extension", offset=len(data), clause="RFC 3550 5.3.1")
    return HeaderExtension(profile, data[start + 4 : end]), end


def _serialize_extension(extension: HeaderExtension) -> list[bytes]:
    words, rest = divmod(len(extension.data), 4)
    if rest:
        raise ValueError(f"an RTP header extension of {len(extension.data)} octets, not whole words")
    return [_EXTENSION.pack(extension.profile, words), extension.data]
