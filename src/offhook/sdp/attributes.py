"""The values of a= lines (RFC 8866 sections 5.13 and 6, RFC 3605, RFC 5888).

Attributes that are not named here, and those that only other layers understand (crypto, fingerprint, setup,
ice-ufrag, candidate ...), stay text: read them with `Section.attribute` and `Section.attribute_values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from offhook.errors import InvalidState
from offhook.sdp.fields import MAX_PORT, Connection
from offhook.sdp.grammar import integer, malformed, real, subfields, token

__all__ = [
    "Attribute",
    "Direction",
    "Fmtp",
    "Group",
    "Rtcp",
    "Rtpmap",
    "packet_time",
    "parameter_pairs",
    "parse_packet_time",
    "parse_telephone_events",
]

MAX_PAYLOAD_TYPE: Final = 127
MAX_CLOCK_RATE: Final = (1 << 32) - 1
MAX_CHANNELS: Final = 255
MAX_EVENT: Final = 255
DTMF_EVENTS: Final = frozenset(range(16))


@dataclass(frozen=True, slots=True)
class Attribute:
    """``a=<attribute-name>`` (`value` is None) or ``a=<attribute-name>:<attribute-value>``.

    `offset` is the octet at which the attribute begins in the description that it was parsed from; it takes no part
    in comparisons.
    """

    name: str
    value: str | None = None
    offset: int | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> Attribute:
        """Read the value of an a= line: any text, since what is not understood is ignored (RFC 8866 5.13)."""
        name, colon, value = text.partition(":")
        return cls(name, value if colon else None, offset)

    def serialize(self) -> str:
        return self.name if self.value is None else f"{self.name}:{self.value}"


class Direction(StrEnum):
    """Which way media flows, seen by the one who writes it (RFC 8866 6.7)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @classmethod
    def of(cls, sends: bool, receives: bool) -> Direction:
        if sends:
            return cls.SENDRECV if receives else cls.SENDONLY
        return cls.RECVONLY if receives else cls.INACTIVE

    @property
    def sends(self) -> bool:
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        return self in (Direction.SENDRECV, Direction.RECVONLY)

    @property
    def reversed(self) -> Direction:
        """The same flow, seen by the peer."""
        return Direction.of(self.receives, self.sends)

    @property
    def held(self) -> Direction:
        """What a stream is marked with to put its peer on hold (RFC 3264 8.4)."""
        return Direction.of(self.sends, False)

    def within(self, other: Direction) -> Direction:
        """What both allow. An answer is ``own.within(offered.reversed)`` (RFC 3264 6.1)."""
        return Direction.of(self.sends and other.sends, self.receives and other.receives)


@dataclass(frozen=True, slots=True)
class Rtpmap:
    """``a=rtpmap:<payload type> <encoding name>/<clock rate>[/<encoding parameters>]`` (RFC 8866 6.6).

    `clock_rate` in Hz. The encoding parameters of audio are its number of channels, 1 when left out.
    """

    payload_type: int
    encoding: str
    clock_rate: int
    parameters: str | None = None

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> Rtpmap:
        """Read the value of an rtpmap attribute. Raises ParseError."""
        clause = "RFC 8866 6.6"
        parts = subfields(text)
        if len(parts) != 2:
            raise malformed("rtpmap has not two subfields", clause, offset)
        encoding, *numbers = parts[1].split("/", 2)
        if not numbers:
            raise malformed("rtpmap has no clock rate", clause, offset)
        return cls(
            integer(parts[0], "the payload type", clause, offset, most=MAX_PAYLOAD_TYPE),
            token(encoding, "the encoding name", clause, offset),
            integer(numbers[0], "the clock rate", clause, offset, least=1, most=MAX_CLOCK_RATE),
            numbers[1] if len(numbers) > 1 else None,
        )

    @property
    def channels(self) -> int:
        """The number of channels. Raises ParseError where the encoding parameters are something else."""
        if self.parameters is None:
            return 1
        return integer(self.parameters, "the number of channels", "RFC 8866 6.6", least=1, most=MAX_CHANNELS)

    def serialize(self) -> str:
        text = f"{self.payload_type} {self.encoding}/{self.clock_rate}"
        return text if self.parameters is None else f"{text}/{self.parameters}"


