"""Codecs as session descriptions name them: payload types, encodings and their parameters.

The static payload types are those of RFC 3551 section 6; dynamic ones are 96 to 127.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from offhook.errors import ParseError
from offhook.sdp.attributes import MAX_PAYLOAD_TYPE, Attribute, Fmtp, Rtpmap, parameter_pairs
from offhook.sdp.session import MediaDescription

__all__ = ["STATIC_PAYLOAD_TYPES", "TELEPHONE_EVENT", "Codec", "codecs_of", "free_payload_type", "rtp_attributes"]

TELEPHONE_EVENT: Final = "telephone-event"

STATIC_PAYLOAD_TYPES: Final[dict[int, tuple[str, int, int]]] = {
    0: ("PCMU", 8000, 1),
    3: ("GSM", 8000, 1),
    4: ("G723", 8000, 1),
    5: ("DVI4", 8000, 1),
    6: ("DVI4", 16000, 1),
    7: ("LPC", 8000, 1),
    8: ("PCMA", 8000, 1),
    9: ("G722", 8000, 1),
    10: ("L16", 44100, 2),
    11: ("L16", 44100, 1),
    12: ("QCELP", 8000, 1),
    13: ("CN", 8000, 1),
    14: ("MPA", 90000, 1),
    15: ("G728", 8000, 1),
    16: ("DVI4", 11025, 1),
    17: ("DVI4", 22050, 1),
    18: ("G729", 8000, 1),
    25: ("CelB", 90000, 1),
    26: ("JPEG", 90000, 1),
    28: ("nv", 90000, 1),
    31: ("H261", 90000, 1),
    32: ("MPV", 90000, 1),
    33: ("MP2T", 90000, 1),
    34: ("H263", 90000, 1),
}
"""Encoding, clock rate in Hz and channels of the payload types that need no rtpmap (RFC 3551 tables 4 and 5)."""

# 64 to 95 clash with RTCP where both share a port (RFC 5761 section 4); 35 to 63 are the last reserve.
_DYNAMIC_PAYLOAD_TYPES: Final = (*range(96, 128), *range(35, 64))

# Parameters that make two formats of one encoding different formats, and their defaults: RFC 4867 8.3.1 (AMR),
# RFC 5577 section 5 (G.722.1), RFC 6184 8.2.2 (H.264). Of profile-level-id the profile counts, its first two digits:
# the level is a capability, and the many ways to write the constraints of one profile mean the same.
_CONFIGURATION: Final[dict[str, dict[str, str]]] = {
    "amr": {"octet-align": "0", "crc": "0", "robust-sorting": "0", "interleaving": ""},
    "amr-wb": {"octet-align": "0", "crc": "0", "robust-sorting": "0", "interleaving": ""},
    "g7221": {"bitrate": ""},
    "h264": {"packetization-mode": "0", "profile-level-id": "42000a"},
}

# Encodings that carry something beside the conversation, and cannot be all that a stream has.
_AUXILIARY: Final = frozenset((TELEPHONE_EVENT, "tone", "cn", "red", "rtx", "ulpfec", "flexfec"))


@dataclass(frozen=True, slots=True)
class Codec:
    """One RTP payload format.

    `encoding`: the media subtype, compared without case (RFC 4855 section 3). `clock_rate` in Hz. `parameters`: what
    an fmtp attribute says, "" for none. `payload_type` None in a capability: the static number, or a dynamic one
    that is chosen for it.
    """

    encoding: str
    clock_rate: int = 8000
    channels: int = 1
    payload_type: int | None = None
    parameters: str = ""

    @property
    def is_auxiliary(self) -> bool:
        """Whether this is no codec of its own: telephone events, comfort noise, redundancy, repair."""
        return self.encoding.lower() in _AUXILIARY

    @property
    def is_telephone_event(self) -> bool:
        return self.encoding.lower() == TELEPHONE_EVENT

    @property
    def static_payload_type(self) -> int | None:
        """The number that RFC 3551 gives to this encoding, or None."""
        return _STATIC_NUMBERS.get(self._name)

    @property
    def _name(self) -> tuple[str, int, int]:
        return self.encoding.lower(), self.clock_rate, self.channels

    @property
    def _configuration(self) -> tuple[str, ...]:
        defaults = _CONFIGURATION.get(self.encoding.lower())
        if defaults is None:
            return ()
        pairs = parameter_pairs(self.parameters)
        values = {name: pairs.get(name, default).lower() for name, default in defaults.items()}
        return tuple(value[:2] if name == "profile-level-id" else value for name, value in values.items())

    def same_format(self, other: Codec) -> bool:
        """Whether both mean the same payload format, whatever its number (RFC 3264 6.1)."""
        return self._name == other._name and self._configuration == other._configuration

    def numbered(self, payload_type: int) -> Codec:
        """This codec under a payload type."""
        return replace(self, payload_type=payload_type)


_STATIC_NUMBERS: Final = {
    (encoding.lower(), clock_rate, channels): number
    for number, (encoding, clock_rate, channels) in STATIC_PAYLOAD_TYPES.items()
}


def codecs_of(media: MediaDescription) -> tuple[Codec, ...]:
    """The codecs of an RTP stream in its order of preference, each with its payload type.

    Formats that cannot be understood are left out: no payload type, a dynamic one without rtpmap, or a malformed
    rtpmap. RFC 4475's messages write ``a=rtpmap:31 LPC`` for the static H261, so a malformed one leaves the static
    meaning. At most 128 codecs, each number once.
    """
    names = _rtpmaps(media)
    parameters = _parameters(media)
    codecs: dict[int, Codec] = {}
    for text in media.formats:
        number = int(text) if len(text) <= 3 and text.isascii() and text.isdigit() else MAX_PAYLOAD_TYPE + 1
        name = names.get(number) or STATIC_PAYLOAD_TYPES.get(number)
        if name is not None:
            codecs[number] = Codec(*name, number, parameters.get(number, ""))
    return tuple(codecs.values())


def _rtpmaps(media: MediaDescription) -> dict[int, tuple[str, int, int]]:
    names: dict[int, tuple[str, int, int]] = {}
    for value in media.attribute_values("rtpmap"):
        try:
            rtpmap = Rtpmap.parse(value)
            names.setdefault(rtpmap.payload_type, (rtpmap.encoding, rtpmap.clock_rate, rtpmap.channels))
        except ParseError:
            continue
    return names


def _parameters(media: MediaDescription) -> dict[int, str]:
    parameters: dict[int, str] = {}
    for value in media.attribute_values("fmtp"):
        try:
            fmtp = Fmtp.parse(value)
        except ParseError:
            continue
        if len(fmtp.format) <= 3 and fmtp.format.isascii() and fmtp.format.isdigit():
            parameters.setdefault(int(fmtp.format), fmtp.parameters)
    return parameters


def free_payload_type(taken: set[int]) -> int | None:
    """The first dynamic payload type that is not taken, or None when all are."""
    return next((number for number in _DYNAMIC_PAYLOAD_TYPES if number not in taken), None)


def rtp_attributes(codecs: tuple[Codec, ...]) -> list[Attribute]:
    """The rtpmap and fmtp attributes of numbered codecs: static ones get theirs too (RFC 3264 5.1, 6.1)."""
    attributes: list[Attribute] = []
    for codec in codecs:
        if codec.payload_type is None:
            continue
        channels = None if codec.channels == 1 else str(codec.channels)
        rtpmap = Rtpmap(codec.payload_type, codec.encoding, codec.clock_rate, channels)
        attributes.append(Attribute("rtpmap", rtpmap.serialize()))
        if codec.parameters:
            attributes.append(Attribute("fmtp", Fmtp(str(codec.payload_type), codec.parameters).serialize()))
    return attributes
