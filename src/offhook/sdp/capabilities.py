"""What a user agent is able and willing to do now: what offers and answers are made from (RFC 6337 5.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from offhook.sdp.attributes import Attribute, Direction, Rtcp, packet_time
from offhook.sdp.codec import Codec, rtp_attributes
from offhook.sdp.fields import MAX_PORT, Bandwidth, Connection, MediaField, Origin
from offhook.sdp.session import MediaDescription

__all__ = ["Capabilities", "StreamCapability"]


@dataclass(frozen=True, slots=True)
class StreamCapability:
    """One media stream that we can have.

    `port`: where we receive; zero keeps the stream but disables it (RFC 3264 8.2). `codecs`, in order of preference,
    for RTP; `formats` for any other `proto`. `direction`: what we want, such as sendonly while we hold the peer; an
    answer narrows it by what is offered. `connection`: where we receive, when it is not one of
    `Capabilities.connections`; a multicast one to offer a multicast stream. `multicast`: whether we join a group that
    a peer offers. `rtcp_port`: where we receive RTCP, the next
    port when None. `ptime` and `maxptime` in milliseconds. `attributes` are added as they are (crypto, fingerprint,
    candidate, mid ...). `slot`: the index of the m= line that the stream must have; None lets it keep the line that
    it has in the session, or take the first that fits.
    """

    media: str
    port: int
    codecs: tuple[Codec, ...] = ()
    formats: tuple[str, ...] = ()
    proto: str = "RTP/AVP"
    direction: Direction = Direction.SENDRECV
    connection: Connection | None = None
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    ptime: float | None = None
    maxptime: float | None = None
    bandwidths: tuple[Bandwidth, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    slot: int | None = None
    multicast: bool = False

    def describe(
        self,
        field: MediaField,
        codecs: tuple[Codec, ...],
        direction: Direction,
        *,
        connections: tuple[Connection, ...] = (),
        rtcp_mux: bool = False,
        mid: str | None = None,
    ) -> MediaDescription:
        """The media description of this stream under an m= line, with numbered codecs and c= lines of its own.

        `mid` is the identification tag that the stream has in the session; one among `attributes` comes before it.
        """
        attributes = rtp_attributes(codecs)
        if self.ptime is not None:
            attributes.append(Attribute("ptime", packet_time(self.ptime)))
        if self.maxptime is not None:
            attributes.append(Attribute("maxptime", packet_time(self.maxptime)))
        if rtcp_mux:
            attributes.append(Attribute("rtcp-mux"))
        attributes += self._rtcp(field.port) if field.is_rtp else []
        attributes += self.attributes
        if mid is not None and all(attribute.name != "mid" for attribute in self.attributes):
            attributes.append(Attribute("mid", mid))
        attributes.append(Attribute(direction.value))
        return MediaDescription.build(field, connections=connections, bandwidths=self.bandwidths, attributes=attributes)

    def _rtcp(self, port: int) -> list[Attribute]:
        """The rtcp attribute, where RTCP is not on the odd port behind an even one (RFC 8866 5.14)."""
        rtcp_port = port + 1 if self.rtcp_port is None else self.rtcp_port
        if (rtcp_port == port + 1 and port % 2 == 0) or rtcp_port > MAX_PORT:
            return []
        return [Attribute("rtcp", Rtcp(rtcp_port).serialize())]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """All streams of a user agent, in its order of preference.

    `origin` is the o= line of the first description of a session; later ones take it from the session and only count
    its version up. `connections`: where we receive, at most one for each address family; an offer uses the first, an
    answer the one of the family that was offered.
    """

    origin: Origin
    connections: tuple[Connection, ...]
    streams: tuple[StreamCapability, ...]
    session_name: str = "-"
    bandwidths: tuple[Bandwidth, ...] = ()
    attributes: tuple[Attribute, ...] = ()

    @property
    def held(self) -> Capabilities:
        """The same with every stream marked to put the peer on hold (RFC 3264 8.4)."""
        return replace(self, streams=tuple(replace(stream, direction=stream.direction.held) for stream in self.streams))
