from __future__ import annotations

from dataclasses import replace

import pytest

from offhook import sdp
from offhook.errors import ProtocolError
from offhook.sdp.answer import make_answer
from offhook.sdp.attributes import Direction
from offhook.sdp.capabilities import StreamCapability
from offhook.sdp.codec import Codec, codecs_of
from offhook.sdp.fields import Bandwidth, Connection
from offhook.sdp.negotiate import Side, apply_answer
from tests.sdp.agents import DTMF, G722, OPUS, PCMA, PCMU, agent, audio, media_lines
from tests.sdp.descriptions import description

VIDEO = StreamCapability("video", 5000, (Codec("H261", 90000),))
TELEPHONE_EVENT = ("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15")


@pytest.mark.rfc("3264 5 #1", "3264 6 #1", "3264 6.1 #8", "3264 6.1 #11", "3264 6.1 #12", "3264 6.1 #13")
def test_an_answer() -> None:
    offer = description("m=audio 49170 RTP/AVP 0 8 101", *TELEPHONE_EVENT, "a=ptime:30")
    answer = make_answer(offer, agent(audio(6000, PCMA, replace(DTMF, parameters="0-11"), PCMU, ptime=20)))
    assert answer.serialize() == (
        b"v=0\r\no=- 1000 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-11\r\na=ptime:20\r\na=sendrecv\r\n"
    )
    assert sdp.parse(answer.serialize()) == answer


@pytest.mark.rfc("3264 6.1 #13")
def test_our_own_preference() -> None:
    offer = description("m=audio 49170 RTP/AVP 0 8 101", *TELEPHONE_EVENT)
    answer = make_answer(offer, agent(audio(6000, PCMA, DTMF, PCMU)), own_preference=True)
    assert answer.media[0].formats == ("8", "101", "0")


@pytest.mark.rfc("3264 6 #2", "3264 6 #3", "3264 6 #7", "3264 6.1 #2", "3264 8.2 #1")
def test_the_lines_of_the_offer_in_its_order() -> None:
    offer = description("m=video 5 RTP/AVP 31", "m=image 7 udptl t38", "m=audio 9 RTP/AVP 0", "m=audio 0 RTP/AVP 0")
    answer = make_answer(offer, agent(audio(6000), audio(6002), VIDEO))
    assert [line[0] for line in media_lines(answer)] == [
        "m=video 5000 RTP/AVP 31",
        "m=image 0 udptl t38",
        "m=audio 6000 RTP/AVP 0",
        "m=audio 0 RTP/AVP 0",
    ]


@pytest.mark.rfc("3264 6 #4")
def test_an_offer_without_streams() -> None:
    assert make_answer(description(), agent(audio())).media == ()


@pytest.mark.rfc("3264 6.1 #10")
def test_payload_types_of_the_offer_are_used() -> None:
    offer = description("m=audio 9 RTP/AVP 118 99", "a=rtpmap:118 PCMU/8000", "a=rtpmap:99 OPUS/48000/2")
    answer = make_answer(offer, agent(audio(6000, replace(OPUS, payload_type=111), PCMU)))
    assert codecs_of(answer.media[0]) == (replace(PCMU, payload_type=118), Codec("OPUS", 48000, 2, 99))


def test_one_codec_of_ours_answers_one_of_theirs() -> None:
    offer = description("m=audio 9 RTP/AVP 0 96", "a=rtpmap:96 PCMU/8000")
    assert make_answer(offer, agent(audio(6000, PCMU))).media[0].formats == ("0",)


@pytest.mark.rfc("3264 6 #7", "3264 6.1 #2", "3264 6.1 #17")
@pytest.mark.parametrize(
    "lines",
    [
        ["m=audio 9 RTP/AVP 9"],
        ["m=audio 9 RTP/SAVP 0"],
        ["m=video 9 RTP/AVP 31"],
        ["m=audio 9 RTP/AVP 0", "c=IN IP6 2001:db8::1"],
        ["m=audio 9 RTP/AVP 0", "c=TN RFC2543 +1"],
        ["m=audio 9 RTP/AVP 0", "c=IN IP4 233.252.0.1/1"],
        ["m=audio 9 RTP/AVP 9 101", *TELEPHONE_EVENT],
        ["m=audio 9 RTP/AVP 97"],
    ],
)
def test_an_offer_with_nothing_for_us(lines: list[str]) -> None:
    bob = agent(audio(6000, PCMU, PCMA, DTMF))
    with pytest.raises(ProtocolError) as caught:
        make_answer(description(*lines), bob)
    assert (caught.value.status, caught.value.clause) == (488, "RFC 3264 6.1")
    # RFC 6337 5.2.4: what came in a response cannot be refused.
    answer = make_answer(description(*lines), bob, may_refuse=False)
    assert [media.port for media in answer.media] == [0]


