"""The media sockets: an audio stream on a pair of UDP ports, in an asyncio event loop.

endpoint = await AudioEndpoint.open("192.0.2.1")
endpoint.configure(AudioParameters(remote=("192.0.2.2", 4000)))
await endpoint.play("hello.wav")
await endpoint.record("heard.wav")
...
await endpoint.close()
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from offhook import clock
from offhook.clock import Moment
from offhook.errors import TransportFailed
from offhook.ids import IdSource
from offhook.media.audio.samples import Samples, check_samples
from offhook.media.audio.source import ArraySource, AudioSource
from offhook.media.audio.wav import AudioFileError
from offhook.media.effects import DigitReceived, PeerLeft, PlaybackEnded, RemoteLatched, SendRtcp, SendRtp, StreamEffect
from offhook.media.parameters import AudioParameters
from offhook.media.rtp.session import Address
from offhook.media.statistics import StreamStatistics
from offhook.media.stream import CLOCK_RATE, AudioStream
from offhook.transport.audio_file import FilePlayback, Recording
from offhook.transport.ticker import Ticker

__all__ = ["DEFAULT_PORTS", "AudioEndpoint", "bind_pair", "even_ports"]

DEFAULT_PORTS: Final = range(16384, 32768)
"""Below Linux's range of ephemeral ports."""

DATAGRAM_OCTETS: Final = 4096
MAX_DRAIN: Final = 256
"""So many datagrams are taken at once: more than fit into a socket's default buffer, so that nothing that came while
the process was stopped counts as late."""

STEADY: Final = 0.05
"""Seconds; after a longer pause more than one datagram may wait."""

EXPEDITED_FORWARDING: Final = 46 << 2
"""The DSCP of telephony (RFC 4594 4.1), as the octet that carries it."""

_BUSY: Final = (errno.EADDRINUSE, errno.EACCES)

_log = logging.getLogger(__name__)


def bind_pair(host: str, ports: range, first: int) -> tuple[socket.socket, socket.socket]:
    """Two bound sockets: RTP on an even port, RTCP on the next (RFC 3550 11), both non-blocking.

    `host` is numeric. The pairs of `ports` are tried in turn, from the one numbered `first` on. Raises TransportFailed
    when none is free or the address is not this machine's, ValueError when the range holds no pair.
    """
    evens = even_ports(ports)
    for step in range(len(evens)):
        port = evens[(first + step) % len(evens)]
        rtp = _bind(host, port)
        if rtp is None:
            continue
        rtcp = _bind(host, port + 1)
        if rtcp is not None:
            return rtp, rtcp
        rtp.close()
    raise TransportFailed(f"no free pair of RTP ports on {host} in {ports.start}-{ports.stop - 1}")


def even_ports(ports: range) -> range:
    """The even ports of the pairs in a range. Raises ValueError when there is none."""
    evens = range(ports.start + ports.start % 2, ports.stop - 1, 2)
    if not evens:
        raise ValueError(f"no pair of an even and an odd port in {ports.start}-{ports.stop - 1}")
    return evens


def _bind(host: str, port: int) -> socket.socket | None:
    """A bound socket, or None when the port is not to be had."""
    is_v6 = ip_address(host).version == 6
    sock = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if is_v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        with contextlib.suppress(OSError):
            # A wish to the network, nothing depends on it.
            if is_v6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, EXPEDITED_FORWARDING)
            else:
                sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED_FORWARDING)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        if error.errno in _BUSY:
            return None
        raise TransportFailed(f"cannot open an RTP port on {host}: {error.strerror}") from error
    return sock


