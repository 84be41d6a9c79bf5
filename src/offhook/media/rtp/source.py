"""One source of a session as a receiver sees it: its packets' validity, loss and jitter (RFC 3550 A.1, A.3, A.8)."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.media.rtcp import ntp
from offhook.media.rtcp.report import ReportBlock, SenderReport
from offhook.media.rtp.packet import RtpPacket
from offhook.media.rtp.sequence import Arrival, SequenceState

__all__ = ["Source"]

_TIMESTAMP_MODULUS: Final = 1 << 32


class Source:
    """A synchronization source other than our own.

    `validated`: its sequence numbers passed probation, or it was named by a valid RTCP packet (6.2.1). `jitter` is in
    timestamp units (A.8). `last_rtp`, `last_rtcp` are monotonic seconds or None;
    """

    __slots__ = (
        "_pending",
        "_reported",
        "_sender_report",
        "_sender_report_arrival",
        "_transit",
        "cname",
        "jitter",
        "last_rtcp",
        "last_rtp",
        "sequence",
        "ssrc",
        "validated",
    )

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self.cname: bytes | None = None
        self.validated = False
        self.sequence: SequenceState | None = None
        self.jitter = 0.0
        self.last_rtp: float | None = None
        self.last_rtcp: float | None = None
        self._transit: int | None = None
        self._pending: RtpPacket | None = None
        self._reported = 0
        self._sender_report = 0
        self._sender_report_arrival = 0.0

    @property
    def last_heard(self) -> float:
        """When anything came from the source, in monotonic seconds."""
        return max(self.last_rtp or 0.0, self.last_rtcp or 0.0)

    def receive(self, packet: RtpPacket, now: float, clock_rate: int) -> tuple[RtpPacket, ...]:
        """Take a packet of this source; returns those that are now known to be valid, in order.

        The last packet on probation is kept and delivered when the next one validates the source (A.1 allows it), so
        that nothing of an orderly stream is lost.
        """
        self.last_rtp = now
        if self.sequence is None:
            self.sequence = SequenceState(packet.sequence)
        arrival = self.sequence.update(packet.sequence)
        if arrival is Arrival.PROBATION or arrival is Arrival.INVALID:
            self._pending = packet
            return ()
        pending = self._pending
        self._pending = None
        if arrival is Arrival.VALIDATED or arrival is Arrival.RESTARTED:
            self.validated = True
            self._transit = None
            self._measure_jitter(packet.timestamp, now, clock_rate)
            if pending is not None:
                self.sequence.include_previous()
                return (pending, packet)
            return (packet,)
        self._measure_jitter(packet.timestamp, now, clock_rate)
        return (packet,)

    def _measure_jitter(self, timestamp: int, now: float, clock_rate: int) -> None:
        transit = (int(now * clock_rate) - timestamp) % _TIMESTAMP_MODULUS
        if self._transit is not None:
            difference = (transit - self._transit) % _TIMESTAMP_MODULUS
            difference = min(difference, _TIMESTAMP_MODULUS - difference)
            self.jitter += (difference - self.jitter) / 16
        self._transit = transit

    def receive_report(self, report: SenderReport, now: Moment) -> None:
        """Keep what LSR and DLSR of the next report block need."""
        self._sender_report = ntp.compact(report.ntp)
        self._sender_report_arrival = now.monotonic

    def has_news(self) -> bool:
        """Whether packets arrived since the last report block (6.4: only then one is sent)."""
        return self.sequence is not None and self.validated and self.sequence.received != self._reported

    def report_block(self, now: Moment) -> ReportBlock:
        """The reception report about this source; begins the next reporting interval. Only after `has_news`."""
        sequence = self.sequence
        assert sequence is not None
        self._reported = sequence.received
        delay = now.monotonic - self._sender_report_arrival if self._sender_report else 0.0
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=sequence.take_fraction_lost(),
            lost=sequence.lost,
            highest_sequence=sequence.extended_max,
            jitter=int(self.jitter),
            last_sr=self._sender_report,
            delay_since_last_sr=int(delay * 65536),
        )
