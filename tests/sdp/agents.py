"""Agents for the tests of offers and answers."""

from __future__ import annotations

from dataclasses import replace

from offhook.sdp.capabilities import Capabilities, StreamCapability
from offhook.sdp.codec import Codec, codecs_of
from offhook.sdp.fields import Connection, Origin
from offhook.sdp.session import SessionDescription

__all__ = ["DTMF", "G722", "OPUS", "PCMA", "PCMU", "agent", "audio", "capabilities_of", "media_lines"]

PCMU, PCMA, G722 = Codec("PCMU"), Codec("PCMA"), Codec("G722")
OPUS = Codec("opus", 48000, 2)
DTMF = Codec("telephone-event", parameters="0-15")


def audio(port: int = 4000, *codecs: Codec, **options: object) -> StreamCapability:
    """An audio stream; PCMU and PCMA when no codec is named."""
    return replace(StreamCapability("audio", port, codecs or (PCMU, PCMA)), **options)  # type: ignore[arg-type]


def agent(*streams: StreamCapability, address: str = "192.0.2.1", also: tuple[str, ...] = ()) -> Capabilities:
    """An agent at this address (and others) with these streams."""
    connections = tuple(Connection.to(each) for each in (address, *also))
    return Capabilities(Origin.of(address, 1000, 1), connections, streams)


def capabilities_of(description: SessionDescription) -> Capabilities:
    """What an agent that gave this description is able to do and wants, as far as the description shows."""
    streams = tuple(
        StreamCapability(
            media.media,
            media.port,
            codecs_of(media),
            proto=media.proto,
            direction=description.direction_of(media),
            connection=media.connection,
        )
        for media in description.media
    )
    connections = () if description.connection is None else (description.connection,)
    return Capabilities(description.origin, connections, streams, description.session_name)


def media_lines(description: SessionDescription) -> list[list[str]]:
    """The lines of each media description."""
    return [[f"{line.type}={line.value}" for line in media.lines] for media in description.media]
