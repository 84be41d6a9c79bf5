"""One audio stream of a call, as a state machine without I/O.

Datagrams and the time go in; datagrams, events and the next deadline come out:

    stream.configure(parameters, now)
    stream.receive_rtp(data, source, now)   stream.receive_rtcp(data, source, now)
    stream.next_deadline()   stream.advance(now)
    for effect in stream.drain(): ...

From tick to tick (`Pacing`) one packet is sent and as much received audio is handed to the listener, so what is
recorded lasts exactly as long as it took.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from offhook.clock import Moment
from offhook.errors import InvalidState, ParseError
from offhook.ids import IdSource
from offhook.media.audio.samples import Samples, silence
from offhook.media.audio.source import AudioSink, AudioSource
from offhook.media.codecs.codec import AudioCodec
from offhook.media.codecs.telephone_event import DIGITS, EventReceiver, EventSender
from offhook.media.effects import (
    DigitReceived,
    PeerLeft,
    PlaybackEnded,
    RemoteLatched,
    SendRtcp,
    SendRtp,
    StreamEffect,
)
from offhook.media.pacing import Pacing
from offhook.media.parameters import AudioParameters
from offhook.media.rtp.jitter_buffer import JitterBuffer
from offhook.media.rtp.packet import RtpPacket, is_rtcp
from offhook.media.rtp.session import Address, RtpSession
from offhook.media.rtp.symmetric import SymmetricLatch
from offhook.media.statistics import StreamStatistics

__all__ = ["CLOCK_RATE", "AudioStream"]

CLOCK_RATE: Final = 8000
BANDWIDTH: Final = 10000.0
"""Octets a second of G.711 at 20 ms, with the headers of RTP, UDP and IPv4."""

MAX_BURST: Final = 3
"""So many missed ticks are made up for; beyond that the stream skips to the present."""

HANDOVER_SECONDS: Final = 0.1
"""A second source is heard when the first has been silent for so long."""


class AudioStream:
    """A two-way stream of G.711 audio with RTCP, symmetric RTP and telephone events.

    `cname` names this end in RTCP; without one it is random (RFC 7022 4.2). `symmetric` off sends only to the signalled
    address and hears nothing else. The playout delay lies between `minimum_delay` and `maximum_delay`, in seconds.
    """

    __slots__ = (
        "_active",
        "_closed",
        "_codecs",
        "_digits_in",
        "_digits_out",
        "_effects",
        "_encoder",
        "_invalid",
        "_jitter",
        "_latch",
        "_marker",
        "_pacing",
        "_parameters",
        "_running",
        "_session",
        "_sink",
        "_source",
    )

    def __init__(
        self,
        ids: IdSource,
        now: Moment,
        *,
        cname: str | None = None,
        symmetric: bool = True,
        minimum_delay: float = 0.04,
        maximum_delay: float = 0.24,
    ) -> None:
        name = ids.call_id() if cname is None else cname
        self._session = RtpSession(ids, name, now, clock_rate=CLOCK_RATE, bandwidth=BANDWIDTH)
        self._latch = SymmetricLatch(symmetric=symmetric)
        self._jitter = JitterBuffer(CLOCK_RATE, minimum=minimum_delay, maximum=maximum_delay)
        self._parameters = AudioParameters(direction="inactive")
        self._codecs: dict[int, AudioCodec] = {}
        self._encoder: AudioCodec = self._parameters.sending()
        self._pacing = Pacing(now.monotonic, int(0.02 * CLOCK_RATE), CLOCK_RATE)
        self._digits_in = EventReceiver()
        self._digits_out = EventSender()
        self._source: AudioSource | None = None
        self._sink: AudioSink | None = None
        self._effects: list[StreamEffect] = []
        self._active: int | None = None
        self._marker = True
        self._running = False
        self._closed = False
        self._invalid = 0

    # What the owner asks for.

    @property
    def parameters(self) -> AudioParameters:
        """What is in force; before the first `configure` nothing is sent or heard."""
        return self._parameters

    def configure(self, parameters: AudioParameters, now: Moment) -> None:
        """Take what offer and answer have agreed on, the first time or again (a hold, another codec or address).

        SSRC, sequence numbers and timestamps go on as they were.
        """
        self._parameters = parameters
        self._codecs = parameters.receiving()
        self._encoder = parameters.sending()
        self._latch.signal(parameters.remote, parameters.rtcp_destination, now.monotonic)
        self._pacing.change(round(parameters.ptime * CLOCK_RATE))
        if not parameters.receives:
            self._jitter.reset()
        if not parameters.sends:
            self._marker = True
        self._run(now)

    def play(self, source: AudioSource | None) -> None:
        """Send this from now on, instead of what was being sent; None is silence.

        While the stream may not send, the source waits.
        """
        self._source = source

    def listen(self, sink: AudioSink | None, now: Moment) -> None:
        """Hand what is received to `sink` from now on, or to nobody."""
        self._sink = sink
        self._run(now)

    def send_digits(self, digits: str, *, duration: float = 0.1, pause: float = 0.06) -> None:
        """Send DTMF digits after those that wait already; `duration` and `pause` of each in seconds (at most 8).

        Raises InvalidState when the peer takes no telephone events, ValueError for what is no digit.
        """
        if self._parameters.telephone_event_send is None:
            raise InvalidState("the peer takes no telephone events (RFC 4733)")
        self._digits_out.queue(digits, round(duration * CLOCK_RATE), round(pause * CLOCK_RATE))

    def close(self, now: Moment) -> None:
        """Say goodbye; nothing is sent or heard after the next `drain`."""
        if not self._closed:
            self._session.leave(now)
            self._collect_rtcp()
        self._closed = True

    def drain(self) -> list[StreamEffect]:
        """What is to be done, in order, since the last call."""
        effects = self._effects
        self._effects = []
        return effects

    # What the network brings.

    def receive_rtp(self, data: bytes, source: Address, now: Moment) -> None:
        """Take a datagram from the RTP port."""
        if self._closed:
            return
        if self._parameters.rtcp_mux and is_rtcp(data):
            self.receive_rtcp(data, source, now)
            return
        try:
            packet = RtpPacket.parse(data)
        except ParseError:
            self._invalid += 1
            return
        if packet.payload_type not in self._codecs and packet.payload_type != self._parameters.telephone_event_receive:
            self._invalid += 1
            return
        before = self._latch.latched
        if not self._latch.accept(packet, source, now.monotonic):
            return
        if before != source:
            self._effects.append(RemoteLatched(source))
        for valid in self._session.receive(packet, source, now):
            self._deliver(valid, now)
        self._collect_rtcp()

    def receive_rtcp(self, data: bytes, source: Address, now: Moment) -> None:
        """Take a datagram from the RTCP port."""
        if self._closed or not self._latch.accept_rtcp(source):
            return
        try:
            gone = self._session.receive_rtcp(data, source, now)
        except ParseError:
            self._invalid += 1
            return
        self._latch.latch_rtcp(source)
        if self._active in gone:
            self._effects.append(PeerLeft(self._active))
            self._active = None
        self._collect_rtcp()

    def _deliver(self, packet: RtpPacket, now: Moment) -> None:
        if not self._parameters.receives or not self._is_active(packet.ssrc, now):
            return
        codec = self._codecs.get(packet.payload_type)
        if codec is not None:
            self._jitter.insert(packet.timestamp, packet.payload, codec)
            return
        try:
            ended = self._digits_in.receive(packet.payload, packet.timestamp, now.monotonic)
        except ParseError:
            self._invalid += 1
            return
        self._report_digits(ended)

    def _is_active(self, ssrc: int, now: Moment) -> bool:
        """Whether the source is the one that is heard; it becomes so when there is none, or none that speaks."""
        if ssrc == self._active:
            return True
        current = None if self._active is None else self._session.sources.get(self._active)
        if current is not None and now.monotonic - (current.last_rtp or 0.0) < HANDOVER_SECONDS:
            return False
        self._active = ssrc
        self._jitter.reset()
        self._digits_in = EventReceiver()
        return True

    def _report_digits(self, ended: list[tuple[int, int]]) -> None:
        for event, duration in ended:
            # Other events than DTMF are not offered in our session descriptions; some gateways send them all the same.
            if event < len(DIGITS):
                self._effects.append(DigitReceived(DIGITS[event], duration / CLOCK_RATE))

    # What time brings.

    def next_deadline(self) -> float | None:
        """The monotonic second at which `advance` has something to do; None when only input changes anything."""
        if not self._running or self._closed:
            return None
        deadlines = (self._pacing.deadline(), self._session.next_deadline(), self._digits_in.next_deadline())
        return min(deadline for deadline in deadlines if deadline is not None)

    def advance(self, now: Moment) -> None:
        """Do what is due."""
        if not self._running or self._closed:
            return
        self._report_digits(self._digits_in.advance(now.monotonic))
        self._session.advance(now)
        first = self._pacing.position
        due = self._pacing.take(now.monotonic)
        frame = self._pacing.frame
        self._hear(due * frame)
        if due > MAX_BURST:
            # The process was stopped for a while. The peer has played silence meanwhile: a burst would only delay all
            # that follows, so what was missed is left out and the timestamps say so.
            self._marker = True
            self._send_frame(first + (due - 1) * frame, now)
        else:
            for tick in range(due):
                self._send_frame(first + tick * frame, now)
        self._collect_rtcp()

    def _run(self, now: Moment) -> None:
        """Begin to tick, from the present."""
        if not self._running:
            self._running = True
            self._pacing.take(now.monotonic)

    def _hear(self, count: int) -> None:
        while count:
            samples = self._jitter.read(min(count, CLOCK_RATE))
            if self._sink is not None:
                self._sink.write(samples)
            count -= len(samples)

    def _send_frame(self, position: int, now: Moment) -> None:
        destination = self._latch.destination
        if destination is None or not self._parameters.sends:
            self._marker = True
            return
        event_type = self._parameters.telephone_event_send
        event = None if event_type is None else self._digits_out.next(position, self._pacing.frame)
        if event is not None and event_type is not None:
            data = self._session.send(event_type, event.position, event.payload, event.marker, now)
        else:
            payload = self._encoder.encode(self._next_frame())
            data = self._session.send(self._parameters.send_payload_type, position, payload, self._marker, now)
            # RFC 3551 4.1: the first packet after silence, during which nothing was sent.
            self._marker = False
        self._effects.append(SendRtp(data, destination))

    def _next_frame(self) -> Samples:
        frame = self._pacing.frame
        source = self._source
        if source is None:
            return silence(frame)
        samples = source.read(frame)
        if source.ended:
            self._source = None
            self._effects.append(PlaybackEnded(source))
        if len(samples) < frame:
            samples = np.concatenate((samples, silence(frame - len(samples))))
        return samples

    def _collect_rtcp(self) -> None:
        outgoing = self._session.take_rtcp()
        destination = self._latch.destination if self._parameters.rtcp_mux else self._latch.rtcp_destination
        if destination is not None:
            self._effects += [SendRtcp(data, destination) for data in outgoing]

    # What was counted.

    def statistics(self) -> StreamStatistics:
        """The stream's numbers."""
        session = self._session
        source = None if self._active is None else session.sources.get(self._active)
        sequence = None if source is None else source.sequence
        report = session.remote_report
        return StreamStatistics(
            packets_sent=session.sent_packets,
            octets_sent=session.sent_octets,
            packets_received=0 if sequence is None else sequence.received,
            packets_lost=0 if sequence is None else sequence.lost,
            packets_late=self._jitter.late,
            packets_duplicate=self._jitter.duplicates,
            packets_rejected=self._latch.rejected,
            packets_invalid=self._invalid,
            jitter=0.0 if source is None else source.jitter / CLOCK_RATE,
            concealed=self._jitter.concealed / CLOCK_RATE,
            playout_delay=self._jitter.delay,
            collisions=session.collisions,
            round_trip=session.round_trip,
            remote_loss=None if report is None else report.fraction_lost / 256,
            remote_lost=None if report is None else report.lost,
            remote_jitter=None if report is None else report.jitter / CLOCK_RATE,
        )
