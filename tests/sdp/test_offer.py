from __future__ import annotations

from dataclasses import replace

import pytest

from offhook import sdp
from offhook.errors import InvalidState
from offhook.sdp.attributes import Attribute, Direction
from offhook.sdp.capabilities import Capabilities, StreamCapability
from offhook.sdp.codec import Codec, codecs_of
from offhook.sdp.fields import Bandwidth, Connection, Origin
from offhook.sdp.negotiate import NegotiatedSession, Side, apply_answer, make_answer
from offhook.sdp.offer import describe_capabilities, disabled_media, make_offer
from tests.sdp.agents import DTMF, G722, OPUS, PCMA, PCMU, agent, audio, media_lines
from tests.sdp.descriptions import description

ILBC = Codec("iLBC")
VIDEO = StreamCapability("video", 5000, (Codec("H261", 90000),))
FAX = StreamCapability("image", 6000, formats=("t38",), proto="udptl")


def called(caller: Capabilities, callee: Capabilities) -> NegotiatedSession:
    offer = make_offer(caller)
    return apply_answer(offer, make_answer(offer, callee))


@pytest.mark.rfc("3264 5 #1", "3264 5 #4", "3264 5 #5", "3264 5.1 #7", "3264 5.1 #9", "3264 5.1 #10")
def test_a_first_offer() -> None:
    offer = make_offer(agent(audio(4000, PCMU, OPUS, DTMF, ptime=20), VIDEO, FAX))
    assert offer.serialize() == (
        b"v=0\r\no=- 1000 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
        b"m=audio 4000 RTP/AVP 0 96 97\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 opus/48000/2\r\n"
        b"a=rtpmap:97 telephone-event/8000\r\na=fmtp:97 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
        b"m=video 5000 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\na=sendrecv\r\n"
        b"m=image 6000 udptl t38\r\na=sendrecv\r\n"
    )
    assert sdp.parse(offer.serialize()) == offer


@pytest.mark.rfc("3264 5.1 #1", "3264 5.1 #2", "3264 5.1 #3")
@pytest.mark.parametrize("direction", list(Direction))
def test_a_stream_is_marked_with_its_direction(direction: Direction) -> None:
    offer = make_offer(agent(audio(direction=direction)))
    assert media_lines(offer)[0][-1] == f"a={direction.value}"
    assert offer.media[0].port == 4000


def test_an_offer_without_streams() -> None:
    # RFC 3264 section 5: the offerer wishes to communicate, streams come later.
    assert make_offer(agent()).media == ()


def test_what_the_session_level_says() -> None:
    alice = replace(
        agent(audio()), session_name=" ", attributes=(Attribute("tool", "x"),), bandwidths=(Bandwidth("CT", 9),)
    )
    offer = make_offer(alice)
    assert (offer.session_name, offer.bandwidth("CT"), offer.attribute_values("tool")) == (" ", 9, ("x",))


def test_a_stream_at_another_address() -> None:
    same, other = Connection.to("192.0.2.1"), Connection.to("2001:db8::1")
    offer = make_offer(agent(audio(4000, connection=other), audio(4002, connection=same)))
    assert [media.connections for media in offer.media] == [(other,), ()]


@pytest.mark.rfc("3264 5.1 #10")
def test_payload_types_that_are_wished_for() -> None:
    offer = make_offer(agent(audio(4000, replace(DTMF, payload_type=101), replace(PCMU, payload_type=100), OPUS)))
    assert offer.media[0].formats == ("101", "100", "96")


def test_capabilities_that_contradict_themselves() -> None:
    with pytest.raises(InvalidState):
        make_offer(agent(audio(4000, replace(OPUS, payload_type=96), replace(DTMF, payload_type=96))))
    with pytest.raises(InvalidState):
        make_offer(agent(audio(4000, *(Codec(f"X{number}") for number in range(62)))))
    with pytest.raises(InvalidState):
        make_offer(agent(audio(4000, slot=0), audio(4002, slot=0)))
    with pytest.raises(InvalidState):
        make_offer(agent(audio(4000), audio(4002, slot=2)))


def test_sixty_one_codecs_fit_into_one_stream() -> None:
    offer = make_offer(agent(audio(4000, *(Codec(f"X{number}") for number in range(61)))))
    assert len(set(offer.media[0].formats)) == 61


def test_a_slot_of_its_own() -> None:
    offer = make_offer(agent(audio(4000, slot=1), VIDEO))
    assert [media.media for media in offer.media] == ["video", "audio"]


