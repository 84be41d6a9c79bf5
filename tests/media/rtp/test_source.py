from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.media.rtcp.report import SenderReport
from offhook.media.rtp.packet import RtpPacket
from offhook.media.rtp.source import Source


def packet(number: int, timestamp: int | None = None) -> RtpPacket:
    return RtpPacket(0, number % 65536, number * 160 % (1 << 32) if timestamp is None else timestamp, 7, b"")


def test_the_packet_on_probation_is_delivered_after_all() -> None:
    source = Source(7)
    first, second, third = packet(10), packet(11), packet(12)
    delivered = []
    for arrival, each in ((0.0, first), (0.02, second)):
        delivered.append((source.receive(each, arrival, 8000), source.validated))
    assert delivered == [((), False), ((first, second), True)]
    assert source.receive(third, 0.04, 8000) == (third,)
    block = source.report_block(Moment(1.0, 0.0))
    assert (block.lost, block.highest_sequence) == (0, 12)


def test_a_restarted_source_loses_nothing_either() -> None:
    source = Source(7)
    for number in (10, 11, 12):
        source.receive(packet(number), 0.0, 8000)
    first, second = packet(40000), packet(40001)
    assert source.receive(first, 0.1, 8000) == ()
    assert source.receive(second, 0.12, 8000) == (first, second)


def test_a_stray_packet_is_not_delivered() -> None:
    source = Source(7)
    for number in (10, 11, 12):
        source.receive(packet(number), 0.0, 8000)
    assert source.receive(packet(40000), 0.1, 8000) == ()
    assert source.receive(packet(13), 0.12, 8000) == (packet(13),)


@pytest.mark.rfc("3550 A.8")
def test_jitter_is_measured() -> None:
    source = Source(7)
    arrivals = (0.0, 0.02, 0.045, 0.06, 0.08)
    for number, arrival in enumerate(arrivals):
        source.receive(packet(number), arrival, 8000)
    # By hand: the differences of the transit times are 40, 40 and 0 units after the validating packet.
    jitter = 40 / 16
    jitter += (40 - jitter) / 16
    jitter += (0 - jitter) / 16
    assert source.jitter == pytest.approx(jitter)
    assert source.report_block(Moment(1.0, 0.0)).jitter == int(jitter)


@pytest.mark.rfc("3550 A.8")
def test_jitter_does_not_jump_when_the_timestamp_wraps() -> None:
    source = Source(7)
    for number in range(6):
        source.receive(packet(number, (0xFFFFFFFF - 320 + number * 160) % (1 << 32)), number * 0.02, 8000)
    assert source.jitter < 1


@pytest.mark.rfc("3550 6.4.1")
def test_the_block_tells_of_the_last_sender_report() -> None:
    source = Source(7)
    source.receive(packet(1), 0.0, 8000)
    source.receive(packet(2), 0.02, 8000)
    assert source.has_news()
    block = source.report_block(Moment(5.0, 0.0))
    assert (block.last_sr, block.delay_since_last_sr) == (0, 0)
    assert not source.has_news()
    source.receive(packet(3), 0.04, 8000)
    assert source.has_news()
    source.receive_report(SenderReport(7, 0x1111_2222_3333_4444, 0, 0, 0), Moment(10.0, 0.0))
    block = source.report_block(Moment(15.25, 0.0))
    assert block.last_sr == 0x22223333
    assert block.delay_since_last_sr == 0x0005_4000


def test_a_source_without_data_has_no_news() -> None:
    source = Source(7)
    source.validated = True
    source.last_rtcp = 3.0
    assert not source.has_news()
    assert source.last_heard == 3.0