@pytest.mark.rfc("3264 8.2 #1")
def test_removing_all_streams_is_no_error() -> None:
    answer = make_answer(description("m=audio 0 RTP/AVP 0"), agent(audio()))
    assert media_lines(answer) == [["m=audio 0 RTP/AVP 0"]]


def test_a_stream_of_telephone_events_alone() -> None:
    # RFC 4317 2.4.
    offer = description("m=audio 7 RTP/AVP 0", "m=audio 9 RTP/AVP 101", *TELEPHONE_EVENT, "a=sendonly")
    answer = make_answer(offer, agent(audio(6000, PCMU, DTMF), audio(6002, DTMF)))
    assert [(media.port, media.direction) for media in answer.media] == [
        (6000, Direction.SENDRECV),
        (6002, Direction.RECVONLY),
    ]
    # A receiver of events takes them beside any codec.
    offer = description("m=audio 9 RTP/AVP 0 101", *TELEPHONE_EVENT)
    assert make_answer(offer, agent(audio(6002, DTMF))).media[0].formats == ("101",)


@pytest.mark.rfc("3264 6.1 #3", "3264 6.1 #6", "3264 6.1 #9")
@pytest.mark.parametrize("session_level", [False, True])
def test_directions(session_level: bool) -> None:
    stream = "m=audio 9 RTP/AVP 0"
    offer = description(*(["a=sendonly", stream] if session_level else [stream, "a=sendonly"]))
    assert make_answer(offer, agent(audio(6000))).media[0].direction is Direction.RECVONLY
    held = make_answer(offer, agent(audio(6000)).held)
    assert held.media[0].direction is Direction.INACTIVE
    assert held.media[0].port == 6000


@pytest.mark.rfc("3264 8.4 #1", "3264 8.4 #3")
@pytest.mark.parametrize("connection", ["IN IP4 0.0.0.0", "IN IP6 nowhere.invalid"])
def test_an_offer_of_no_address_is_answered_by_its_direction(connection: str) -> None:
    # RFC 6337 5.4.
    offer = description("m=audio 9 RTP/AVP 0", connection=connection)
    for address in ("192.0.2.1", "2001:db8::1"):
        answer = make_answer(offer, agent(audio(6000), address=address))
        assert answer.media[0].direction is Direction.SENDRECV
        assert answer.connection == Connection.to(address)


def test_each_stream_is_answered_in_its_address_family() -> None:
    offer = description("m=audio 5 RTP/AVP 0", "c=IN IP6 2001:db8::9", "m=audio 7 RTP/AVP 0", "m=audio 0 RTP/AVP 0")
    answer = make_answer(offer, agent(audio(6000), audio(6002), also=("2001:db8::1",)))
    assert answer.connection == Connection.to("2001:db8::1")
    assert [media.connections for media in answer.media] == [(), (Connection.to("192.0.2.1"),), ()]


def test_a_stream_with_an_address_of_its_own() -> None:
    other = Connection.to("198.51.100.1")
    answer = make_answer(description("m=audio 9 RTP/AVP 0"), agent(audio(6000, connection=other)))
    assert (answer.connection, answer.media[0].connections) == (other, ())


def test_rtcp_mux_only_where_it_is_offered() -> None:
    bob = agent(audio(6000, PCMU, rtcp_mux=True))
    without = make_answer(description("m=audio 9 RTP/AVP 0"), bob)
    assert without.media[0].attribute("rtcp-mux") is None
    both = make_answer(description("m=audio 9 RTP/AVP 0", "a=rtcp-mux"), bob)
    assert both.media[0].attribute("rtcp-mux") is not None
    unwanted = make_answer(description("m=audio 9 RTP/AVP 0", "a=rtcp-mux"), agent(audio(6000)))
    assert unwanted.media[0].attribute("rtcp-mux") is None


def test_mids_are_returned_and_groups_are_not() -> None:
    # RFC 5888 9.1 and 9.2.
    offer = description("a=group:LS 1 2", "m=audio 9 RTP/AVP 0", "a=mid:1", "m=video 11 RTP/AVP 31", "a=mid:2")
    answer = make_answer(offer, agent(audio(6000)))
    assert [media.mid for media in answer.media] == ["1", "2"]
    assert answer.attribute("group") is None


@pytest.mark.rfc("3264 6 #5")
def test_the_time_of_the_offer_is_repeated() -> None:
    lines = b"t=3724394400 3730536000\r\nr=7d 1h 0 25h\r\n"
    text = description("m=audio 9 RTP/AVP 0").serialize().replace(b"t=0 0\r\n", lines)
    assert lines in make_answer(sdp.parse(text), agent(audio())).serialize()
    assert b"t=0 0\r\n" in make_answer(sdp.parse(text.replace(lines, b"")), agent(audio())).serialize()


