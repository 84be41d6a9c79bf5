"""What the two ends of an audio stream have agreed on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import MappingProxyType
from typing import Final

from offhook.media.codecs.codec import CODECS, AudioCodec, codec_named
from offhook.media.rtp.session import Address

__all__ = ["AudioParameters"]

_DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")
MAX_PTIME: Final = 0.2
MAX_PORT: Final = 65535
_STATIC: Final[Mapping[int, str]] = MappingProxyType({0: "PCMU", 8: "PCMA"})
"""The static payload types of RFC 3551 table 4."""


@dataclass(frozen=True, slots=True)
class AudioParameters:
    """The outcome of offer and answer for one audio stream, seen from this end (RFC 3264).

    `remote`, `remote_rtcp`: numeric addresses where the peer receives; None, an unspecified address or port 0 while
    it is not known or the peer wants nothing. Without `remote_rtcp` it is the next higher port (RFC 3550 11).
    `send_codec` is sent with `send_payload_type`. `receive_codecs`: payload type to encoding name.
    `telephone_event_send` and `telephone_event_receive`: payload types, or None where not negotiated.
    `direction`: an SDP direction word, from this end's view. `ptime`: seconds of audio in a packet that is sent.
    `rtcp_mux`: RTCP goes over the RTP port (RFC 5761).

    Raises ValueError for values that are impossible.
    """

    remote: Address | None = None
    remote_rtcp: Address | None = None
    send_codec: str = "PCMU"
    send_payload_type: int = 0
    receive_codecs: Mapping[int, str] = field(default_factory=lambda: _STATIC)
    telephone_event_send: int | None = None
    telephone_event_receive: int | None = None
    direction: str = "sendrecv"
    ptime: float = 0.02
    rtcp_mux: bool = False

    def __post_init__(self) -> None:
        if self.direction not in _DIRECTIONS:
            raise ValueError(f"not a direction: {self.direction!r}")
        if not 0.005 <= self.ptime <= MAX_PTIME:
            raise ValueError(f"not a packetization time: {self.ptime!r} s")
        for name in (self.send_codec, *self.receive_codecs.values()):
            if name.upper() not in CODECS:
                raise ValueError(f"not a codec: {name!r}")
        object.__setattr__(self, "remote", _reachable(self.remote))
        object.__setattr__(self, "remote_rtcp", _reachable(self.remote_rtcp))

    @property
    def sends(self) -> bool:
        """Whether audio may be sent."""
        return self.direction in ("sendrecv", "sendonly")

    @property
    def receives(self) -> bool:
        """Whether audio is to be heard."""
        return self.direction in ("sendrecv", "recvonly")

    @property
    def rtcp_destination(self) -> Address | None:
        """Where RTCP goes before anything was heard; None where the next higher port would be none."""
        if self.remote is None or self.rtcp_mux:
            return self.remote
        if self.remote_rtcp is not None:
            return self.remote_rtcp
        host, port = self.remote
        return (host, port + 1) if port < MAX_PORT else None

    def sending(self) -> AudioCodec:
        """The codec that is sent."""
        return codec_named(self.send_codec)

    def receiving(self) -> dict[int, AudioCodec]:
        """The codecs that may be received, by payload type."""
        return {payload_type: codec_named(name) for payload_type, name in self.receive_codecs.items()}


def _reachable(address: Address | None) -> Address | None:
    """The address in its canonical form; None when nothing can be sent there.

    0.0.0.0 is how RFC 2543 put a call on hold (RFC 3264 8.4); port 0 refuses a stream (RFC 3264 6).
    """
    if address is None:
        return None
    host, port = address
    numeric = ip_address(host)
    if not 0 <= port <= MAX_PORT:
        raise ValueError(f"not a port: {port}")
    return None if numeric.is_unspecified or not port else (str(numeric), port)
