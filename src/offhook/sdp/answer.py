"""Making an answer (RFC 3264 sections 6 and 8)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from offhook.errors import ProtocolError
from offhook.sdp.attributes import Attribute, Direction
from offhook.sdp.capabilities import Capabilities, StreamCapability
from offhook.sdp.codec import Codec, codecs_of
from offhook.sdp.fields import Connection
from offhook.sdp.negotiated import NegotiatedSession
from offhook.sdp.offer import disabled_media, with_version
from offhook.sdp.session import MediaDescription, SessionDescription

__all__ = ["make_answer"]


@dataclass(frozen=True, slots=True)
class _Match:
    """An offered stream, and what we take of it."""

    stream: StreamCapability
    connection: Connection
    formats: tuple[str, ...]
    codecs: tuple[Codec, ...]


def make_answer(
    offer: SessionDescription,
    capabilities: Capabilities,
    session: NegotiatedSession | None = None,
    *,
    version: int | None = None,
    own_preference: bool = False,
    may_refuse: bool = True,
) -> SessionDescription:
    """The answer of these capabilities to an offer.

    It has the m= lines of the offer, in its order; those that no capability can take have port zero. Formats stand
    in the offer's order with the offer's payload types, as RFC 3264 6.1 recommends, or in our own order with
    `own_preference`. `version` is as in `make_offer`.

    Raises ProtocolError (488) when nothing of what is offered can be taken, unless `may_refuse` is false: an offer
    that came in a response cannot be refused and is answered with every port zero (RFC 6337 5.2.4). Raises it too
    when the offer has fewer m= lines than the session (RFC 3264 section 8).
    """
    if session is not None and len(offer.media) < len(session.remote.media):
        raise ProtocolError("the offer has fewer m= lines than the session", status=488, clause="RFC 3264 8")
    matches = _matches(offer, capabilities, session, own_preference)
    if may_refuse and not any(matches) and any(media.port for media in offer.media):
        raise ProtocolError("no media format in common", status=488, clause="RFC 3264 6.1")
    connections = [match.connection for match in matches if match is not None and not match.connection.is_multicast]
    connection = next(iter((*connections, *capabilities.connections)), None)
    description = SessionDescription.build(
        capabilities.origin,
        session_name=capabilities.session_name,
        connection=connection,
        bandwidths=capabilities.bandwidths,
        # The time of the session cannot be negotiated (RFC 3264 section 6).
        times=offer.time_lines,
        attributes=capabilities.attributes,
        media=[
            disabled_media(media) if match is None else _answered(offer, media, match, connection)
            for media, match in zip(offer.media, matches, strict=True)
        ],
    )
    return with_version(description, session, version)


def _matches(
    offer: SessionDescription, capabilities: Capabilities, session: NegotiatedSession | None, own_preference: bool
) -> list[_Match | None]:
    """What we take of each offered stream. Streams that already run choose first, and keep their port if they can."""
    ports = [media.port for media in session.local.media] if session else []
    ports += [0] * (len(offer.media) - len(ports))
    matches: list[_Match | None] = [None] * len(offer.media)
    free = list(capabilities.streams)
    for index in sorted(range(len(offer.media)), key=lambda index: not ports[index]):
        for stream in sorted(free, key=lambda stream: stream.port != ports[index]):
            match = _match(offer, index, stream, capabilities, own_preference)
            if match is not None:
                matches[index] = match
                free.remove(stream)
                break
    return matches


def _match(
    offer: SessionDescription, index: int, stream: StreamCapability, capabilities: Capabilities, own_preference: bool
) -> _Match | None:
    media = offer.media[index]
    offered = offer.connection_of(media)
    if offered is None or not media.port or not stream.port or stream.slot not in (None, index):
        return None
    if media.media != stream.media or media.proto.upper() != stream.proto.upper():
        return None
    connection = _connection(offered, stream, capabilities)
    if connection is None:
        return None
    if not media.is_rtp:
        known = frozenset(stream.formats)
        formats = tuple(dict.fromkeys(name for name in media.formats if name in known))
        return _Match(stream, connection, formats, ()) if formats else None
    codecs = _codecs(codecs_of(media), stream.codecs, own_preference)
    return _Match(stream, connection, tuple(str(codec.payload_type) for codec in codecs), codecs) if codecs else None


def _connection(offered: Connection, stream: StreamCapability, capabilities: Capabilities) -> Connection | None:
    """Where we receive what is offered, or None where we cannot talk to the address that is offered."""
    if offered.is_multicast:
        return offered if stream.multicast else None
    own = capabilities.connections if stream.connection is None else (stream.connection,)
    unicast = [connection for connection in own if not connection.is_multicast]
    family = (offered.nettype, offered.addrtype)
    alike = [connection for connection in unicast if (connection.nettype, connection.addrtype) == family]
    # The unspecified address of a hold says nothing about the addresses that the peer will use.
    found = alike or (unicast if offered.is_unspecified else [])
    return found[0] if found else None


def _codecs(offered: tuple[Codec, ...], own: tuple[Codec, ...], own_preference: bool) -> tuple[Codec, ...]:
    """The offered formats that we have too, under the offered numbers and with our own parameters.

    A stream is not taken for its telephone events or comfort noise alone, unless it is a stream of such.
    """
    free = dict(enumerate(own))
    chosen: list[tuple[int, Codec]] = []
    for codec in offered:
        place = next((place for place, mine in free.items() if mine.same_format(codec)), None)
        if place is not None:
            chosen.append((place, replace(codec, parameters=free.pop(place).parameters)))
    if own_preference:
        chosen.sort(key=lambda each: each[0])
    codecs = tuple(codec for _, codec in chosen)
    if all(codec.is_auxiliary for codec in codecs) and not _auxiliary_only(offered) and not _auxiliary_only(own):
        return ()
    return codecs


def _auxiliary_only(codecs: tuple[Codec, ...]) -> bool:
    return all(codec.is_auxiliary for codec in codecs)


def _answered(
    offer: SessionDescription, media: MediaDescription, match: _Match, connection: Connection | None
) -> MediaDescription:
    """The media description of a stream that we take, under a session level with `connection`."""
    stream = match.stream
    offered = offer.direction_of(media)
    if match.connection.is_multicast:
        return _joined(offer, media, match, offered)
    return stream.describe(
        replace(media.field, port=stream.port, port_count=1, formats=match.formats),
        match.codecs,
        stream.direction.within(offered.reversed),
        connections=() if match.connection == connection else (match.connection,),
        # Only where both want it do RTP and RTCP share a port (RFC 5761 5.1.1).
        rtcp_mux=stream.rtcp_mux and media.attribute("rtcp-mux") is not None,
        mid=media.mid,
    )


def _joined(
    offer: SessionDescription, media: MediaDescription, match: _Match, direction: Direction
) -> MediaDescription:
    """The same stream with the formats that we have: a multicast stream is answered as it is (RFC 3264 6.2)."""
    field = replace(media.field, formats=match.formats)
    ptime = media.attribute("ptime")
    same = replace(match.stream, ptime=None, maxptime=None, bandwidths=media.bandwidths, rtcp_port=None)
    described = same.describe(field, match.codecs, direction, connections=offer.connections_of(media), mid=media.mid)
    return described if ptime is None else described.with_attribute(Attribute("ptime", ptime.value))