def test_other_formats_than_payload_types() -> None:
    fax = StreamCapability("image", 6000, formats=("t38", "other"), proto="UDPTL")
    answer = make_answer(description("m=image 9 udptl x t38 t38"), agent(fax))
    assert media_lines(answer) == [["m=image 6000 udptl t38", "a=sendrecv"]]
    with pytest.raises(ProtocolError):
        make_answer(description("m=image 9 udptl x"), agent(fax))


@pytest.mark.rfc("3264 6.2 #1", "3264 6.2 #2", "3264 6.2 #3", "3264 6.2 #4")
def test_a_multicast_stream_is_answered_as_it_is() -> None:
    # RFC 3264 6.2.
    offer = description(
        "m=audio 49170/2 RTP/AVP 0 8 9",
        "c=IN IP4 233.252.0.1/127/2",
        "b=AS:64",
        "a=ptime:40",
        "a=recvonly",
    )
    bob = agent(audio(6000, G722, PCMU, ptime=20, multicast=True, bandwidths=(Bandwidth("AS", 9),)))
    assert media_lines(make_answer(offer, bob)) == [
        [
            "m=audio 49170/2 RTP/AVP 0 9",
            "c=IN IP4 233.252.0.1/127/2",
            "b=AS:64",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:9 G722/8000",
            "a=recvonly",
            "a=ptime:40",
        ]
    ]


@pytest.mark.rfc("3264 6.1 #1")
def test_a_unicast_offer_is_not_answered_with_a_group() -> None:
    group = Connection.parse("IN IP4 233.252.0.1/127")
    with pytest.raises(ProtocolError):
        make_answer(description("m=audio 9 RTP/AVP 0"), agent(audio(6000, connection=group)))


def test_a_slot_is_kept_free_for_its_stream() -> None:
    offer = description("m=audio 5 RTP/AVP 0", "m=audio 7 RTP/AVP 0")
    assert [media.port for media in make_answer(offer, agent(audio(6000, slot=1))).media] == [0, 6000]
    assert [media.port for media in make_answer(offer, agent(audio(0), audio(6002))).media] == [6002, 0]


def test_a_running_stream_keeps_its_port() -> None:
    bob = agent(audio(6000))
    offer = description("m=audio 0 RTP/AVP 0", "m=audio 7 RTP/AVP 0")
    session = apply_answer(offer, make_answer(offer, bob), side=Side.ANSWERER)
    more = description("m=audio 5 RTP/AVP 0", "m=audio 7 RTP/AVP 0")
    assert [media.port for media in make_answer(more, bob, session).media] == [0, 6000]
    both = make_answer(more, agent(audio(6002), audio(6000)), session)
    assert [media.port for media in both.media] == [6002, 6000]


@pytest.mark.rfc("3264 8 #2", "3264 8 #3", "3264 8 #5")
def test_the_version_counts_changes_of_our_own_description() -> None:
    bob = agent(audio(6000))
    offer = description("m=audio 5 RTP/AVP 0 8")
    session = apply_answer(offer, make_answer(offer, bob), side=Side.ANSWERER)
    moved = description("m=audio 99 RTP/AVP 0 8")
    assert make_answer(moved, bob, session) == session.local
    fewer = make_answer(description("m=audio 5 RTP/AVP 0"), bob, session)
    assert fewer.origin == replace(session.local.origin, session_version=2)
    assert make_answer(moved, bob, session, version=7).origin.session_version == 8


@pytest.mark.rfc("3264 8 #4", "3264 8 #5")
def test_an_offer_that_says_nothing_new_is_answered_like_any_other() -> None:
    offer = description("m=audio 5 RTP/AVP 0 8")
    session = apply_answer(offer, make_answer(offer, agent(audio(6000))), side=Side.ANSWERER)
    assert make_answer(offer, agent(audio(6000)), session) == session.local
    held = make_answer(offer, agent(audio(6000)).held, session)
    assert held.media[0].direction is Direction.SENDONLY
    assert held.origin.session_version == session.local.origin.session_version + 1


@pytest.mark.rfc("3264 8 #7")
def test_an_offer_with_fewer_lines_than_the_session() -> None:
    # RFC 3264 section 8.
    bob = agent(audio(6000), VIDEO)
    offer = description("m=audio 5 RTP/AVP 0", "m=video 7 RTP/AVP 31")
    session = apply_answer(offer, make_answer(offer, bob), side=Side.ANSWERER)
    with pytest.raises(ProtocolError) as caught:
        make_answer(description("m=audio 5 RTP/AVP 0"), bob, session)
    assert (caught.value.status, caught.value.clause) == (488, "RFC 3264 8")
