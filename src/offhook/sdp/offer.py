"""Making an offer (RFC 3264 sections 5, 8 and 9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from offhook.errors import InvalidState
from offhook.sdp.attributes import Attribute
from offhook.sdp.capabilities import Capabilities, StreamCapability
from offhook.sdp.codec import Codec, free_payload_type
from offhook.sdp.fields import Connection, MediaField
from offhook.sdp.negotiated import NegotiatedSession
from offhook.sdp.session import MediaDescription, SessionDescription

__all__ = ["describe_capabilities", "disabled_media", "make_offer", "with_version"]


def make_offer(
    capabilities: Capabilities, session: NegotiatedSession | None = None, *, version: int | None = None
) -> SessionDescription:
    """The offer of these capabilities; inside a session the offer that modifies it.

    Each m= line of the session keeps its place; one that no capability claims is disabled with port zero, and new
    streams come behind all others (RFC 3264 8, 8.1, 8.2). Payload types keep their meaning (8.3.2). The version is
    counted up by one, unless nothing else changed. `version` is the one of the last description that we sent, when
    that is later than the session's: an offer that was refused. Raises InvalidState for capabilities that contradict
    themselves.
    """
    connection = next(iter(capabilities.connections), None)
    previous = session.local.media if session else ()
    slots = _slots(capabilities.streams, previous)
    description = SessionDescription.build(
        capabilities.origin,
        session_name=capabilities.session_name,
        connection=connection,
        bandwidths=capabilities.bandwidths,
        attributes=capabilities.attributes,
        media=[
            disabled_media(previous[index]) if stream is None else _offered(stream, connection, session, index)
            for index, stream in enumerate(slots)
        ],
    )
    return with_version(description, session, version)


def _offered(
    stream: StreamCapability, connection: Connection | None, session: NegotiatedSession | None, index: int
) -> MediaDescription:
    """The media description of one m= line, under a session level with `connection`."""
    previous = session.local.media[index] if session and index < len(session.local.media) else None
    codecs = _numbered(stream.codecs, session.streams[index].bindings if session and previous else ())
    return stream.describe(
        _media_field(stream, codecs, stream.port),
        codecs,
        stream.direction,
        connections=() if stream.connection is None or stream.connection == connection else (stream.connection,),
        rtcp_mux=stream.rtcp_mux,
        mid=None if previous is None else previous.mid,
    )


def describe_capabilities(capabilities: Capabilities) -> SessionDescription:
    """What we can do, for the answer to OPTIONS (RFC 3264 section 9): every stream with port zero."""
    media: list[MediaDescription] = []
    for stream in capabilities.streams:
        codecs = _numbered(stream.codecs, ())
        bare = StreamCapability(stream.media, 0, proto=stream.proto)
        media.append(bare.describe(_media_field(stream, codecs, 0), codecs, stream.direction))
    return SessionDescription.build(
        capabilities.origin,
        session_name=capabilities.session_name,
        connection=next(iter(capabilities.connections), None),
        media=media,
    )


def disabled_media(media: MediaDescription) -> MediaDescription:
    """What stands in the place of a stream that is removed or rejected; its mid stays (RFC 3264 8.2, RFC 5888 9.1)."""
    mid = [] if media.mid is None else [Attribute("mid", media.mid)]
    return MediaDescription.build(media.field.disabled, attributes=mid)


def with_version(
    description: SessionDescription, session: NegotiatedSession | None, version: int | None
) -> SessionDescription:
    """The description under the o= line of the session, its version counted up by one where anything else differs.

    `version` is the one of the last description sent, where the session's is older (RFC 3264 section 8).
    """
    if session is None:
        return description
    origin = session.local.origin
    last = origin.session_version if version is None else version
    same = description.with_origin(origin)
    if last == origin.session_version and same.serialize() == session.local.serialize():
        return same
    return description.with_origin(replace(origin, session_version=last + 1))


def _media_field(stream: StreamCapability, codecs: tuple[Codec, ...], port: int) -> MediaField:
    numbers = tuple(str(codec.payload_type) for codec in codecs)
    return MediaField(stream.media, port, stream.proto, numbers or stream.formats)


def _slots(
    streams: tuple[StreamCapability, ...], previous: tuple[MediaDescription, ...]
) -> list[StreamCapability | None]:
    """The stream of each m= line, None for one that is to be disabled. As many lines as before, or more."""
    taken: dict[int, StreamCapability] = {}
    for stream in streams:
        if stream.slot is not None and taken.setdefault(stream.slot, stream) is not stream:
            raise InvalidState(f"two streams claim the m= line {stream.slot}")
    waiting = [stream for stream in streams if stream.slot is None]
    for fits in _FITS:
        for stream in list(waiting):
            place = next((i for i, old in enumerate(previous) if i not in taken and fits(stream, old)), None)
            if place is not None:
                taken[place] = stream
                waiting.remove(stream)
    slots = [taken.pop(place, None) for place in range(len(previous))]
    while waiting or taken:
        claimed = taken.pop(len(slots), None)
        if claimed is None and not waiting:
            raise InvalidState(f"the m= line {min(taken)} is claimed, but nothing stands before it")
        slots.append(waiting.pop(0) if claimed is None else claimed)
    return slots


def _keeps_port(stream: StreamCapability, media: MediaDescription) -> bool:
    return bool(media.port) and _keeps_transport(stream, media) and stream.port == media.port


def _runs_alike(stream: StreamCapability, media: MediaDescription) -> bool:
    return bool(media.port) and _keeps_transport(stream, media)


def _runs(stream: StreamCapability, media: MediaDescription) -> bool:
    return bool(media.port) and stream.media == media.media


def _keeps_transport(stream: StreamCapability, media: MediaDescription) -> bool:
    return stream.media == media.media and stream.proto == media.proto


_FITS: Final[tuple[Callable[[StreamCapability, MediaDescription], bool], ...]] = (
    _keeps_port,
    _runs_alike,
    _runs,
    _keeps_transport,
)
"""Which m= line a stream takes, the best claim first; the last takes back one that was disabled (RFC 3264 8.1)."""


def _numbered(codecs: tuple[Codec, ...], bindings: tuple[Codec, ...]) -> tuple[Codec, ...]:
    """The codecs with payload types, none of which changes its meaning in the session (RFC 3264 8.3.2)."""
    wishes = [codec.payload_type for codec in codecs if codec.payload_type is not None]
    if len(set(wishes)) < len(wishes):
        raise InvalidState("two codecs claim the same payload type")
    bound = {binding.payload_type: binding for binding in bindings if binding.payload_type is not None}
    numbers: dict[int, int] = {}
    for place, codec in enumerate(codecs):
        number = _known_number(codec, bound, set(numbers.values()))
        if number is not None:
            numbers[place] = number
    for place in range(len(codecs)):
        if place not in numbers:
            number = free_payload_type({*bound, *numbers.values()})
            if number is None:
                raise InvalidState("no payload type is left for a codec")
            numbers[place] = number
    return tuple(codec.numbered(numbers[place]) for place, codec in enumerate(codecs))


def _known_number(codec: Codec, bound: dict[int, Codec], used: set[int]) -> int | None:
    """The number that the session, the capability or RFC 3551 gives to a codec, or None when it needs a new one."""
    wish = codec.static_payload_type if codec.payload_type is None else codec.payload_type
    known = [number for number, binding in bound.items() if number not in used and binding.same_format(codec)]
    if known:
        return wish if wish in known else known[0]
    return None if wish in used or wish in bound else wish
