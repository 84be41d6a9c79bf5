from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.media.rtcp.application import ApplicationDefined, UnknownRtcpPacket


@pytest.mark.rfc("3550 6.7")
def test_application_packets_are_read_and_written() -> None:
    body = bytes.fromhex("00000009") + b"TEST" + b"1234"
    packet = ApplicationDefined.parse(5, body)
    assert (packet.subtype, packet.ssrc, packet.name, packet.data) == (5, 9, b"TEST", b"1234")
    assert packet.serialize_body() == (5, body)


def test_a_short_packet_is_refused() -> None:
    with pytest.raises(ParseError):
        ApplicationDefined.parse(0, bytes(7))


def test_a_name_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="four octets"):
        ApplicationDefined(0, 1, b"ABC").serialize_body()


def test_an_unknown_packet_is_kept_as_it_is() -> None:
    assert UnknownRtcpPacket(207, 3, b"abcd").serialize_body() == (3, b"abcd")
