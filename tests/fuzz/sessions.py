"""Session descriptions (RFC 8866), and what offer and answer make of those that can be read (RFC 3264)."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cache
from random import Random
from typing import Final

from offhook.errors import ParseError, ProtocolError
from offhook.sdp.attributes import Attribute, Direction, Fmtp, Group, Rtcp, Rtpmap, parse_packet_time
from offhook.sdp.codec import Codec, codecs_of
from offhook.sdp.fields import Connection, Origin
from offhook.sdp.negotiate import (
    Capabilities,
    NegotiatedSession,
    Side,
    StreamCapability,
    apply_answer,
    make_answer,
    make_offer,
)
from offhook.sdp.parser import MAX_LINES, MAX_OCTETS, parse
from offhook.sdp.session import MediaDescription, SessionDescription
from offhook.ua.audio import audio_parameters
from tests.fuzz.messages import DATA, bare_line_ends, drop_line, swap_lines
from tests.fuzz.octets import MARKS
from tests.fuzz.target import Target, documented
from tests.fuzz.timing import OF_A_CHECK, stopwatch

__all__ = ["SESSIONS"]

AUDIO: Final = (Codec("PCMU"), Codec("PCMA"), Codec("opus", 48000, 2), Codec("telephone-event", parameters="0-15"))
OURS: Final = Capabilities(
    Origin.of("192.0.2.1", 1000, 1),
    (Connection.to("192.0.2.1"), Connection.to("2001:db8::1")),
    (
        StreamCapability("audio", 4000, AUDIO, rtcp_mux=True, multicast=True),
        StreamCapability("video", 4002, (Codec("H261", 90000), Codec("MPV", 90000))),
        StreamCapability("image", 4004, formats=("t38",), proto="udptl"),
    ),
)
OFFER: Final = make_offer(OURS)
MANY: Final = (
    b"v=0\r\no=- 1 2 IN IP6 ::1\r\ns=\xc3\xa9\r\ni=info\r\nu=http://a\r\ne=a@b\r\np=+1\r\n"
    b"c=IN IP4 233.252.0.1/127/3\r\n"
    b"b=AS:64\r\nb=X-Y:1\r\nt=3034423619 3042462419\r\nr=7d 1h 0 25h\r\nz=2882844526 -1h 2898848070 0\r\nk=prompt\r\n"
    b"a=group:BUNDLE 1 2\r\na=tool:x\r\nm=audio 49170/2 RTP/SAVPF 0 8 111 101\r\nc=IN IP6 ff15::101/3\r\nb=RS:0\r\n"
    b"a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-11,16\r\na=mid:1\r\na=rtcp:53020 IN IP6 2001:db8::2\r\na=rtcp-mux\r\na=ptime:20\r\n"
    b"a=maxptime:2.5\r\n"
    b"a=sendonly\r\na=ssrc:1 cname:x\r\na=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host\r\n"
    b"m=image 4004 udptl t38\r\nc=IN IP4 192.0.2.7\r\na=T38FaxVersion:0\r\nm=audio 0 RTP/AVP 0\r\n"
    b"m=video 6000 rtp/avp 31 32\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=inactive\r\n"
)
LINES: Final = (
    *(b"c=IN IP4 0.0.0.0", b"c=IN IP6 ::", b"c=IN IP4 224.2.1.1/127/3", b"b=RR:0", b"a=rtcp:9 IN IP4 x", b"a=inactive"),
    *(b"a=rtpmap:0 PCMU/8000/1", b"a=rtpmap:8 X/1", b"a=fmtp:0 ;=;a", b"a=rtcp-mux", b"a=ptime:0", b"a=group:LS 1"),
    *(b"m=audio 5000 RTP/AVP 0 0 8", b"m=audio 9 udp x", b"m=video 1 RTP/AVP 31", b"m=image 4 udptl t38", b"a=", b"=a"),
    *(b"t=0 0", b"r=1 1 1", b"z=0 0", b"i=", b"k=clear:x", b"a=mid:", b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d"),
    *(b"a=setup:actpass", b"a=fingerprint:sha-256 AA", b"v=0", b"o=- 0 0 IN IP4 h", b"s= "),
)


@cache
def seeds() -> tuple[bytes, ...]:
    """The bodies and exchanges of the RFCs, our own offer, and one with everything."""
    found = [MANY, OFFER.serialize()]
    bodies = (DATA / "sdp" / "bodies.jsonl").read_text(encoding="utf-8").splitlines()
    found += [json.loads(line)["body"].encode("utf-8", "surrogateescape") for line in bodies]
    for line in (DATA / "sdp" / "exchanges.jsonl").read_text(encoding="utf-8").splitlines():
        found += [each["body"].encode() for each in json.loads(line)["descriptions"]]
    return tuple(dict.fromkeys([MANY, MANY, *found]))


def insert_line(random: Random, data: bytes) -> bytes:
    lines = data.split(b"\r\n")
    lines.insert(random.randrange(len(lines)), random.choice(LINES))
    return b"\r\n".join(lines)


def add_line(random: Random, data: bytes) -> bytes:
    """At the end, where attributes belong to the last stream."""
    return data + random.choice(LINES) + b"\r\n"


def check_session(data: bytes) -> bool:
    """Whether a description is read; it comes back octet by octet, and can be answered or is refused with 488."""
    try:
        session = stopwatch.within(lambda: parse(data))
    except ParseError as error:
        documented(error, 400, 413)
        return False
    assert session.serialize() == data
    read(session)
    change(session)
    answer(session)
    take_as_answer(session)
    return True


def read(session: SessionDescription) -> None:
    """Everything that can be asked of a description: a value or ParseError, and never anything else."""
    str((session.uri, session.emails, session.phones, session.information, session.session_name, session.times))
    hash(session)
    for line in session.time_lines:
        assert line.type in "trz"
    for connection in (*session.connections, *(each for media in session.media for each in media.connections)):
        assert connection.addresses
        assert not (connection.is_multicast and connection.is_unspecified)
        assert Connection.parse(connection.serialize()) == connection
    assert Origin.parse(session.origin.serialize()) == session.origin
    for media in session.media:
        for codec in codecs_of(media):
            assert codec.same_format(codec)
        assert session.direction_of(media) in Direction
        assert not media.port or session.connection_of(media) is not None
        str((media.mid, media.is_rtp, session.bandwidth_of(media, "AS"), media.field.disabled))
        for attribute in (*media.attributes, *session.attributes):
            read_attribute(attribute)


def read_attribute(attribute: Attribute) -> None:
    assert Attribute.parse(attribute.serialize()) == attribute
    with suppress(ParseError):
        match attribute.name:
            case "rtpmap":
                rtpmap = Rtpmap.parse(attribute.value or "")
                assert Rtpmap.parse(rtpmap.serialize()) == rtpmap
                assert rtpmap.channels > 0
            case "fmtp":
                assert isinstance(Fmtp.parse(attribute.value or "").pairs, dict)
            case "rtcp":
                rtcp = Rtcp.parse(attribute.value or "")
                assert Rtcp.parse(rtcp.serialize()) == rtcp
            case "group":
                group = Group.parse(attribute.value or "")
                assert Group.parse(group.serialize()) == group
            case "ptime" | "maxptime":
                assert parse_packet_time(attribute.value or "") >= 0


def change(session: SessionDescription) -> None:
    """Changed descriptions are descriptions too."""
    held = session.with_direction(Direction.INACTIVE).with_attribute(Attribute("x", "y")).with_session_name("z")
    again = reread(held.with_media(media.with_direction(Direction.SENDONLY) for media in held.media))
    assert again.direction is Direction.INACTIVE
    assert [media.direction for media in again.media] == [Direction.SENDONLY] * len(session.media)
    assert again.without_attribute("x").attribute("x") is None
    assert again.session_name == "z"


def reread(session: SessionDescription) -> SessionDescription:
    """What was read is as long as may be, and may have grown."""
    return parse(session.serialize(), max_octets=2 * MAX_OCTETS, max_lines=2 * MAX_LINES)


def answer(offer: SessionDescription) -> None:
    """What a called user agent does."""
    for may_refuse in (True, False):
        try:
            made = stopwatch.within(lambda: make_answer(offer, OURS, may_refuse=may_refuse))  # noqa: B023
        except ProtocolError as error:
            documented(error, 488 if may_refuse else 0)
            continue
        check_written(made)
        agreed = apply_answer(offer, made, side=Side.ANSWERER)
        read_streams(agreed)
        seen_there = apply_answer(offer, made)
        for here, there in zip(agreed.streams, seen_there.streams, strict=True):
            assert here.enabled == there.enabled
            assert set(here.send) == set(there.receive) or not here.enabled
        check_written(make_offer(OURS, agreed))


def take_as_answer(session: SessionDescription) -> None:
    """What a caller does with what should be an answer, and with an offer that follows."""
    try:
        agreed = stopwatch.within(lambda: apply_answer(OFFER, session))
    except ProtocolError as error:
        documented(error, 488)
        return
    read_streams(agreed)
    check_written(make_offer(OURS, agreed))
    with suppress(ProtocolError):
        check_written(make_answer(session, OURS, agreed))


def read_streams(agreed: NegotiatedSession) -> None:
    for stream in agreed.streams:
        str((stream.codec, stream.telephone_event, stream.telephone_events))
        if stream.codec is None or stream.codec.encoding.upper() in ("PCMU", "PCMA"):
            # Others are not offered by those who would run it.
            audio = tuple(codec for codec in stream.receive if codec.encoding.upper() not in ("OPUS", "H261", "MPV"))
            if audio == stream.receive:
                audio_parameters(stream, {})


def check_written(session: SessionDescription) -> None:
    """What is sent can be read, and says the same."""
    again = reread(session)
    assert again == session
    assert [media.field for media in again.media] == [media.field for media in session.media]
    assert all(isinstance(media, MediaDescription) for media in again.media)


SESSIONS: Final = Target(
    "sessions",
    seeds,
    check_session,
    marks=(*MARKS, b"\r\n", b"\n", b"\r", b"IN", b"IP4", b"IP6", b"a=", b"m=", b"RTP/AVP"),
    more=(insert_line, insert_line, add_line, add_line, drop_line, swap_lines, bare_line_ends),
    largest=MAX_OCTETS,
    most=OF_A_CHECK,
)
