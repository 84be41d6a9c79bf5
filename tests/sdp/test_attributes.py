from __future__ import annotations

import pytest

from offhook.errors import InvalidState, ParseError
from offhook.sdp import attributes
from offhook.sdp.attributes import Attribute, Direction, Fmtp, Group, Rtcp, Rtpmap
from offhook.sdp.fields import Connection

SENDRECV, SENDONLY, RECVONLY, INACTIVE = Direction


@pytest.mark.parametrize(
    ("text", "attribute"),
    [
        ("recvonly", Attribute("recvonly")),
        ("rtpmap:0 PCMU/8000", Attribute("rtpmap", "0 PCMU/8000")),
        ("crypto:1 A:B inline:c", Attribute("crypto", "1 A:B inline:c")),
        ("empty:", Attribute("empty", "")),
        ("", Attribute("")),
    ],
)
def test_attributes(text: str, attribute: Attribute) -> None:
    assert Attribute.parse(text) == attribute
    assert attribute.serialize() == text


@pytest.mark.rfc("3264 6.1 #3", "3264 6.1 #4", "3264 6.1 #5")
@pytest.mark.parametrize(
    ("offered", "wanted", "answered"),
    # RFC 3264 6.1, every offered direction against every wish.
    [
        (SENDRECV, SENDRECV, SENDRECV),
        (SENDRECV, SENDONLY, SENDONLY),
        (SENDRECV, RECVONLY, RECVONLY),
        (SENDRECV, INACTIVE, INACTIVE),
        (SENDONLY, SENDRECV, RECVONLY),
        (SENDONLY, SENDONLY, INACTIVE),
        (SENDONLY, RECVONLY, RECVONLY),
        (SENDONLY, INACTIVE, INACTIVE),
        (RECVONLY, SENDRECV, SENDONLY),
        (RECVONLY, SENDONLY, SENDONLY),
        (RECVONLY, RECVONLY, INACTIVE),
        (RECVONLY, INACTIVE, INACTIVE),
        (INACTIVE, SENDRECV, INACTIVE),
        (INACTIVE, SENDONLY, INACTIVE),
        (INACTIVE, RECVONLY, INACTIVE),
        (INACTIVE, INACTIVE, INACTIVE),
    ],
)
def test_directions_of_answers(offered: Direction, wanted: Direction, answered: Direction) -> None:
    assert wanted.within(offered.reversed) is answered


def test_directions_of_hold() -> None:
    # RFC 3264 8.4: sendrecv becomes sendonly, recvonly becomes inactive.
    assert [direction.held for direction in Direction] == [SENDONLY, SENDONLY, INACTIVE, INACTIVE]


@pytest.mark.parametrize(
    ("text", "rtpmap", "channels"),
    [
        ("0 PCMU/8000", Rtpmap(0, "PCMU", 8000), 1),
        ("98 L16/16000/2", Rtpmap(98, "L16", 16000, "2"), 2),
        ("111 opus/48000/2", Rtpmap(111, "opus", 48000, "2"), 2),
        ("127 telephone-event/8000", Rtpmap(127, "telephone-event", 8000), 1),
    ],
)
def test_rtpmaps(text: str, rtpmap: Rtpmap, channels: int) -> None:
    assert Rtpmap.parse(text) == rtpmap
    assert rtpmap.serialize() == text
    assert rtpmap.channels == channels


