from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sdp.fields import Bandwidth, Connection, MediaField, Origin


def test_origin() -> None:
    text = "jdoe 3724394400 3724394405 IN IP4 198.51.100.1"
    origin = Origin.parse(text)
    assert origin == Origin("jdoe", 3724394400, 3724394405, "198.51.100.1")
    assert origin.serialize() == text


def test_the_origin_of_an_address_knows_its_type() -> None:
    assert Origin.of("2001:db8::1", 1, 2, "alice").serialize() == "alice 1 2 IN IP6 2001:db8::1"
    assert Origin.of("host.example.com", 1, 2).serialize() == "- 1 2 IN IP4 host.example.com"


@pytest.mark.parametrize(
    ("text", "username"),
    [("John Doe 1 2 IN IP4 192.0.2.1", "John Doe"), (" 1 2 IN IP4 192.0.2.1", ""), ("- 1 2 IN IP4 192.0.2.1 ", "-")],
)
def test_user_names_of_phones(text: str, username: str) -> None:
    origin = Origin.parse(text)
    assert (origin.username, origin.session_id, origin.address) == (username, 1, "192.0.2.1")


def test_a_session_is_known_by_all_but_the_version() -> None:
    origin = Origin.of("192.0.2.1", 1, 2)
    assert origin.same_session(Origin.of("192.0.2.1", 1, 3))
    assert not origin.same_session(Origin.of("192.0.2.1", 2, 2))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1 2 IN IP4",
        "- x 2 IN IP4 192.0.2.1",
        "- 1 -2 IN IP4 192.0.2.1",
        f"- {1 << 64} 2 IN IP4 192.0.2.1",
        "- 1 2 I/N IP4 192.0.2.1",
        "- 1 2 IN  192.0.2.1",
    ],
)
def test_malformed_origins(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Origin.parse(text, 7)
    assert (caught.value.clause, caught.value.offset) == ("RFC 8866 5.2", 7)


def test_a_session_id_may_fill_64_bits() -> None:
    assert Origin.parse(f"- {(1 << 64) - 1} 0 IN IP4 192.0.2.1").session_id == (1 << 64) - 1


@pytest.mark.parametrize(
    ("text", "connection"),
    [
        ("IN IP4 192.0.2.1", Connection("IN", "IP4", "192.0.2.1")),
        ("IN IP4 host.example.com", Connection("IN", "IP4", "host.example.com")),
        ("IN IP4 233.252.0.1/127", Connection("IN", "IP4", "233.252.0.1", 127)),
        ("IN IP4 233.252.0.1/127/3", Connection("IN", "IP4", "233.252.0.1", 127, 3)),
        ("IN IP6 ::ffff:192.0.2.2", Connection("IN", "IP6", "::ffff:192.0.2.2")),
        ("IN IP6 ff00::db8:0:101", Connection("IN", "IP6", "ff00::db8:0:101")),
        ("IN IP6 ff00::db8:0:101/3", Connection("IN", "IP6", "ff00::db8:0:101", None, 3)),
        ("TN RFC2543 +1-201-406-4090", Connection("TN", "RFC2543", "+1-201-406-4090")),
        ("ATM NSAP 47.0091 x y", Connection("ATM", "NSAP", "47.0091 x y")),
    ],
)
def test_connections(text: str, connection: Connection) -> None:
    assert Connection.parse(text) == connection
    assert connection.serialize() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "IN IP4",
        "IN IP4 ::1",
        "IN IP6 192.0.2.1",
        "IN IP4 300.1.1.1",
        "IN IP4 192.0.2.1/127",
        "IN IP4 192.0.2.1 extra",
        "IN IP4 host.example.com/1",
        "IN IP4 233.252.0.1",
        "IN IP4 233.252.0.1/256",
        "IN IP4 233.252.0.1/1/0",
        "IN IP4 233.252.0.1/1/256",
        "IN IP4 233.252.0.1/1/1/1",
        "IN IP4 239.255.255.255/1/2",
        "IN IP6 ff00::1/1/1",
        "IN IP6 2001:db8::1/2",
        "IN IP6 fe80::1%eth0",
        "IN IP6 [2001:db8::1]",
    ],
)
def test_malformed_connections(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Connection.parse(text, 7)
    assert (caught.value.clause, caught.value.offset) == ("RFC 8866 5.7", 7)


def test_multicast_addresses_are_counted_up() -> None:
    # The examples of RFC 8866 5.7.
    assert Connection.parse("IN IP4 233.252.0.1/127/3").addresses == ("233.252.0.1", "233.252.0.2", "233.252.0.3")
    assert Connection.parse("IN IP6 ff00::db8:0:101/3").addresses == (
        "ff00::db8:0:101",
        "ff00::db8:0:102",
        "ff00::db8:0:103",
    )
    assert Connection.to("host.example.com").addresses == ("host.example.com",)


def test_which_addresses_are_multicast() -> None:
    assert Connection.parse("IN IP4 233.252.0.1/1").is_multicast
    assert Connection.parse("IN IP6 ff00::1").is_multicast
    assert not Connection.to("192.0.2.1").is_multicast
    assert not Connection.to("host.example.com").is_multicast


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "nowhere.invalid", "nowhere.INVALID."])
def test_nothing_is_sent_to_an_unspecified_address(address: str) -> None:
    assert Connection.to(address).is_unspecified


