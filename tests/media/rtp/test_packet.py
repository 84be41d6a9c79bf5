from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.media.rtp.packet import HeaderExtension, RtpPacket, is_rtcp, is_rtp
from tests.media.pcap import write_pcap

PLAIN = bytes.fromhex("8000 1234 00000140 deadbeef".replace(" ", "")) + b"\xff" * 160


def packets() -> st.SearchStrategy[RtpPacket]:
    words = st.integers(0, 0xFFFFFFFF)
    extensions = st.builds(
        HeaderExtension, st.integers(0, 0xFFFF), st.binary(max_size=32).map(lambda data: data + bytes(-len(data) % 4))
    )
    return st.builds(
        RtpPacket,
        st.integers(0, 127),
        st.integers(0, 0xFFFF),
        words,
        words,
        st.binary(max_size=300),
        st.booleans(),
        st.lists(words, max_size=15).map(tuple),
        st.none() | extensions,
        st.integers(0, 255),
    )


def test_the_fixed_header_is_read() -> None:
    packet = RtpPacket.parse(PLAIN)
    assert (packet.payload_type, packet.sequence, packet.timestamp, packet.ssrc) == (0, 0x1234, 320, 0xDEADBEEF)
    assert packet.payload == b"\xff" * 160
    assert not packet.marker
    assert packet.csrcs == ()
    assert packet.extension is None
    assert packet.serialize() == PLAIN


def test_csrcs_extension_padding_and_marker_are_read() -> None:
    data = bytes.fromhex(
        "b2 88 0001 00000002 00000003 0000000a 0000000b bede 0001 10aa0000 d5d5 000003".replace(" ", "")
    )
    packet = RtpPacket.parse(data)
    assert packet.marker
    assert packet.payload_type == 8
    assert packet.csrcs == (10, 11)
    assert packet.extension == HeaderExtension(0xBEDE, bytes.fromhex("10aa0000"))
    assert packet.payload == b"\xd5\xd5"
    assert packet.padding == 3
    assert packet.serialize() == data
    assert "marker=True" in repr(packet)
    assert "0xbede" in repr(packet.extension)


@given(packets())
def test_what_is_serialized_is_read_back(packet: RtpPacket) -> None:
    assert RtpPacket.parse(packet.serialize()) == packet


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: b"\xbf\x00" + tail))
def test_any_octets_are_a_packet_or_a_parse_error(data: bytes) -> None:
    try:
        packet = RtpPacket.parse(data)
    except ParseError:
        return
    again = RtpPacket.parse(packet.serialize())
    assert again == packet


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:11],
        b"\x40" + PLAIN[1:],
        b"\x82" + PLAIN[1:15],
        b"\x90" + PLAIN[1:14],
        b"\x90" + PLAIN[1:12] + b"\xbe\xde\x00\x02" + bytes(4),
        b"\xa0" + PLAIN[1:12],
        b"\xa0" + PLAIN[1:12] + b"\x00",
        b"\xa0" + PLAIN[1:12] + b"\x00\x00\x04",
    ],
    ids=[
        "empty",
        "short",
        "version",
        "csrcs",
        "extension",
        "extension words",
        "no padding",
        "zero padding",
        "long padding",
    ],
)
def test_a_broken_layout_is_refused(data: bytes) -> None:
    with pytest.raises(ParseError, match="RTP"):
        RtpPacket.parse(data)


@pytest.mark.parametrize(
    "packet",
    [
        RtpPacket(128, 0, 0, 0, b""),
        RtpPacket(0, 1 << 16, 0, 0, b""),
        RtpPacket(0, 0, 0, 0, b"", csrcs=(0,) * 16),
        RtpPacket(0, 0, 0, 0, b"", csrcs=(1 << 32,)),
        RtpPacket(0, 0, 0, 0, b"", extension=HeaderExtension(1, b"abc")),
        RtpPacket(0, 0, 0, 0, b"", padding=256),
    ],
)
def test_fields_beyond_their_width_are_refused(packet: RtpPacket) -> None:
    with pytest.raises(ValueError, match="RTP"):
        packet.serialize()


def test_equality_is_by_all_fields() -> None:
    packet = RtpPacket.parse(PLAIN)
    other = RtpPacket.parse(PLAIN)
    assert packet == other
    other.marker = True
    assert packet != other
    assert packet != "packet"


@pytest.mark.rfc("5761 4")
def test_rtp_and_rtcp_are_told_apart() -> None:
    report = bytes.fromhex("80c9000100000001")
    assert is_rtcp(report)
    assert not is_rtp(report + bytes(8))
    assert is_rtp(PLAIN)
    assert not is_rtcp(PLAIN)
    assert not is_rtp(PLAIN[:8])
    # A STUN request, which begins with two zero bits.
    assert not is_rtp(bytes.fromhex("000100002112a442") + bytes(12))


@pytest.mark.interop("tshark")
def test_tshark_reads_what_is_written(tmp_path: Path) -> None:
    written = [
        RtpPacket(0, 65535, 0xFFFFFF60, 0x01020304, bytes(160), marker=True),
        RtpPacket(8, 0, 0, 0x01020304, b"\xd5" * 160, csrcs=(7, 9)),
        RtpPacket(8, 1, 160, 0x01020304, b"\xd5" * 8, extension=HeaderExtension(0xABCD, bytes(8)), padding=4),
    ]
    capture = tmp_path / "rtp.pcap"
    write_pcap(capture, [(4000, packet.serialize()) for packet in written])
    fields = (
        "rtp.version",
        "rtp.marker",
        "rtp.p_type",
        "rtp.seq",
        "rtp.timestamp",
        "rtp.ssrc",
        "rtp.cc",
        "rtp.ext.len",
    )
    arguments = [argument for field in fields for argument in ("-e", field)]
    shown = subprocess.run(
        ["tshark", "-r", str(capture), "-d", "udp.port==4000,rtp", "-T", "fields", "-E", "separator=,", *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert [line.lower().replace("true", "1").replace("false", "0") for line in shown] == [
        "2,1,0,65535,4294967136,0x01020304,0,",
        "2,0,8,0,0,0x01020304,2,",
        "2,0,8,1,160,0x01020304,0,2",
    ]


def test_the_capture_is_a_capture(tmp_path: Path) -> None:
    capture = tmp_path / "one.pcap"
    write_pcap(capture, [(4000, b"abc")])
    data = capture.read_bytes()
    assert struct.unpack_from("<I", data)[0] == 0xA1B2C3D4
    assert data.endswith(b"abc")
