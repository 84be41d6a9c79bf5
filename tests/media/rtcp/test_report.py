from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.media.rtcp.report import ReceiverReport, ReportBlock, SenderReport

BLOCK = bytes.fromhex("0a0b0c0d 40fffffe 00010002 00000003 11223344 00050000".replace(" ", ""))


def test_a_block_is_read_and_written() -> None:
    block = ReportBlock.parse(BLOCK, 0)
    assert (block.ssrc, block.fraction_lost, block.lost) == (0x0A0B0C0D, 64, -2)
    assert (block.highest_sequence, block.jitter) == (0x10002, 3)
    assert (block.last_sr, block.delay_since_last_sr) == (0x11223344, 0x50000)
    assert block.serialize() == BLOCK
    assert "lost=-2" in repr(block)


@pytest.mark.rfc("3550 A.3")
@pytest.mark.parametrize(
    ("lost", "octets"), [(1 << 30, "7fffff"), (-(1 << 30), "800000"), (-1, "ffffff"), (5, "000005")]
)
def test_the_loss_is_clamped_to_24_bits(lost: int, octets: str) -> None:
    assert ReportBlock(1, 0, lost, 0, 0, 0, 0).serialize()[5:8].hex() == octets


def test_a_sender_report_is_read_and_written() -> None:
    body = bytes.fromhex("01020304 8182838485868788 00000140 00000064 00003e80".replace(" ", "")) + BLOCK + b"extr"
    report = SenderReport.parse(1, body)
    assert (report.ssrc, report.ntp, report.rtp_timestamp) == (0x01020304, 0x8182838485868788, 320)
    assert (report.packets, report.octets, len(report.blocks), report.extension) == (100, 16000, 1, b"extr")
    assert report.serialize_body() == (1, body)


def test_counts_wrap_at_32_bits() -> None:
    body = SenderReport(1, 0, 0, (1 << 32) + 7, (1 << 32) + 8).serialize_body()[1]
    assert body[16:] == bytes.fromhex("0000000700000008")


def test_a_receiver_report_is_read_and_written() -> None:
    body = bytes.fromhex("01020304") + 2 * BLOCK
    report = ReceiverReport.parse(2, body)
    assert report.ssrc == 0x01020304
    assert len(report.blocks) == 2
    assert report.serialize_body() == (2, body)


@pytest.mark.parametrize(("count", "octets"), [(0, 23), (1, 24), (2, 24 + 47)])
def test_a_short_sender_report_is_refused(count: int, octets: int) -> None:
    with pytest.raises(ParseError):
        SenderReport.parse(count, bytes(octets))


@pytest.mark.parametrize(("count", "octets"), [(0, 3), (1, 27), (31, 100)])
def test_a_short_receiver_report_is_refused(count: int, octets: int) -> None:
    with pytest.raises(ParseError):
        ReceiverReport.parse(count, bytes(octets))
