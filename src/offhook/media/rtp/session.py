"""An RTP session between two participants, as one of them keeps it (RFC 3550).

What is sent gets its SSRC, sequence numbers and counts here; what is received is assigned to its source, counted and
reported. RTCP goes out when `next_deadline` is reached.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

from offhook.clock import Moment
from offhook.ids import IdSource
from offhook.media.rtcp import ntp
from offhook.media.rtcp.goodbye import Goodbye
from offhook.media.rtcp.interval import MIN_INTERVAL, RtcpTiming
from offhook.media.rtcp.packet import RtcpPacket, parse_compound, serialize_compound
from offhook.media.rtcp.report import ReceiverReport, ReportBlock, SenderReport
from offhook.media.rtcp.source_description import CNAME, SourceDescription, SourceDescriptionChunk
from offhook.media.rtp.packet import RtpPacket
from offhook.media.rtp.source import Source
from offhook.media.rtp.source_table import SourceTable

__all__ = ["Address", "RtpSession"]

Address: TypeAlias = tuple[str, int]
"""A numeric host without brackets, and a port."""

RTCP_SHARE: Final = 0.05
"""Of the session bandwidth (6.2)."""

_FIRST_COMPOUND_OCTETS: Final = 80
_CONFLICT_INTERVALS: Final = 10
_SENDER_REPORTS_KEPT: Final = 8
_WORD: Final = 1 << 32


class RtpSession:
    """One participant's view of the session, which begins now.

    `clock_rate`: timestamp units a second. `bandwidth`: the session bandwidth in octets a second, headers included.
    `cname`: the canonical name of SDES.

    `sent_packets` and `sent_octets` (payload) count since the SSRC was chosen. `round_trip` is in seconds,
    `remote_report` is the last report block about us; both None until the peer reports. `collisions` counts the
    changes of our SSRC, `looped` the packets of ours that came back.
    """

    __slots__ = (
        "_conflicts",
        "_ids",
        "_last_sent",
        "_left",
        "_outgoing",
        "_sender_reports",
        "_sequence",
        "_start",
        "_timestamp",
        "_timing",
        "clock_rate",
        "cname",
        "collisions",
        "looped",
        "remote_report",
        "round_trip",
        "sent_octets",
        "sent_packets",
        "sources",
        "ssrc",
    )

    def __init__(self, ids: IdSource, cname: str, now: Moment, *, clock_rate: int, bandwidth: float) -> None:
        self._ids = ids
        self.cname = cname.encode("utf-8", "surrogateescape")[:255]
        self.clock_rate = clock_rate
        # 5.1: SSRC, first sequence number and first timestamp are random.
        self.ssrc = ids.number(_WORD)
        self._sequence = ids.number(1 << 16)
        self._timestamp = ids.number(_WORD)
        self._start = now.monotonic
        self.sources = SourceTable()
        self.sent_packets = 0
        self.sent_octets = 0
        self.round_trip: float | None = None
        self.remote_report: ReportBlock | None = None
        self.collisions = 0
        self.looped = 0
        self._timing = RtcpTiming(now.monotonic, bandwidth * RTCP_SHARE, _FIRST_COMPOUND_OCTETS, ids.fraction())
        self._last_sent: float | None = None
        self._left = False
        self._conflicts: dict[Address, float] = {}
        self._sender_reports: deque[tuple[int, float]] = deque(maxlen=_SENDER_REPORTS_KEPT)
        self._outgoing: list[bytes] = []

    # Data.

    def send(self, payload_type: int, position: int, payload: bytes, marker: bool, now: Moment) -> bytes:
        """The next data packet, to be sent now. `position` counts timestamp units since the session began."""
        timestamp = (self._timestamp + position) % _WORD
        packet = RtpPacket(payload_type, self._sequence, timestamp, self.ssrc, payload, marker)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.sent_packets += 1
        self.sent_octets += len(payload)
        resumes = self._last_sent is None
        self._last_sent = now.monotonic
        if resumes:
            self._recount(now)
        return packet.serialize()

    def receive(self, packet: RtpPacket, address: Address, now: Moment) -> tuple[RtpPacket, ...]:
        """Take a data packet that came from `address`; returns the packets that are valid now, in order of arrival.

        CSRCs are not looked up: an end system forwards nothing, so a mixer that lists it among the contributors has
        not closed a loop, and they are no members of a session of two.
        """
        if packet.ssrc == self.ssrc:
            self._conflict(address, now)
            return ()
        source = self.sources.claim(packet.ssrc)
        if source is None:
            return ()
        was_validated = source.validated
        valid = source.receive(packet, now.monotonic, self.clock_rate)
        if source.validated and not was_validated:
            self._recount(now)
        return valid

    def _conflict(self, address: Address, now: Moment) -> None:
        """Another sender uses our SSRC: a collision, or our own packets coming back (8.2).

        The SSRC is changed once for each address; what comes from it afterwards is a loop and is dropped. A source
        other than ours may change its address, as 8.2 recommends for telephony: which address is heard at all is the
        business of symmetric RTP.
        """
        known = address in self._conflicts
        self._conflicts[address] = now.monotonic
        if known:
            self.looped += 1
            return
        self.collisions += 1
        self._say_goodbye(now)
        old = self.ssrc
        self.sources.claim(old)
        while self.ssrc == old or self.ssrc in self.sources:
            self.ssrc = self._ids.number(_WORD)
        self.sent_packets = 0
        self.sent_octets = 0
        self._sender_reports.clear()

    # Control.

    def receive_rtcp(self, data: bytes, address: Address, now: Moment) -> tuple[int, ...]:
        """Take an RTCP datagram; returns the known sources that said goodbye. Raises ParseError."""
        packets = parse_compound(data)
        first = packets[0]
        if isinstance(first, SenderReport | ReceiverReport) and first.ssrc == self.ssrc:
            self._conflict(address, now)
            return ()
        self._timing.received(len(data))
        gone: list[int] = []
        for packet in packets:
            self._receive_control(packet, gone, now)
        self._recount(now)
        return tuple(gone)

    def _receive_control(self, packet: RtcpPacket, gone: list[int], now: Moment) -> None:
        match packet:
            case SenderReport() | ReceiverReport():
                source = self._heard(packet.ssrc, now)
                if source is not None and isinstance(packet, SenderReport):
                    source.receive_report(packet, now)
                for block in packet.blocks:
                    self._receive_block(block, now)
            case SourceDescription():
                for chunk in packet.chunks:
                    source = self._heard(chunk.ssrc, now)
                    if source is not None:
                        source.cname = chunk.item(CNAME) or source.cname
            case Goodbye():
                gone += [ssrc for ssrc in packet.ssrcs if self.sources.remove(ssrc)]

    def _heard(self, ssrc: int, now: Moment) -> Source | None:
        source = self.sources.claim(ssrc) if ssrc != self.ssrc else None
        if source is not None:
            # 6.2.1: a compound packet that passes the checks of A.2 validates its sender.
            source.validated = True
            source.last_rtcp = now.monotonic
        return source

    def _receive_block(self, block: ReportBlock, now: Moment) -> None:
        """Take a report about us. The round trip is A - LSR - DLSR (6.4.1), on the monotonic clock.

        Only an SR that we sent is taken for LSR, so that neither a step of the wall clock nor an invented report
        gives a round trip.
        """
        if block.ssrc != self.ssrc:
            return
        self.remote_report = block
        for last_sr, sent in self._sender_reports:
            if last_sr == block.last_sr:
                self.round_trip = max(0.0, now.monotonic - sent - block.delay_since_last_sr / 65536)

    # Reports.

    def next_deadline(self) -> float | None:
        """The monotonic second at which `advance` has something to do; None after `leave`."""
        return None if self._left else self._timing.next

    def advance(self, now: Moment) -> None:
        """Send the report that is due, if one is (6.3.6)."""
        if self._left or self._timing.next > now.monotonic:
            return
        self.sources.forget_silent(now.monotonic - self._timing.member_timeout)
        self._forget_conflicts(now)
        if self._last_sent is not None and self._last_sent < now.monotonic - self._timing.sender_timeout:
            self._last_sent = None
        self._recount(now)
        if self._timing.expired(now.monotonic, self._ids.fraction()):
            data = serialize_compound((self._report(now), self._description()))
            self._timing.sent(len(data), now.monotonic, self._ids.fraction())
            self._outgoing.append(data)

    def leave(self, now: Moment) -> None:
        """Say goodbye (6.3.7); two parties need no back-off."""
        if not self._left:
            self._say_goodbye(now)
            self._left = True

    def take_rtcp(self) -> list[bytes]:
        """The RTCP datagrams to send now."""
        outgoing = self._outgoing
        self._outgoing = []
        return outgoing

    def _report(self, now: Moment) -> SenderReport | ReceiverReport:
        blocks = tuple(source.report_block(now) for source in self.sources if source.has_news())
        if self._last_sent is None:
            return ReceiverReport(self.ssrc, blocks)
        timestamp = ntp.from_wall(now.wall)
        self._sender_reports.append((ntp.compact(timestamp), now.monotonic))
        elapsed = int((now.monotonic - self._start) * self.clock_rate)
        rtp_timestamp = (self._timestamp + elapsed) % _WORD
        return SenderReport(self.ssrc, timestamp, rtp_timestamp, self.sent_packets, self.sent_octets, blocks)

    def _description(self) -> SourceDescription:
        return SourceDescription((SourceDescriptionChunk(self.ssrc, ((CNAME, self.cname),)),))

    def _say_goodbye(self, now: Moment) -> None:
        # 6.3.7: one who has sent neither data nor control must not say goodbye.
        if self.sent_packets or not self._timing.initial:
            goodbye = Goodbye((self.ssrc,))
            self._outgoing.append(serialize_compound((self._report(now), self._description(), goodbye)))

    def _recount(self, now: Moment) -> None:
        we_sent = self._last_sent is not None
        members = self.sources.members() + 1
        senders = self.sources.senders(now.monotonic - self._timing.sender_timeout) + we_sent
        self._timing.update(members, senders, we_sent, now.monotonic)

    def _forget_conflicts(self, now: Moment) -> None:
        # 8.2: after some ten report intervals without a conflicting packet.
        since = now.monotonic - _CONFLICT_INTERVALS * MIN_INTERVAL
        for address, last in list(self._conflicts.items()):
            if last < since:
                del self._conflicts[address]
