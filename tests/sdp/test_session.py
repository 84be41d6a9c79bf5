from __future__ import annotations

import pytest

from offhook import sdp
from offhook.errors import ParseError
from offhook.sdp.attributes import Attribute, Direction
from offhook.sdp.fields import Bandwidth, Connection, MediaField, Origin
from offhook.sdp.line import Line
from offhook.sdp.session import MediaDescription, SessionDescription
from offhook.sdp.timing import PERMANENT
from tests.sdp.descriptions import description

# RFC 8866 section 5.
EXAMPLE = (
    b"v=0\r\n"
    b"o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1\r\n"
    b"s=Call to John Smith\r\n"
    b"i=SDP Offer #1\r\n"
    b"u=http://www.jdoe.example.com/home.html\r\n"
    b"e=Jane Doe <jane@jdoe.example.com>\r\n"
    b"p=+1 617 555-6011\r\n"
    b"c=IN IP4 198.51.100.1\r\n"
    b"t=0 0\r\n"
    b"m=audio 49170 RTP/AVP 0\r\n"
    b"m=audio 49180 RTP/AVP 0\r\n"
    b"m=video 51372 RTP/AVP 99\r\n"
    b"c=IN IP6 2001:db8::2\r\n"
    b"a=rtpmap:99 h263-1998/90000\r\n"
)


def test_the_example_of_the_rfc() -> None:
    session = sdp.parse(EXAMPLE)
    assert session.origin == Origin("jdoe", 3724394400, 3724394405, "198.51.100.1")
    assert (session.session_name, session.information) == ("Call to John Smith", "SDP Offer #1")
    assert session.uri == "http://www.jdoe.example.com/home.html"
    assert session.emails == ("Jane Doe <jane@jdoe.example.com>",)
    assert session.phones == ("+1 617 555-6011",)
    assert session.times == (PERMANENT,)
    assert [(media.media, media.port, media.proto, media.formats) for media in session.media] == [
        ("audio", 49170, "RTP/AVP", ("0",)),
        ("audio", 49180, "RTP/AVP", ("0",)),
        ("video", 51372, "RTP/AVP", ("99",)),
    ]
    addresses = [session.connection_of(media) for media in session.media]
    assert [address and address.address for address in addresses] == ["198.51.100.1"] * 2 + ["2001:db8::2"]
    assert session.serialize() == EXAMPLE


def test_the_direction_of_the_session_holds_where_a_stream_has_none() -> None:
    # RFC 8866 6.7.
    session = description(
        "a=inactive", "m=audio 49170 RTP/AVP 0", "a=sendrecv", "m=audio 49180 RTP/AVP 0", "m=video 51372 RTP/AVP 99"
    )
    assert [session.direction_of(media).value for media in session.media] == ["sendrecv", "inactive", "inactive"]
    other = description("m=audio 49170 RTP/AVP 0")
    assert other.direction_of(other.media[0]) is Direction.SENDRECV


def test_what_streams_inherit() -> None:
    session = description(
        "a=fingerprint:sha-256 AA", "a=x", "m=audio 9 RTP/AVP 0", "a=x:own", "b=AS:64", "m=video 9 RTP/AVP 31"
    ).with_bandwidths([Bandwidth("AS", 512)])
    audio, video = session.media
    assert session.attribute_of(video, "fingerprint") == Attribute("fingerprint", "sha-256 AA")
    assert session.attribute_of(audio, "x") == Attribute("x", "own")
    assert session.attribute_of(video, "x") == Attribute("x")
    assert session.attribute_of(video, "y") is None
    assert (session.bandwidth_of(audio, "AS"), session.bandwidth_of(video, "AS")) == (64, 512)
    assert session.bandwidth_of(audio, "CT") is None


def test_a_stream_may_have_many_connections() -> None:
    session = description("m=video 49170/2 RTP/AVP 31", "c=IN IP6 ff00::db8:0:101", "c=IN IP6 ff00::db8:0:102")
    assert len(session.connections_of(session.media[0])) == 2
    assert session.media[0].field.port_count == 2


def test_mid() -> None:
    session = description("m=audio 9 RTP/AVP 0", "a=mid:one", "m=audio 9 RTP/AVP 0")
    assert [media.mid for media in session.media] == ["one", None]


