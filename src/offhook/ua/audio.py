"""The audio of calls: media ports of the core over the sockets of `offhook.transport.rtp`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from socket import socket
from typing import Any, Final, TypeAlias

from offhook import clock
from offhook.errors import InvalidState, ResolveFailed, SipError, TransportFailed
from offhook.ids import IdSource
from offhook.media.audio.samples import Samples, check_samples
from offhook.media.audio.wav import AudioFileError, check_writable
from offhook.media.codecs.codec import CODECS
from offhook.media.parameters import MAX_PTIME, AudioParameters
from offhook.media.statistics import StreamStatistics
from offhook.media.stream import CLOCK_RATE, AudioStream
from offhook.sdp.codec import TELEPHONE_EVENT, Codec
from offhook.sdp.fields import Connection, Origin
from offhook.sdp.negotiate import (
    Capabilities,
    NegotiatedSession,
    NegotiatedStream,
    StreamCapability,
    TransportAddress,
)
from offhook.sip.host import is_ip_address
from offhook.transport.audio_file import FilePlayback
from offhook.transport.rtp import DEFAULT_PORTS, AudioEndpoint, bind_pair
from offhook.transport.ticker import Ticker

__all__ = [
    "AudioPort",
    "AudioProvider",
    "LookUp",
    "Playable",
    "Spawn",
    "audio_parameters",
    "check_playable",
    "check_recordable",
]

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, None]], Callable[[], Awaitable[None]]]
"""Runs a coroutine beside everything else; what it gives waits for its end."""

LookUp: TypeAlias = Callable[[str, str], Awaitable[list[str]]]
"""From a host name and our own numeric address to the numeric ones of the same family. Raises ResolveFailed."""

Playable: TypeAlias = str | Path | Samples
"""What can be played: the name of an audio file, or samples of 8000 Hz."""

TELEPHONE_EVENTS: Final = 101
OFFERED: Final = (
    *[Codec(name, CLOCK_RATE) for name in CODECS],
    Codec(TELEPHONE_EVENT, CLOCK_RATE, 1, TELEPHONE_EVENTS, "0-15"),
)
LISTENING: Final = AudioParameters(direction="recvonly", telephone_event_receive=TELEPHONE_EVENTS)
"""What runs while an offer of ours has no answer yet: its sender must be ready to hear all of it (RFC 3264 5.1)."""
SHORTEST_PTIME: Final = 0.01
USUAL_PTIME: Final = 20.0
"""Milliseconds, where the peer wishes for nothing (RFC 3551 4.2)."""


async def check_recordable(path: str | Path | None, played: Playable | None = None) -> None:
    """See whether a file could be recorded into, without touching it.

    Raises AudioFileError; so it does for the file that is to be `played`, which would be emptied.
    """
    if path is not None:
        await asyncio.to_thread(check_writable, path, played if isinstance(played, str | Path) else None)


async def check_playable(source: Playable | None) -> None:
    """Open a file that is to be played later and close it again.

    Raises AudioFileError, and ValueError for an array that is not `Samples`.
    """
    if isinstance(source, str | Path):
        (await FilePlayback.open(source, CLOCK_RATE)).close()
    elif source is not None:
        check_samples(source)


def audio_parameters(stream: NegotiatedStream | None, addresses: Mapping[str, str]) -> AudioParameters:
    """What an audio stream runs with. `addresses` has those of hosts that the peer's description gives by name."""
    if stream is None or not stream.enabled or stream.codec is None or stream.codec.payload_type is None:
        return AudioParameters(direction="inactive")
    event = stream.telephone_event
    heard = {codec.payload_type: codec for codec in stream.receive if codec.payload_type is not None}
    return AudioParameters(
        remote=_numeric(stream.remote, addresses),
        remote_rtcp=_numeric(stream.remote_rtcp, addresses),
        send_codec=stream.codec.encoding,
        send_payload_type=stream.codec.payload_type,
        receive_codecs={number: codec.encoding for number, codec in heard.items() if not codec.is_auxiliary},
        telephone_event_send=None if event is None else event.payload_type,
        telephone_event_receive=next((number for number, codec in heard.items() if codec.is_telephone_event), None),
        direction=stream.direction.value,
        ptime=min(max(_packet_time(stream) / 1000, SHORTEST_PTIME), MAX_PTIME),
        rtcp_mux=stream.rtcp_mux,
    )


def _packet_time(stream: NegotiatedStream) -> float:
    """Milliseconds of audio in a packet: what the peer would like, and never more than it takes (RFC 8866 6.4, 6.5)."""
    wanted = USUAL_PTIME if stream.ptime is None else stream.ptime
    return wanted if stream.maxptime is None else min(wanted, stream.maxptime)


def _numeric(address: TransportAddress | None, addresses: Mapping[str, str]) -> tuple[str, int] | None:
    if address is None:
        return None
    host = addresses.get(address.host, address.host)
    return (host, address.port) if is_ip_address(host) else None


class AudioProvider:
    """Gives out audio ports. `ports` are the UDP ports to use."""

    def __init__(self, ids: IdSource, spawn: Spawn, look_up: LookUp, ports: range = DEFAULT_PORTS) -> None:
        self.ids = ids
        self.spawn = spawn
        self.look_up = look_up
        self.ports = ports
        self.ticker = Ticker()

    def port(self) -> AudioPort:
        """A port for one more call."""
        return AudioPort(self)

    def abilities(self, shown: str) -> Capabilities:
        """What a port can do."""
        return _capabilities(shown, self.ports.start, self.ids.number(1 << 53))