class AudioEndpoint:
    """One end of an audio stream: its sockets, its clock, its files.

    The hooks are called from the event loop, and must not block: `on_end_of_playback` when the last sample was sent,
    `on_digit` with a DTMF digit and its seconds, `on_heard` when audio begins to come from an address, before the first
    of it is handed to a recording, `on_file_failed` when a file being played or recorded fails (the
    stream goes on without it), `on_peer_left` when the peer said goodbye over RTCP.
    """

    def __init__(
        self, rtp: socket.socket, rtcp: socket.socket, stream: AudioStream, ticker: Ticker | None = None
    ) -> None:
        """Many streams share one `ticker`."""
        self._rtp = rtp
        self._rtcp = rtcp
        self._stream = stream
        self._loop = asyncio.get_running_loop()
        self._ticker = Ticker() if ticker is None else ticker
        self._waits = False
        self._deadline = 0.0
        self._received = 0.0
        self._playback: FilePlayback | None = None
        self._recording: Recording | None = None
        self._closed = False
        self._next: tuple[socket.socket, socket.socket] | None = None
        self._old: tuple[socket.socket, socket.socket] | None = None
        self.local_host: str = rtp.getsockname()[0]
        self.local_port: int = rtp.getsockname()[1]
        self.local_rtcp_port: int = rtcp.getsockname()[1]
        self.send_failures = 0
        self.on_end_of_playback: Callable[[], None] | None = None
        self.on_digit: Callable[[str, float], None] | None = None
        self.on_heard: Callable[[], None] | None = None
        self.on_file_failed: Callable[[AudioFileError], None] | None = None
        self.on_peer_left: Callable[[], None] | None = None
        self._read(rtp, rtcp)

    @classmethod
    async def open(
        cls,
        local_host: str,
        *,
        ports: range = DEFAULT_PORTS,
        ids: IdSource | None = None,
        cname: str | None = None,
        symmetric: bool = True,
    ) -> Self:
        """Bind a free pair of ports on a numeric local address.

        The search begins at a random pair, so that the late packets of one call do not reach the next. Raises
        TransportFailed when no pair is free or the address is not this machine's.
        """
        ids = IdSource() if ids is None else ids
        rtp, rtcp = bind_pair(local_host, ports, ids.number(1 << 16))
        return cls(rtp, rtcp, AudioStream(ids, clock.now(), cname=cname, symmetric=symmetric))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # What the owner asks for.

    @property
    def parameters(self) -> AudioParameters:
        """What is in force."""
        return self._stream.parameters

    def configure(self, parameters: AudioParameters) -> None:
        """Take what offer and answer have agreed on, the first time or again."""
        self._stream.configure(parameters, clock.now())
        self._perform()
        self._schedule()

    @property
    def offered_port(self) -> int:
        """The port where RTP is wanted: the one of the further pair, if it listens at one."""
        port: int = self.local_port if self._next is None else self._next[0].getsockname()[1]
        return port

    def listen_at(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        """Listen at a further pair of sockets too, which is offered to the peer.

        What is sent goes the old way until `move`; `stay` gives the further pair up. The old pair is heard until media
        come to the new one (RFC 3264 8.3.1).
        """
        self.stay()
        self._next = rtp, rtcp
        self._read(rtp, rtcp)

    def move(self) -> None:
        """The peer has taken the offer: what is sent goes over the further pair from now on."""
        if self._next is not None:
            self._leave()
            self._old = self._rtp, self._rtcp
            (self._rtp, self._rtcp), self._next = self._next, None
            self.local_host, self.local_port = self._rtp.getsockname()[:2]
            self.local_rtcp_port = self._rtcp.getsockname()[1]

    def stay(self) -> None:
        """Nothing comes of the further pair."""
        if self._next is not None:
            self._shut(*self._next)
            self._next = None

    async def play(self, source: str | Path | Samples) -> None:
        """Send a file or samples (8000 Hz) from now on, then silence; what was being played is broken off.

        Raises AudioFileError for a file that cannot be read, ValueError for an array that is not `Samples`.
        """
        if isinstance(source, str | Path):
            playback = await FilePlayback.open(source, CLOCK_RATE)
            if self._closed:
                playback.close()
                return
            self.stop_playing()
            self._playback = playback
            self._stream.play(playback)
            return
        check_samples(source)
        self.stop_playing()
        self._stream.play(ArraySource(source))

    def stop_playing(self) -> None:
        """Send silence from now on."""
        self._stream.play(None)
        if self._playback is not None:
            self._playback.close()
            self._playback = None

    async def record(self, path: str | Path) -> None:
        """Write what is received to a WAV file from now on; silence stands where nothing came.

        A recording that runs is ended first. Raises AudioFileError when the file cannot be made.
        """
        recording = await Recording.open(path, CLOCK_RATE, self._file_failed)
        if self._closed:
            await recording.close()
            return
        before, self._recording = self._recording, recording
        self._stream.listen(recording, clock.now())
        self._schedule()
        if before is not None:
            await before.close()

    async def stop_recording(self) -> None:
        """End the recording, if one runs: its file is whole when this returns."""
        recording = self._recording
        if recording is not None:
            self._recording = None
            self._stream.listen(None, clock.now())
            await recording.close()

    def send_digits(self, digits: str, *, duration: float = 0.1, pause: float = 0.06) -> None:
        """Send DTMF digits as telephone events; see `AudioStream.send_digits`."""
        self._stream.send_digits(digits, duration=duration, pause=pause)

    def statistics(self) -> StreamStatistics:
        """The stream's numbers."""
        return self._stream.statistics()

    async def close(self) -> None:
        """Say goodbye over RTCP, give the ports back and finish the recording."""
        if self._closed:
            return
        self._closed = True
        self._stream.close(clock.now())
        self._perform()
        self.stay()
        self._leave()
        self._shut(self._rtp, self._rtcp)
        self.stop_playing()
        await self.stop_recording()

    def _read(self, rtp: socket.socket, rtcp: socket.socket) -> None:
        self._loop.add_reader(rtp.fileno(), self._receive, rtp, self._stream.receive_rtp)
        self._loop.add_reader(rtcp.fileno(), self._receive, rtcp, self._stream.receive_rtcp)

    def _leave(self) -> None:
        """Listen no longer where we were."""
        if self._old is not None:
            self._shut(*self._old)
            self._old = None

    def _shut(self, *sockets: socket.socket) -> None:
        for sock in sockets:
            self._loop.remove_reader(sock.fileno())
            sock.close()

    # What the loop brings.

    def _receive(self, sock: socket.socket, receive: Callable[[bytes, Address, Moment], None]) -> None:
        now = clock.now()
        # Packets of a call come one by one: to look for a second each time costs more than to be called again.
        most = 1 if now.monotonic - self._received < STEADY else MAX_DRAIN
        self._received = now.monotonic
        for _ in range(most):
            try:
                data, source = sock.recvfrom(DATAGRAM_OCTETS)
            except BlockingIOError:
                break
            except OSError:
                # An ICMP error of something that was sent: nothing was received.
                continue
            receive(data, (source[0], source[1]), now)
            if sock is self._rtp:
                self._leave()
        self._perform()

    def _tick(self) -> None:
        self._waits = False
        now = clock.now()
        early = self._deadline - now.monotonic
        try:
            self._stream.advance(Moment(self._deadline, now.wall + early) if early > 0 else now)
            self._perform()
        finally:
            self._schedule()

    def _schedule(self) -> None:
        """Wait for the stream's own deadline: what one tick is late does not delay the next."""
        if self._waits or self._closed:
            return
        deadline = self._stream.next_deadline()
        if deadline is not None:
            self._deadline = deadline
            self._waits = True
            self._ticker.start(deadline, self._tick)

    def _perform(self) -> None:
        for effect in self._stream.drain():
            match effect:
                case SendRtp():
                    self._send(self._rtp, effect.data, effect.destination)
                case SendRtcp():
                    sock = self._rtp if self._stream.parameters.rtcp_mux else self._rtcp
                    self._send(sock, effect.data, effect.destination)
                case _:
                    self._tell(effect)

    def _send(self, sock: socket.socket, data: bytes, destination: Address) -> None:
        try:
            sock.sendto(data, destination)
        except BlockingIOError:
            self.send_failures += 1
        except OSError as error:
            self.send_failures += 1
            if self.send_failures == 1:
                _log.warning("cannot send audio to %s port %d: %s", *destination[:2], error.strerror)

    def _tell(self, effect: StreamEffect) -> None:
        match effect:
            case PlaybackEnded():
                self._playback_ended(effect.source)
            case DigitReceived():
                self._call(self.on_digit, effect.digit, effect.duration)
            case PeerLeft():
                self._call(self.on_peer_left)
            case RemoteLatched():
                _log.debug("audio is heard from %s port %d", *effect.address[:2])
                self._call(self.on_heard)

    def _playback_ended(self, source: AudioSource) -> None:
        if isinstance(source, FilePlayback):
            if source is self._playback:
                self._playback = None
            source.close()
            if source.failure is not None:
                self._file_failed(source.failure)
        self._call(self.on_end_of_playback)

    def _file_failed(self, error: AudioFileError) -> None:
        _log.error("audio file failed: %s", error)
        self._call(self.on_file_failed, error)

    def _call(self, hook: Callable[..., None] | None, *arguments: object) -> None:
        """Call a hook of the user's; its errors are its own, the stream goes on."""
        if hook is not None:
            try:
                hook(*arguments)
            except Exception:
                _log.exception("a hook of the audio endpoint failed")