@pytest.mark.parametrize(
    ("lines", "clause"),
    [
        ([], "RFC 8866 5"),
        (["s=-", "v=0"], "RFC 8866 5"),
        (["v=1", "o=- 1 1 IN IP4 192.0.2.1"], "RFC 8866 5.1"),
        (["v=", "o=- 1 1 IN IP4 192.0.2.1"], "RFC 8866 5.1"),
        (["v=0", "s=-"], "RFC 8866 5.2"),
        (["v=0", "o=- 1 1 IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1", "c=IN IP4 192.0.2.1"], "RFC 8866 9"),
        (["v=0", "o=- 1 1 IN IP4 192.0.2.1", "v=0"], "RFC 8866 9"),
    ],
)
def test_malformed_session_levels(lines: list[str], clause: str) -> None:
    with pytest.raises(ParseError) as caught:
        SessionDescription(Line(text[0], text[2:]) for text in lines)
    assert caught.value.clause == clause


def test_a_description_without_name_and_time() -> None:
    session = SessionDescription([Line("v", "0"), Line("o", "- 1 1 IN IP4 192.0.2.1")])
    assert (session.session_name, session.times, session.time_lines) == ("", (PERMANENT,), ())


def test_build() -> None:
    session = SessionDescription.build(
        Origin.of("192.0.2.1", 7, 8, "alice"),
        connection=Connection.to("192.0.2.1"),
        bandwidths=[Bandwidth("CT", 128)],
        attributes=[Attribute("tool", "x")],
        media=[
            MediaDescription.build(
                MediaField("audio", 4000, "RTP/AVP", ("0",)),
                connections=[Connection.to("2001:db8::1")],
                bandwidths=[Bandwidth("AS", 64)],
                attributes=[Attribute("sendonly")],
            )
        ],
    )
    assert session.serialize() == (
        b"v=0\r\no=alice 7 8 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nb=CT:128\r\nt=0 0\r\na=tool:x\r\n"
        b"m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::1\r\nb=AS:64\r\na=sendonly\r\n"
    )
    assert sdp.parse(session.serialize()) == session


def test_nothing_can_be_built_that_cannot_be_parsed() -> None:
    with pytest.raises(ParseError):
        SessionDescription.build(Origin("a", 1, 1, "192.0.2.1 x"), session_name="-\r\na=evil")
    with pytest.raises(ParseError):
        MediaDescription.build(MediaField("audio", 70000, "RTP/AVP", ("0",)))


def test_a_change_leaves_all_else_as_it_was() -> None:
    session = sdp.parse(EXAMPLE.replace(b"\r\n", b"\n") + b"\n\x00")
    changed = session.with_origin(Origin("jdoe", 3724394400, 3724394406, "198.51.100.1")).with_session_name(" ")
    assert changed.serialize() == EXAMPLE.replace(b"\r\n", b"\n").replace(b"405", b"406").replace(
        b"s=Call to John Smith", b"s= "
    ) + (b"\n\x00")
    field = MediaField("audio", 0, "RTP/AVP", ("0",))
    fewer = session.with_media([session.media[0].with_field(field), *session.media[1:]])
    assert fewer.serialize() == EXAMPLE.replace(b"\r\n", b"\n").replace(b"audio 49170", b"audio 0") + b"\n\x00"


def test_time_lines_can_be_repeated() -> None:
    session = SessionDescription(
        [Line("v", "0"), Line("o", "- 1 1 IN IP4 192.0.2.1"), Line("t", " 1  2", "\n", 30), Line("r", "7d 1h 0", "\n")]
    )
    assert session.time_lines == (Line("t", "1 2"), Line("r", "7d 1h 0"))


def test_descriptions_are_values() -> None:
    session = sdp.parse(EXAMPLE)
    assert session == sdp.parse(EXAMPLE)
    assert hash(session) == hash(sdp.parse(EXAMPLE))
    assert session != session.with_media([])
    assert session != sdp.parse(EXAMPLE + b"\n")
    assert session != EXAMPLE
    assert repr(session).startswith("SessionDescription(b'v=0")
