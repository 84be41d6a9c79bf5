from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.media.rtcp.application import ApplicationDefined, UnknownRtcpPacket
from offhook.media.rtcp.goodbye import Goodbye
from offhook.media.rtcp.packet import parse_compound, serialize_compound
from offhook.media.rtcp.report import ReceiverReport, ReportBlock, SenderReport
from offhook.media.rtcp.source_description import CNAME, SourceDescription, SourceDescriptionChunk
from tests.media.pcap import write_pcap

EMPTY_REPORT = bytes.fromhex("80c9000100000001")


def compound() -> bytes:
    block = ReportBlock(0x0A0B0C0D, 64, -2, 0x10002, 3, 0x11223344, 0x50000)
    return serialize_compound(
        (
            SenderReport(0x01020304, 0x8182838485868788, 320, 100, 16000, (block,)),
            SourceDescription((SourceDescriptionChunk(0x01020304, ((CNAME, b"alice@example"),)),)),
            ApplicationDefined(1, 0x01020304, b"TEST"),
            UnknownRtcpPacket(207, 0, bytes(4)),
            Goodbye((0x01020304,), b"over"),
        )
    )


def test_a_compound_is_read_back() -> None:
    packets = parse_compound(compound())
    assert [type(packet) for packet in packets] == [
        SenderReport,
        SourceDescription,
        ApplicationDefined,
        UnknownRtcpPacket,
        Goodbye,
    ]
    assert serialize_compound(packets) == compound()


def test_padding_of_the_last_packet_is_taken_off() -> None:
    padded = EMPTY_REPORT + bytes.fromhex("a0cb000100000004") + bytes.fromhex("a1cb0002000000010000")
    with pytest.raises(ParseError):
        parse_compound(padded)
    (_, goodbye) = parse_compound(EMPTY_REPORT + bytes.fromhex("a1cb00020000000100000004"))
    assert isinstance(goodbye, Goodbye)
    assert (goodbye.ssrcs, goodbye.reason) == ((1,), None)


@pytest.mark.rfc("3550 A.2")
@pytest.mark.parametrize(
    "data",
    [
        "",
        "80c900",
        "40c9000100000001",
        "80c9000200000001",
        "80ca0000",
        "80c900010000000180",
        "80c9000100000001 40cb0000",
        "a0c9000200000001 00000004 80c9000100000001",
        "a0c9000200000001 00000003",
        "a0c9000200000001 00000000",
        "a0c9000100000008",
    ],
    ids=[
        "empty",
        "short header",
        "version",
        "length beyond the end",
        "no report first",
        "octets left over",
        "version of the second",
        "padding before the end",
        "padding of no whole words",
        "padding of nothing",
        "padding over the header",
    ],
)
def test_what_breaks_the_checks_is_refused(data: str) -> None:
    with pytest.raises(ParseError):
        parse_compound(bytes.fromhex(data.replace(" ", "")))


@given(
    st.binary(max_size=120)
    | st.tuples(st.integers(0, 31), st.integers(200, 207), st.binary(max_size=96)).map(
        lambda made: EMPTY_REPORT + bytes((128 | made[0], made[1], 0, len(made[2]) // 4)) + made[2]
    )
)
def test_any_octets_are_a_compound_or_a_parse_error(data: bytes) -> None:
    try:
        packets = parse_compound(data)
    except ParseError:
        return
    assert parse_compound(serialize_compound(packets))


def test_what_does_not_fit_is_not_written() -> None:
    with pytest.raises(ValueError, match="RTCP"):
        serialize_compound((Goodbye(tuple(range(32))),))
    with pytest.raises(ValueError, match="RTCP"):
        serialize_compound((ReceiverReport(1, (), b"abc"),))


@pytest.mark.interop("tshark")
def test_tshark_reads_what_is_written(tmp_path: Path) -> None:
    capture = tmp_path / "rtcp.pcap"
    write_pcap(capture, [(4001, compound())])
    fields = {
        "rtcp.pt": "200,202,204,207,203",
        "rtcp.sender.packetcount": "100",
        "rtcp.sender.octetcount": "16000",
        "rtcp.timestamp.rtp": "320",
        "rtcp.ssrc.fraction": "64",
        "rtcp.ssrc.cum_nr": "-2",
        "rtcp.ssrc.high_seq": "2",
        "rtcp.ssrc.high_cycles": "1",
        "rtcp.ssrc.jitter": "3",
        "rtcp.ssrc.dlsr": "327680",
        "rtcp.sdes.text": "alice@example,over",
    }
    arguments = [argument for field in fields for argument in ("-e", field)]
    line = subprocess.run(
        ["tshark", "-r", str(capture), "-d", "udp.port==4001,rtcp", "-T", "fields", "-E", "separator=;", *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.rstrip("\n")
    assert dict(zip(fields, line.split(";"), strict=True)) == fields
    shown = subprocess.run(
        ["tshark", "-r", str(capture), "-d", "udp.port==4001,rtcp", "-V"], capture_output=True, text=True, check=True
    ).stdout
    assert "Reason for leaving: over" in shown or "Text: over" in shown
    assert "Malformed" not in shown
