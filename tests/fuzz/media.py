"""RTP and RTCP: single packets, and what a stream and a session make of a run of datagrams (RFC 3550, RFC 4733).

An input is a run of datagrams: an octet that says where each came from, two with its length, and the datagram.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from typing import Final

from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.ids import IdSource
from offhook.media.audio.samples import Samples
from offhook.media.codecs.telephone_event import TelephoneEvent
from offhook.media.effects import SendRtcp, SendRtp
from offhook.media.parameters import AudioParameters
from offhook.media.rtcp.application import ApplicationDefined, UnknownRtcpPacket
from offhook.media.rtcp.goodbye import Goodbye
from offhook.media.rtcp.packet import RtcpPacket, parse_compound, serialize_compound
from offhook.media.rtcp.report import ReceiverReport, ReportBlock, SenderReport
from offhook.media.rtcp.source_description import SourceDescription, SourceDescriptionChunk
from offhook.media.rtp.packet import HeaderExtension, RtpPacket, is_rtcp, is_rtp
from offhook.media.rtp.session import RtpSession
from offhook.media.stream import AudioStream
from tests.fuzz.target import Target

__all__ = ["RTCP", "RTP"]

PEER: Final = ("192.0.2.2", 5000)
OTHERS: Final = (PEER, PEER, PEER, ("192.0.2.2", 5002), ("198.51.100.9", 5000), ("2001:db8::1", 5000))
EVENTS: Final = 101
PARAMETERS: Final = AudioParameters(
    remote=PEER, telephone_event_send=EVENTS, telephone_event_receive=EVENTS, rtcp_mux=True
)
LARGEST: Final = 4096
MOST_DATAGRAMS: Final = 64
SSRC: Final = 0x01020304
TICK: Final = 0.02


def run_of(datagrams: Sequence[bytes]) -> bytes:
    return b"".join([struct.pack("!BH", 0, len(data)) + data for data in datagrams])


def datagrams_of(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each datagram with the octet before it; the last may be shorter than it says."""
    at = count = 0
    while at + 3 <= len(data) and count < MOST_DATAGRAMS:
        how, length = struct.unpack_from("!BH", data, at)
        yield how, data[at + 3 : at + 3 + length]
        at += 3 + length
        count += 1


def compounds() -> list[bytes]:
    """RTCP as it is sent, with every kind of packet."""
    block = ReportBlock(SSRC, 25, -3, 70000, 12, 0xABCD0000, 65536)
    description = SourceDescription(
        (SourceDescriptionChunk(SSRC, ((1, b"a@b"), (2, b"N"), (8, b"\x01pv"))), SourceDescriptionChunk(7, ()))
    )
    sender = SenderReport(SSRC, 0xE1234567_89ABCDEF, 160, 10, 1600, (block,), b"\0\0\0\1")
    packets: list[list[RtcpPacket]] = [
        [sender, description],
        [ReceiverReport(SSRC, (block, block)), description, Goodbye((SSRC, 7), b"teardown")],
        [ReceiverReport(7), ApplicationDefined(3, 7, b"name", bytes(8)), UnknownRtcpPacket(207, 1, bytes(12))],
        [SenderReport(7, 0, 0, 0, 0), Goodbye(())],
    ]
    return [serialize_compound(each) for each in packets]