@pytest.mark.rfc("3264 8 #3")
def test_nothing_changed_keeps_the_version() -> None:
    alice = agent(audio())
    session = called(alice, agent(audio(6000)))
    assert make_offer(alice, session) == session.local


@pytest.mark.rfc("3264 5.1 #5", "3264 8 #1", "3264 8 #2")
def test_a_change_counts_the_version_up_by_one() -> None:
    alice = agent(audio())
    session = called(alice, agent(audio(6000)))
    held = make_offer(alice.held, session)
    assert held.origin == replace(session.local.origin, session_version=2)
    assert held.media[0].direction is Direction.SENDONLY


@pytest.mark.rfc("3264 8.3.1 #1")
def test_of_a_stream_that_moves_nothing_but_the_port_changes() -> None:
    session = called(agent(audio(4000, PCMU, OPUS, DTMF)), agent(audio(6000, PCMU, OPUS)))
    moved = make_offer(agent(audio(4002, PCMU, OPUS, DTMF)), session)
    (first, *others), (before, *same) = media_lines(moved)[0], media_lines(session.local)[0]
    assert (first, others) == (before.replace("4000", "4002"), same)


@pytest.mark.rfc("3264 8 #1", "3264 8 #2")
def test_the_origin_is_the_sessions_whatever_the_capabilities_say() -> None:
    session = called(agent(audio()), agent(audio(6000)))
    moved = replace(agent(audio(), address="198.51.100.7"), origin=Origin.of("198.51.100.7", 5, 5))
    offer = make_offer(moved, session)
    assert offer.origin == replace(session.local.origin, session_version=2)
    assert offer.connection == Connection.to("198.51.100.7")


def test_after_an_offer_that_was_refused_the_version_goes_on() -> None:
    alice = agent(audio())
    session = called(alice, agent(audio(6000)))
    refused = make_offer(agent(audio(), VIDEO), session)
    assert refused.origin.session_version == 2
    again = make_offer(alice, session, version=refused.origin.session_version)
    assert again.origin.session_version == 3
    assert len(again.media) == 1


@pytest.mark.rfc("3264 8.1 #1")
def test_a_stream_is_added_below() -> None:
    session = called(agent(audio()), agent(audio(6000)))
    offer = make_offer(agent(VIDEO, audio()), session)
    assert [(media.media, media.port) for media in offer.media] == [("audio", 4000), ("video", 5000)]


@pytest.mark.rfc("3264 8 #6", "3264 8 #7", "3264 8 #8")
def test_a_stream_that_goes_leaves_its_line() -> None:
    # RFC 3264 section 8: the number of m= lines never decreases.
    session = called(agent(VIDEO, audio()), agent(audio(6000), replace(VIDEO, port=6002)))
    offer = make_offer(agent(audio()), session)
    assert media_lines(offer)[0] == ["m=video 0 RTP/AVP 31"]
    assert offer.media[1].port == 4000
    assert [media.port for media in make_offer(agent(), session).media] == [0, 0]


def test_a_disabled_stream_comes_back_in_its_line() -> None:
    # RFC 3264 8.1, RFC 6337 5.2.5.
    alice = agent(audio(), VIDEO)
    session = called(alice, agent(audio(6000)))
    less = make_offer(agent(audio()), session)
    session = apply_answer(less, make_answer(less, agent(audio(6000)), session), session)
    assert [media.port for media in make_offer(alice, session).media] == [4000, 5000]


def test_a_stream_with_port_zero_stays_but_is_disabled() -> None:
    session = called(agent(audio(4000), audio(4002)), agent(audio(6000), audio(6002)))
    offer = make_offer(agent(audio(0), audio(4002)), session)
    assert [media.port for media in offer.media] == [0, 4002]


def test_each_of_two_streams_keeps_its_line() -> None:
    session = called(agent(audio(4000), audio(4002)), agent(audio(6000), audio(6002)))
    offer = make_offer(agent(audio(4002), audio(4000)), session)
    assert [media.port for media in offer.media] == [4000, 4002]


def test_a_new_port_and_a_new_transport_stay_in_the_line() -> None:
    session = called(agent(audio(4000), VIDEO), agent(audio(6000), replace(VIDEO, port=6002)))
    offer = make_offer(agent(replace(VIDEO, port=5002), audio(4010, proto="RTP/SAVP")), session)
    assert [(media.port, media.proto) for media in offer.media] == [(4010, "RTP/SAVP"), (5002, "RTP/AVP")]


def test_a_stream_becomes_a_fax_in_its_slot() -> None:
    # RFC 3264 8.3.3.
    session = called(agent(audio()), agent(audio(6000)))
    offer = make_offer(agent(replace(FAX, slot=0)), session)
    assert [line[0] for line in media_lines(offer)] == ["m=image 6000 udptl t38"]