@pytest.mark.parametrize(
    "text", ["", "0", "0 PCMU", "0 PCMU/", "0 PCMU/0", "0 PC MU/8000", "128 X/8000", "x X/8000", "0 /8000", "0 X/8k"]
)
def test_malformed_rtpmaps(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Rtpmap.parse(text, 9)
    assert (caught.value.clause, caught.value.offset) == ("RFC 8866 6.6", 9)


@pytest.mark.parametrize("parameters", ["0", "256", "x", "2/2", ""])
def test_encoding_parameters_that_are_no_channels(parameters: str) -> None:
    rtpmap = Rtpmap.parse(f"96 X/8000/{parameters}")
    with pytest.raises(ParseError):
        assert rtpmap.channels


def test_fmtp() -> None:
    fmtp = Fmtp.parse("96 profile-level-id=42e016;Max-mbps=108000; x;max-mbps=1;;y=")
    assert fmtp.format == "96"
    assert fmtp.pairs == {"profile-level-id": "42e016", "max-mbps": "108000", "x": "", "y": ""}
    assert Fmtp.parse(fmtp.serialize()) == fmtp


@pytest.mark.parametrize("text", ["", "96", "96 ", " "])
def test_malformed_fmtps(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Fmtp.parse(text, 9)
    assert (caught.value.clause, caught.value.offset) == ("RFC 8866 6.15", 9)


@pytest.mark.parametrize(
    ("text", "rtcp"),
    # The examples of RFC 3605 2.1.
    [
        ("53020", Rtcp(53020)),
        ("53020 IN IP4 126.16.64.4", Rtcp(53020, Connection("IN", "IP4", "126.16.64.4"))),
        (
            "53020 IN IP6 2001:2345:6789:ABCD:EF01:2345:6789:ABCD",
            Rtcp(53020, Connection("IN", "IP6", "2001:2345:6789:ABCD:EF01:2345:6789:ABCD")),
        ),
    ],
)
def test_rtcp(text: str, rtcp: Rtcp) -> None:
    assert Rtcp.parse(text) == rtcp
    assert rtcp.serialize() == text


@pytest.mark.parametrize("text", ["", "0", "65536", "x", "53020 IN", "53020 IN IP4 ::1"])
def test_malformed_rtcp(text: str) -> None:
    with pytest.raises(ParseError):
        Rtcp.parse(text)


@pytest.mark.parametrize(("text", "group"), [("LS 1 2", Group("LS", ("1", "2"))), ("BUNDLE", Group("BUNDLE", ()))])
def test_groups(text: str, group: Group) -> None:
    assert Group.parse(text) == group
    assert group.serialize() == text


@pytest.mark.parametrize("text", ["", "L/S 1", "LS 1/2"])
def test_malformed_groups(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Group.parse(text, 9)
    assert (caught.value.clause, caught.value.offset) == ("RFC 5888 5", 9)


@pytest.mark.parametrize(("text", "value"), [("20", 20.0), (" 20 ", 20.0), ("62.5", 62.5)])
def test_packet_times(text: str, value: float) -> None:
    assert attributes.parse_packet_time(text) == value
    assert attributes.packet_time(value) == text.strip()


@pytest.mark.rfc("3264 5.1 #12")
@pytest.mark.parametrize("value", [0, 0.0, -20, 1e-10, float("nan")])
def test_a_packet_time_is_above_zero(value: float) -> None:
    with pytest.raises(InvalidState):
        attributes.packet_time(value)


@pytest.mark.parametrize("text", ["", "0", "-20", "20 30", "20ms"])
def test_malformed_packet_times(text: str) -> None:
    with pytest.raises(ParseError):
        attributes.parse_packet_time(text)


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("", set(range(16))),
        ("0-15", set(range(16))),
        ("0-15,66,70", {*range(16), 66, 70}),
        ("70,0-3,2-5", {*range(6), 70}),
        ('events="0-11"', set(range(12))),
        ("255", {255}),
        ("0-255", set(range(256))),
    ],
)
def test_telephone_events(text: str, events: set[int]) -> None:
    assert attributes.parse_telephone_events(text) == events


@pytest.mark.parametrize("text", ["0-256", "15-0", "0-", "-15", "a", "0,,1", "0-15;x", "0-1-2"])
def test_malformed_telephone_events(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        attributes.parse_telephone_events(text, 9)
    assert (caught.value.clause, caught.value.offset) == ("RFC 4733 2.4.1", 9)