class AudioPort:
    """The audio of one call; see `MediaPort`. `on_digit` is told of each DTMF digit and its seconds.

    `file_failure` is what went wrong with a file while it was played or recorded.
    """

    def __init__(self, provider: AudioProvider) -> None:
        self.on_digit: Callable[[str, float], None] | None = None
        self.file_failure: AudioFileError | None = None
        self._provider = provider
        self._session_id = provider.ids.number(1 << 53)
        self._endpoint: AudioEndpoint | None = None
        self._local = ""
        self._next_local = ""
        self._stream: NegotiatedStream | None = None
        self._addresses: dict[str, str] = {}
        self._closed = False
        self._closing: list[Callable[[], Awaitable[None]]] = []
        self._recording = ""
        self._begun: Callable[[], Awaitable[None]] | None = None
        self._failure: SipError | None = None

    # What the core asks for (MediaPort)

    def capabilities(self, local: str, shown: str) -> Capabilities:
        return _capabilities(shown, self._bind(local).offered_port, self._session_id)

    def apply(self, session: NegotiatedSession) -> None:
        if self._endpoint is not None and self._next_local:
            self._endpoint.move()
            self._local, self._next_local = self._next_local, ""
        self._stream = next((stream for stream in session.streams if stream.media == "audio" and stream.enabled), None)
        self._configure()
        remote = None if self._stream is None else self._stream.remote
        if remote is not None and not is_ip_address(remote.host) and remote.host not in self._addresses:
            self._provider.spawn(self._look_up(remote.host))

    def close(self) -> None:
        self._closed = True
        self._release()

    # What the call's owner asks for

    async def play(self, source: Playable) -> None:
        """Play from now on. Raises AudioFileError, and InvalidState when there is no audio."""
        await self._open().play(source)

    def stop_playing(self) -> None:
        """Be silent from now on."""
        if self._endpoint is not None:
            self._endpoint.stop_playing()

    def record_when_heard(self, path: str | Path) -> None:
        """Record from the first sound of the peer's on, which may come before the answer; `record` goes on with it."""
        self._recording = str(path)

    async def record(self, path: str | Path) -> None:
        """Record what is heard from now on. Raises AudioFileError, and InvalidState when there is no audio."""
        begun, self._begun = self._begun, None
        early, self._recording = self._recording, ""
        if begun is not None:
            await begun()
            if early == str(path):
                if self._failure is not None:
                    raise self._failure
                return
        await self._open().record(path)

    def send_digits(self, digits: str) -> None:
        """Send DTMF digits. Raises InvalidState when the peer takes none, ValueError for what is no digit."""
        self._open().send_digits(digits)

    def statistics(self) -> StreamStatistics:
        """The stream's numbers. Raises InvalidState when there is no audio."""
        return self._open().statistics()

    async def closed(self) -> None:
        """Wait until a recording is whole on the disk."""
        for closing in self._closing:
            await closing()

    # Within

    def _bind(self, local: str) -> AudioEndpoint:
        if self._closed:
            raise TransportFailed("the call's audio is closed")
        endpoint = self._endpoint
        if endpoint is not None and self._local == local:
            endpoint.stay()
            self._next_local = ""
            return endpoint
        if endpoint is not None and self._stream is not None:
            # What runs stays where it is until the peer agrees to another place.
            if self._next_local != local:
                endpoint.listen_at(*self._pair(local))
                self._next_local = local
            return endpoint
        self._release()
        rtp, rtcp = self._pair(local)
        self._local = local
        self._endpoint = endpoint = AudioEndpoint(
            rtp, rtcp, AudioStream(self._provider.ids, clock.now()), self._provider.ticker
        )
        endpoint.on_digit = self._digit
        endpoint.on_heard = self._heard
        endpoint.on_file_failed = self._file_failed
        endpoint.configure(LISTENING)
        return endpoint

    def _pair(self, local: str) -> tuple[socket, socket]:
        provider = self._provider
        return bind_pair(local, provider.ports, provider.ids.number(1 << 16))

    def _release(self) -> None:
        self._next_local = ""
        if self._endpoint is not None:
            self._closing.append(self._provider.spawn(self._endpoint.close()))
            self._endpoint = None
            self._begun = None

    def _open(self) -> AudioEndpoint:
        if self._endpoint is None:
            raise InvalidState("the call has no audio")
        return self._endpoint

    def _configure(self) -> None:
        if self._endpoint is not None:
            self._endpoint.configure(audio_parameters(self._stream, self._addresses))

    def _digit(self, digit: str, seconds: float) -> None:
        if self.on_digit is not None:
            self.on_digit(digit, seconds)

    def _file_failed(self, error: AudioFileError) -> None:
        self.file_failure = error

    def _heard(self) -> None:
        if self._recording and self._begun is None and self._endpoint is not None:
            self._begun = self._provider.spawn(self._begin_recording(self._endpoint, self._recording))

    async def _begin_recording(self, endpoint: AudioEndpoint, path: str) -> None:
        try:
            await endpoint.record(path)
        except SipError as error:
            # Told to whoever asks for the recording once the call stands.
            self._failure = error

    async def _look_up(self, host: str) -> None:
        try:
            found = await self._provider.look_up(host, self._local)
        except ResolveFailed:
            found = []
        if found:
            self._addresses[host] = found[0]
            self._configure()
        # Else the peer hears nothing from us, unless its own audio comes first and shows its address.


def _capabilities(shown: str, port: int, session_id: int) -> Capabilities:
    connection = Connection.to(shown)
    return Capabilities(Origin.of(shown, session_id, 1), (connection,), (StreamCapability("audio", port, OFFERED),))