@pytest.mark.parametrize("address", ["192.0.2.1", "::1", "invalid.example.com"])
def test_other_addresses_are_specified(address: str) -> None:
    assert not Connection.to(address).is_unspecified


@pytest.mark.parametrize("text", ["AS:64", "CT:0", "X-YZ:128", "TIAS:64000"])
def test_bandwidths(text: str) -> None:
    assert Bandwidth.parse(text).serialize() == text


@pytest.mark.parametrize("text", ["", "AS", "AS:", ":64", "AS:6.4", "AS:-1", "A S:64", f"AS:{1 << 53}"])
def test_malformed_bandwidths(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        Bandwidth.parse(text, 7)
    assert (caught.value.clause, caught.value.offset) == ("RFC 8866 5.8", 7)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("audio 49170 RTP/AVP 0 8 101", MediaField("audio", 49170, "RTP/AVP", ("0", "8", "101"))),
        ("video 49170/2 RTP/AVP 31", MediaField("video", 49170, "RTP/AVP", ("31",), 2)),
        ("application 9 UDP/DTLS/SCTP webrtc-datachannel", None),
        ("image 56789 udptl t38", None),
        ("message 7394 TCP/MSRP *", None),
    ],
)
def test_media_fields(text: str, field: MediaField | None) -> None:
    parsed = MediaField.parse(text)
    assert parsed.serialize() == text
    if field is not None:
        assert parsed == field


def test_a_phone_ends_its_line_with_a_space() -> None:
    assert MediaField.parse("audio 5004 RTP/AVP 0 8 ").formats == ("0", "8")


def test_a_rejected_stream_may_lack_formats() -> None:
    assert MediaField.parse("video 0 RTP/AVP").disabled.serialize() == "video 0 RTP/AVP 0"


@pytest.mark.rfc("3264 6 #8")
def test_a_disabled_stream_has_one_format_and_no_port() -> None:
    assert MediaField.parse("video 49170/2 RTP/AVP 31 32").disabled.serialize() == "video 0 RTP/AVP 31"


@pytest.mark.parametrize(("proto", "is_rtp"), [("RTP/AVP", True), ("UDP/TLS/RTP/SAVPF", True), ("udptl", False)])
def test_formats_are_payload_types_in_the_profiles_of_rtp(proto: str, is_rtp: bool) -> None:
    assert MediaField("audio", 9, proto, ("0",)).is_rtp is is_rtp


@pytest.mark.parametrize(
    "text",
    [
        "",
        "audio 49170",
        "audio 49170 RTP/AVP",
        "audio 65536 RTP/AVP 0",
        "audio -1 RTP/AVP 0",
        "audio 4917O RTP/AVP 0",
        "audio 49170/0 RTP/AVP 0",
        "audio 49170/ RTP/AVP 0",
        "audio 49170/256 RTP/AVP 0",
        "audio 49170 RTP//AVP 0",
        "aud/io 49170 RTP/AVP 0",
    ],
)
def test_malformed_media_fields(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        MediaField.parse(text, 7)
    assert (caught.value.clause, caught.value.offset) == ("RFC 8866 5.14", 7)
