"""What an offer and its answer agree on (RFC 3264 sections 6 and 7)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from offhook.errors import ParseError
from offhook.sdp.attributes import Direction, Rtcp, parse_packet_time, parse_telephone_events
from offhook.sdp.codec import Codec, codecs_of
from offhook.sdp.fields import MAX_PORT
from offhook.sdp.session import MediaDescription, SessionDescription

__all__ = ["NegotiatedSession", "NegotiatedStream", "TransportAddress", "negotiate_stream"]

# The bandwidths whose zero means that nothing is to be sent (RFC 3264 section 5); RS and RR are about RTCP alone.
_MEDIA_BANDWIDTHS: Final = ("AS", "TIAS")


@dataclass(frozen=True, slots=True)
class TransportAddress:
    """An address, numeric or a name, and a port."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class NegotiatedStream:
    """One stream as it is to run, seen from our side.

    `enabled`: whether it runs at all; one with port zero on either side does not, and has no media and no RTCP.
    `direction`: what we do. `send`: the codecs that we may send, with the payload types and parameters to send with,
    the one to use first (RFC 3264 6.1, 7). `receive`: what the peer may send us, with the payload types that it will
    use. `formats`: what both list, for streams that are not RTP. `local`, `local_rtcp`: where we receive;
    `remote`, `remote_rtcp`: where to send, None when nothing may be sent there: no port, the unspecified address of
    a hold (8.4), bandwidth zero. RTCP flows whatever the direction is. `ptime` and `maxptime`: what the peer asks us
    to send, in milliseconds. `held`: the peer takes no media from us. `bindings`: every payload type that this m=
    line ever gave to a codec, the newest first; such a number keeps its meaning for the whole session (8.3.2).
    """

    index: int
    media: str
    proto: str
    enabled: bool
    direction: Direction = Direction.INACTIVE
    send: tuple[Codec, ...] = ()
    receive: tuple[Codec, ...] = ()
    formats: tuple[str, ...] = ()
    local: TransportAddress | None = None
    local_rtcp: TransportAddress | None = None
    remote: TransportAddress | None = None
    remote_rtcp: TransportAddress | None = None
    rtcp_mux: bool = False
    multicast: bool = False
    ttl: int | None = None
    ptime: float | None = None
    maxptime: float | None = None
    held: bool = False
    bindings: tuple[Codec, ...] = ()

    @property
    def codec(self) -> Codec | None:
        """The codec to send the conversation with: the first that is no auxiliary one."""
        return next((codec for codec in self.send if not codec.is_auxiliary), None)

    @property
    def telephone_event(self) -> Codec | None:
        """The format to send telephone events with, of the clock rate of `codec` where there is one (RFC 4733)."""
        found = [codec for codec in self.send if codec.is_telephone_event]
        rate = None if self.codec is None else self.codec.clock_rate
        return next((codec for codec in found if codec.clock_rate == rate), found[0] if found else None)

    @property
    def telephone_events(self) -> frozenset[int]:
        """The events that the peer takes; none without a format for them (RFC 4733 2.5.1.1)."""
        codec = self.telephone_event
        if codec is None:
            return frozenset()
        try:
            return parse_telephone_events(codec.parameters)
        except ParseError:
            # A peer that cannot write its list is taken as one that gives none.
            return parse_telephone_events("")


@dataclass(frozen=True, slots=True)
class NegotiatedSession:
    """The last description that each side gave, and the streams of both, one for each m= line."""

    local: SessionDescription
    remote: SessionDescription
    streams: tuple[NegotiatedStream, ...]