@cache
def rtp_seeds() -> tuple[bytes, ...]:
    plain = [RtpPacket(0, 65533 + n & 0xFFFF, 160 * n, SSRC, b"\xd5" * 160, n == 0).serialize() for n in range(6)]
    digit = [
        RtpPacket(EVENTS, 10 + n, 960, SSRC, TelephoneEvent(5, n == 2, 10, 160 * n).serialize(), n == 0).serialize()
        for n in range(4)
    ]
    odd = [
        RtpPacket(8, 1, 0, 9, b"\xff", csrcs=(1, 2), extension=HeaderExtension(0xBEDE, bytes(8)), padding=4),
        RtpPacket(8, 2, 0xFFFFFF60, 9, b"", padding=255),
        RtpPacket(96, 3, 0, 9, b"x"),
    ]
    others = [packet.serialize() for packet in odd]
    return (
        run_of(plain),
        run_of(plain[:2] + digit),
        run_of(others + plain),
        run_of([plain[0], plain[1], compounds()[0], plain[2], compounds()[1]]),
        run_of([plain[0], plain[3], plain[1], plain[0], plain[5]]),
        *(run_of([packet]) for packet in (plain[0], digit[0], *others)),
    )


@cache
def rtcp_seeds() -> tuple[bytes, ...]:
    return (run_of(compounds()), *(run_of([compound]) for compound in compounds()))


class Silence:
    def write(self, samples: Samples) -> None:
        assert len(samples)


def check_rtp(data: bytes) -> bool:
    """Whether anything was heard; what the stream sends can be read, and its numbers can be shown."""
    now = Moment(1000.0, 1_700_000_000.0)
    stream = AudioStream(IdSource.seeded(1), now)
    stream.configure(PARAMETERS, now)
    stream.listen(Silence(), now)
    for how, datagram in datagrams_of(data):
        check_packet(datagram)
        now = Moment(now.monotonic + TICK * (how >> 4), now.wall)
        source = OTHERS[how % len(OTHERS)]
        if how & 8:
            stream.receive_rtcp(datagram, source, now)
        else:
            stream.receive_rtp(datagram, source, now)
        stream.advance(now)
    stream.advance(Moment(now.monotonic + 2 * TICK, now.wall))
    stream.close(now)
    for effect in stream.drain():
        if isinstance(effect, SendRtp):
            RtpPacket.parse(effect.data)
        elif isinstance(effect, SendRtcp):
            parse_compound(effect.data)
    numbers = stream.statistics()
    assert numbers.packets_received >= 0
    assert numbers.jitter >= 0
    return numbers.packets_received > 0


def check_packet(data: bytes) -> None:
    assert not (is_rtp(data) and is_rtcp(data))
    try:
        packet = RtpPacket.parse(data)
    except ParseError:
        return
    assert RtpPacket.parse(packet.serialize()) == packet
    with suppress(ParseError):
        events = TelephoneEvent.parse(packet.payload)
        written = b"".join([event.serialize() for event in events])
        assert b"".join([event.serialize() for event in TelephoneEvent.parse(written)]) == written


def check_rtcp(data: bytes) -> bool:
    """Whether a datagram was read; it is written so that it says the same, and a session can live with it."""
    now = Moment(1000.0, 1_700_000_000.0)
    session = RtpSession(IdSource.seeded(1), "cname", now, clock_rate=8000, bandwidth=10000.0)
    session.send(0, 0, bytes(160), True, now)
    read = 0
    for how, datagram in datagrams_of(data):
        now = Moment(now.monotonic + (how >> 4), now.wall + (how >> 4))
        session.advance(now)
        # Who reads the wire knows our SSRC.
        datagram = datagram.replace(struct.pack("!I", SSRC), struct.pack("!I", session.ssrc)) if how & 8 else datagram
        try:
            packets = parse_compound(datagram)
        except ParseError:
            continue
        written = serialize_compound(packets)
        assert serialize_compound(parse_compound(written)) == written
        gone = session.receive_rtcp(datagram, OTHERS[how % len(OTHERS)], now)
        assert session.ssrc not in gone
        read += 1
    session.leave(now)
    for sent in session.take_rtcp():
        parse_compound(sent)
    assert session.round_trip is None or session.round_trip >= 0
    return read > 0


RTP: Final = Target("rtp", rtp_seeds, check_rtp, largest=LARGEST)
RTCP: Final = Target("rtcp", rtcp_seeds, check_rtcp, largest=LARGEST)