@pytest.mark.rfc("3264 8.3.2 #1", "3264 8.3.2 #2")
def test_payload_types_keep_their_meaning() -> None:
    # RFC 3264 8.3.2: what 96 meant, it means for the whole session.
    session = called(agent(audio(4000, OPUS, PCMU)), agent(audio(6000, OPUS, PCMU)))
    offer = make_offer(agent(audio(4000, ILBC, PCMU)), session)
    assert offer.media[0].formats == ("97", "0")
    session = apply_answer(offer, make_answer(offer, agent(audio(6000, PCMU)), session), session)
    back = make_offer(agent(audio(4000, replace(DTMF, payload_type=96), ILBC, OPUS, PCMU)), session)
    assert back.media[0].formats == ("98", "97", "96", "0")


@pytest.mark.rfc("3264 8.3.2 #1", "3264 8.3.2 #2")
def test_the_peers_payload_types_are_kept_too() -> None:
    offer = description("m=audio 9 RTP/AVP 0 120 121", "a=rtpmap:120 telephone-event/8000", "a=rtpmap:121 X/8000")
    bob = agent(audio(6000, PCMU, DTMF))
    session = apply_answer(offer, make_answer(offer, bob), side=Side.ANSWERER)
    again = make_offer(
        agent(audio(6000, PCMU, replace(DTMF, payload_type=101), replace(G722, payload_type=121))), session
    )
    assert codecs_of(again.media[0])[1:] == (
        replace(DTMF, payload_type=120),
        replace(G722, payload_type=96),
    )


def test_of_two_known_numbers_the_one_that_is_wished_for() -> None:
    offer = description("m=audio 9 RTP/AVP 118 0", "a=rtpmap:118 PCMU/8000")
    bob = agent(audio(6000, PCMU))
    session = apply_answer(offer, make_answer(offer, bob), side=Side.ANSWERER)
    assert make_offer(bob, session).media[0].formats == ("0",)


def test_two_codecs_of_one_kind_get_two_numbers() -> None:
    session = called(agent(audio(4000, OPUS)), agent(audio(6000, OPUS)))
    offer = make_offer(agent(audio(4000, OPUS, replace(OPUS, parameters="stereo=1"))), session)
    assert offer.media[0].formats == ("96", "97")


def test_a_mid_stays() -> None:
    alice = agent(
        audio(4000, attributes=(Attribute("mid", "one"),)), replace(VIDEO, attributes=(Attribute("mid", "two"),))
    )
    session = called(alice, agent(audio(6000), replace(VIDEO, port=6002)))
    offer = make_offer(agent(audio(4000)), session)
    assert [media.mid for media in offer.media] == ["one", "two"]


@pytest.mark.rfc("3264 5.1 #6")
def test_a_multicast_offer() -> None:
    group = Connection.parse("IN IP4 233.252.0.1/127")
    offer = make_offer(agent(audio(4000, PCMA, connection=group, direction=Direction.RECVONLY)))
    assert media_lines(offer) == [
        ["m=audio 4000 RTP/AVP 8", "c=IN IP4 233.252.0.1/127", "a=rtpmap:8 PCMA/8000", "a=recvonly"]
    ]


@pytest.mark.rfc("3264 9 #1", "3264 9 #2", "3264 9 #3", "3264 9 #5", "3264 9 #6", "3264 9 #7")
def test_capabilities_are_described_with_port_zero() -> None:
    # RFC 3264 section 9.
    described = describe_capabilities(agent(audio(4001, PCMU, OPUS, rtcp_port=9), FAX))
    assert media_lines(described) == [
        ["m=audio 0 RTP/AVP 0 96", "a=rtpmap:0 PCMU/8000", "a=rtpmap:96 opus/48000/2", "a=sendrecv"],
        ["m=image 0 udptl t38", "a=sendrecv"],
    ]
    assert described.time_lines[0].value == "0 0"
    assert sdp.parse(described.serialize()) == described


@pytest.mark.rfc("3264 6 #8", "3264 8 #8")
def test_what_stands_in_the_place_of_a_stream() -> None:
    media = description("m=audio 9/2 RTP/AVP 0 8", "c=IN IP4 192.0.2.2", "a=mid:x", "a=sendonly", "a=ptime:20").media[0]
    assert [f"{line.type}={line.value}" for line in disabled_media(media).lines] == ["m=audio 0 RTP/AVP 0", "a=mid:x"]