def negotiate_stream(
    index: int, local: SessionDescription, remote: SessionDescription, previous: NegotiatedSession | None
) -> NegotiatedStream:
    """The stream that the m= lines at `index` of both descriptions agree on.

    What each side does follows from the two descriptions alone, whichever is the offer: a side sends the formats
    that both list, with the payload types of the other's description and in its order of preference.
    """
    ours, theirs = local.media[index], remote.media[index]
    history = previous.streams[index].bindings if previous and index < len(previous.streams) else ()
    our_codecs = codecs_of(ours) if ours.is_rtp else ()
    their_codecs = codecs_of(theirs) if theirs.is_rtp else ()
    send = _common(their_codecs, our_codecs)
    formats = () if ours.is_rtp else _common_formats(theirs, ours)
    connection = remote.connection_of(theirs)
    enabled = ours.port > 0 and theirs.port > 0 and connection is not None and bool(send or formats)
    stream = NegotiatedStream(
        index, ours.media, ours.proto, enabled, bindings=_bindings((*our_codecs, *their_codecs), history)
    )
    if not enabled or connection is None:
        return stream
    # All members of a multicast group have the same view of the stream (RFC 3264 5.2, 6.2).
    theirs_for_us = remote.direction_of(theirs) if connection.is_multicast else remote.direction_of(theirs).reversed
    silenced = connection.is_unspecified or _is_silenced(remote, theirs)
    allowed = theirs_for_us.within(Direction.RECVONLY) if silenced else theirs_for_us
    mux = ours.is_rtp and all(media.attribute("rtcp-mux") is not None for media in (ours, theirs))
    return replace(
        stream,
        direction=local.direction_of(ours).within(allowed),
        send=send,
        receive=_common(our_codecs, their_codecs),
        formats=formats,
        local=_address(local, ours),
        local_rtcp=_rtcp_address(local, ours, mux),
        remote=None if silenced else _address(remote, theirs),
        remote_rtcp=None if silenced else _rtcp_address(remote, theirs, mux),
        rtcp_mux=mux,
        multicast=connection.is_multicast,
        ttl=connection.ttl,
        ptime=_packet_time(remote, theirs, "ptime"),
        maxptime=_packet_time(remote, theirs, "maxptime"),
        held=not allowed.sends and not connection.is_multicast,
    )


def _common(codecs: tuple[Codec, ...], others: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """Those of `codecs` that `others` have too."""
    return tuple(codec for codec in codecs if any(codec.same_format(other) for other in others))


def _common_formats(media: MediaDescription, other: MediaDescription) -> tuple[str, ...]:
    others = frozenset(other.formats)
    return tuple(dict.fromkeys(name for name in media.formats if name in others))


def _bindings(codecs: tuple[Codec, ...], history: tuple[Codec, ...]) -> tuple[Codec, ...]:
    bindings: dict[int | None, Codec] = {}
    for codec in (*codecs, *history):
        bindings.setdefault(codec.payload_type, codec)
    return tuple(bindings.values())


def _is_silenced(description: SessionDescription, media: MediaDescription) -> bool:
    """Whether the peer asks for a bandwidth of zero, so that neither media nor RTCP is sent (RFC 3264 section 5)."""
    return any(description.bandwidth_of(media, bwtype) == 0 for bwtype in _MEDIA_BANDWIDTHS)


def _address(description: SessionDescription, media: MediaDescription) -> TransportAddress | None:
    connection = description.connection_of(media)
    return None if connection is None else TransportAddress(connection.address, media.port)


def _rtcp_address(description: SessionDescription, media: MediaDescription, mux: bool) -> TransportAddress | None:
    """Where RTCP goes: the RTP port (RFC 5761), what ``a=rtcp`` says (RFC 3605), or the next port (RFC 3550)."""
    connection = description.connection_of(media)
    if not media.is_rtp or connection is None:
        return None
    if mux:
        return TransportAddress(connection.address, media.port)
    rtcp = _rtcp(media)
    if rtcp is not None:
        other = rtcp.connection or connection
        return None if other.is_unspecified else TransportAddress(other.address, rtcp.port)
    return TransportAddress(connection.address, media.port + 1) if media.port < MAX_PORT else None


def _rtcp(media: MediaDescription) -> Rtcp | None:
    """The rtcp attribute; one that cannot be read is as good as none."""
    attribute = media.attribute("rtcp")
    if attribute is None or attribute.value is None:
        return None
    try:
        return Rtcp.parse(attribute.value)
    except ParseError:
        return None


def _packet_time(description: SessionDescription, media: MediaDescription, name: str) -> float | None:
    """A packet time of the stream, or of the session, where some phones write it. Malformed or zero: none."""
    attribute = description.attribute_of(media, name)
    if attribute is None or attribute.value is None:
        return None
    try:
        return parse_packet_time(attribute.value)
    except ParseError:
        return None