@dataclass(frozen=True, slots=True)
class Fmtp:
    """``a=fmtp:<format> <format specific parameters>`` (RFC 8866 6.15); the parameters are kept as they are."""

    format: str
    parameters: str

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> Fmtp:
        """Read the value of an fmtp attribute. Raises ParseError."""
        name, _, parameters = text.strip(" ").partition(" ")
        if not name or not parameters:
            raise malformed("fmtp has no parameters", "RFC 8866 6.15", offset)
        return cls(name, parameters.lstrip(" "))

    @property
    def pairs(self) -> Mapping[str, str]:
        """The parameters as ``name=value;name=value``, names in lower case (RFC 4855 section 3)."""
        return parameter_pairs(self.parameters)

    def serialize(self) -> str:
        return f"{self.format} {self.parameters}"


def parameter_pairs(text: str) -> dict[str, str]:
    """Format parameters by their names in lower case. One without a value has an empty one; the first one counts."""
    pairs: dict[str, str] = {}
    for part in text.split(";"):
        name, _, value = part.partition("=")
        if name.strip():
            pairs.setdefault(name.strip().lower(), value.strip())
    return pairs


@dataclass(frozen=True, slots=True)
class Rtcp:
    """``a=rtcp:<port> [<nettype> <addrtype> <connection-address>]`` (RFC 3605 2.1)."""

    port: int
    connection: Connection | None = None

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> Rtcp:
        """Read the value of an rtcp attribute. Raises ParseError."""
        port, _, connection = text.strip(" ").partition(" ")
        return cls(
            integer(port, "the RTCP port", "RFC 3605 2.1", offset, least=1, most=MAX_PORT),
            Connection.parse(connection, offset) if connection else None,
        )

    def serialize(self) -> str:
        return str(self.port) if self.connection is None else f"{self.port} {self.connection.serialize()}"


@dataclass(frozen=True, slots=True)
class Group:
    """``a=group:<semantics> [<identification-tag> ...]`` (RFC 5888 section 5)."""

    semantics: str
    mids: tuple[str, ...]

    @classmethod
    def parse(cls, text: str, offset: int | None = None) -> Group:
        """Read the value of a group attribute. Raises ParseError."""
        clause = "RFC 5888 5"
        semantics, *mids = subfields(text) or [""]
        token(semantics, "the semantics", clause, offset)
        return cls(semantics, tuple(token(mid, "the identification tag", clause, offset) for mid in mids))

    def serialize(self) -> str:
        return " ".join((self.semantics, *self.mids))


def parse_packet_time(text: str, offset: int | None = None) -> float:
    """Read the value of a ptime or maxptime attribute, milliseconds (RFC 8866 6.4, 6.5). Raises ParseError."""
    return real(text.strip(" "), "the packet time", "RFC 8866 6.4", offset)


def packet_time(milliseconds: float) -> str:
    """The value of a ptime or maxptime attribute. Raises InvalidState unless it is above zero (RFC 3264 5.1)."""
    text = f"{milliseconds:.9f}".rstrip("0").rstrip(".")
    if not milliseconds > 0 or text == "0":
        raise InvalidState(f"a packet time of {milliseconds:g} ms")
    return text


def parse_telephone_events(parameters: str, offset: int | None = None) -> frozenset[int]:
    """The events that a telephone-event format lists, such as ``0-15,66,70``. Raises ParseError.

    Without a list they are those of DTMF, 0 to 15 (RFC 4733 2.5.1.1). The list that media types write,
    ``events="0-15"``, is read too.
    """
    clause = "RFC 4733 2.4.1"
    text = parameters.strip(" ")
    if text.lower().startswith("events="):
        text = text[len("events=") :].strip('"')
    if not text:
        return DTMF_EVENTS
    mask = 0
    for part in text.split(","):
        first, dash, last = part.strip(" ").partition("-")
        low = integer(first, "the event", clause, offset, most=MAX_EVENT)
        high = integer(last, "the event", clause, offset, least=low, most=MAX_EVENT) if dash else low
        mask |= (2 << high) - (1 << low)
    return frozenset(event for event in range(MAX_EVENT + 1) if mask >> event & 1)
