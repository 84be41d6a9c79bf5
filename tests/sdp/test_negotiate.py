from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook import sdp
from offhook.errors import ParseError, ProtocolError
from offhook.sdp import SessionDescription
from offhook.sdp.attributes import Direction
from offhook.sdp.capabilities import Capabilities, StreamCapability
from offhook.sdp.codec import Codec, codecs_of
from offhook.sdp.fields import Bandwidth
from offhook.sdp.negotiate import NegotiatedSession, Side, TransportAddress, apply_answer, make_answer, make_offer
from tests.sdp.agents import DTMF, G722, OPUS, PCMA, PCMU, agent, audio, capabilities_of
from tests.sdp.descriptions import bodies, description, exchanges

EXCHANGES = exchanges()


def meaning(of: SessionDescription) -> tuple[object, ...]:
    """What a description says, however it is written: attributes of streams that do not run say nothing."""
    streams = [
        (media.media, media.proto, codecs_of(media), media.port, of.direction_of(media), of.connection_of(media))
        if media.port
        else (media.media, media.proto, media.formats[:1])
        for media in of.media
    ]
    return of.origin, of.session_name, of.times, streams


def by_name(of: SessionDescription) -> SessionDescription:
    """With the payload types that the answers of this house use: those of the offer."""
    return sdp.parse(of.serialize().replace(b"RTP/AVP 99\r\n", b"RTP/AVP 97\r\n").replace(b":99 iLBC", b":97 iLBC"))


def corrected(of: SessionDescription) -> SessionDescription:
    """The second answer of RFC 4317 3.2 without its breach of RFC 3264 6.1 (sendonly is answered with sendrecv), and
    without the format that was not offered, which an answer may add to no effect.
    """
    media = of.media[0].with_field(replace(of.media[0].field, formats=("97",))).with_direction(Direction.RECVONLY)
    return of.with_media([media, *of.media[1:]])


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_the_worked_exchanges_of_the_rfcs(name: str) -> None:
    """From what an agent can do, both sides come to the descriptions that the RFC prints."""
    first_offer, first_answer, *later = EXCHANGES[name]
    if name == "RFC 4317 2.3":
        # Its answer changes a payload type, which RFC 3264 6.1 allows and advises against.
        first_answer = by_name(first_answer)
    offer = make_offer(capabilities_of(first_offer))
    assert meaning(offer) == meaning(first_offer)
    answer = make_answer(offer, capabilities_of(first_answer))
    assert meaning(answer) == meaning(first_answer)
    if not later:
        return
    caller, callee = apply_answer(offer, answer), apply_answer(offer, answer, side=Side.ANSWERER)
    second_offer, second_answer = later
    if name == "RFC 4317 3.2":
        second_answer = corrected(second_answer)
    swap = second_offer.origin.same_session(first_answer.origin)
    offerer, answerer = (callee, caller) if swap else (caller, callee)
    offer = make_offer(capabilities_of(second_offer), offerer)
    assert meaning(offer) == meaning(second_offer)
    answer = make_answer(offer, capabilities_of(second_answer), answerer)
    assert meaning(answer) == meaning(second_answer)
    again = apply_answer(offer, answer, offerer), apply_answer(offer, answer, answerer, side=Side.ANSWERER)
    assert_mirrored(*again)


def outcome(name: str, offer: int = 0, side: Side = Side.OFFERER) -> NegotiatedSession:
    """What the printed descriptions agree on."""
    steps = EXCHANGES[name]
    return apply_answer(steps[offer], steps[offer + 1], side=side)


def test_the_outcome_of_rfc_4317_2_1() -> None:
    for side, ports in ((Side.OFFERER, (49174, 49170)), (Side.ANSWERER, (49170, 51372))):
        session = outcome("RFC 4317 2.1", side=side)
        assert [[codec.encoding for codec in stream.send] for stream in session.streams] == [["PCMU"], ["MPV"]]
        assert [[codec.encoding for codec in stream.receive] for stream in session.streams] == [["PCMU"], ["MPV"]]
        assert tuple(stream.remote.port for stream in session.streams if stream.remote) == ports
    alice = outcome("RFC 4317 2.1").streams[0]
    assert alice.remote == TransportAddress("host.biloxi.example.com", 49174)
    assert alice.local_rtcp == TransportAddress("host.atlanta.example.com", 49171)


def test_the_outcome_of_rfc_4317_2_3() -> None:
    alice = outcome("RFC 4317 2.3").streams[0]
    assert (alice.send, alice.receive) == ((Codec("iLBC", payload_type=99),), (Codec("iLBC", payload_type=97),))
    bob = outcome("RFC 4317 2.3", side=Side.ANSWERER).streams[0]
    assert (bob.send, bob.receive) == ((Codec("iLBC", payload_type=97),), (Codec("iLBC", payload_type=99),))


def test_the_outcome_of_rfc_4317_2_8() -> None:
    video = outcome("RFC 4317 2.8").streams[1]
    assert video.remote == TransportAddress("otherhost.biloxi.example.com", 49172)


def test_the_outcome_of_rfc_4317_3_1() -> None:
    alice = outcome("RFC 4317 3.1").streams[0]
    assert (alice.held, alice.direction) == (True, Direction.RECVONLY)
    bob = outcome("RFC 4317 3.1", side=Side.ANSWERER).streams[0]
    assert (bob.held, bob.direction) == (False, Direction.SENDONLY)
    assert outcome("RFC 4317 3.1", 2).streams[0].direction is Direction.SENDRECV


def test_the_outcome_of_rfc_4317_3_2() -> None:
    directions = [stream.direction.value for stream in outcome("RFC 4317 3.2", 2).streams]
    assert directions == ["sendonly", "recvonly"]


def test_the_outcome_of_rfc_4317_5_2() -> None:
    bob = outcome("RFC 4317 5.2", side=Side.ANSWERER).streams[0]
    assert (bob.enabled, bob.held, bob.remote, bob.remote_rtcp) == (True, True, None, None)
    resumed = outcome("RFC 4317 5.2", 2, Side.ANSWERER).streams[0]
    assert (resumed.held, resumed.remote) == (False, TransportAddress("host.atlanta.example.com", 49170))


def test_the_outcome_of_rfc_3264_10_1() -> None:
    assert [stream.enabled for stream in outcome("RFC 3264 10.1").streams] == [True, False, True]
    later = outcome("RFC 3264 10.1", 2).streams
    assert [(stream.enabled, stream.direction.value) for stream in later] == [
        (True, "sendrecv"),
        (False, "inactive"),
        (True, "sendrecv"),
        (True, "recvonly"),
    ]


def test_the_flows_of_hold_in_rfc_5359() -> None:
    found = dict(bodies())
    hold = apply_answer(
        sdp.parse(found["rfc5359/s2.1-01-F10.sip"]), sdp.parse(found["rfc5359/s2.1-01-F12.sip"]), side=Side.ANSWERER
    )
    assert (hold.streams[0].held, hold.streams[0].direction) == (True, Direction.RECVONLY)


@pytest.mark.rfc("3264 6 #2", "3264 6 #3", "3264 6.1 #2")
@pytest.mark.parametrize(
    ("offered", "answered", "clause"),
    [
        (["m=audio 5 RTP/AVP 0", "m=video 7 RTP/AVP 31"], ["m=audio 5 RTP/AVP 0"], "RFC 3264 6"),
        (["m=audio 5 RTP/AVP 0"], ["m=audio 5 RTP/AVP 0", "m=video 7 RTP/AVP 31"], "RFC 3264 6"),
        (["m=audio 5 RTP/AVP 0"], ["m=video 5 RTP/AVP 0"], "RFC 3264 6.1"),
        (["m=audio 5 RTP/SAVP 0"], ["m=audio 5 RTP/AVP 0"], "RFC 3264 6.1"),
    ],
)
def test_an_answer_that_does_not_fit_its_offer(offered: list[str], answered: list[str], clause: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        apply_answer(description(*offered), description(*answered))
    assert (caught.value.status, caught.value.clause) == (488, clause)


def test_a_rejected_stream_may_name_another_transport() -> None:
    session = apply_answer(description("m=audio 5 RTP/SAVP 0"), description("m=audio 0 RTP/AVP 0"))
    assert not session.streams[0].enabled


@pytest.mark.rfc(
    "3264 6.1 #3",
    "3264 6.1 #4",
    "3264 6.1 #5",
    "3264 6.1 #6",
    "3264 6.1 #7",
    "3264 8 #1",
    "3264 8 #2",
    "3264 8.4 #1",
)
def test_a_call_is_held_and_resumed_from_both_ends() -> None:
    # RFC 6337 5.3: hold is a local state, and each end gives up its own.
    alice, bob = agent(audio(4000)), agent(audio(6000), address="198.51.100.1")
    sides = call(alice, bob)

    def directions() -> tuple[str, str]:
        return sides[0].streams[0].direction.value, sides[1].streams[0].direction.value

    assert directions() == ("sendrecv", "sendrecv")
    sides = call(alice.held, bob, sides)
    assert directions() == ("sendonly", "recvonly")
    sides = call(bob.held, alice.held, sides[::-1])[::-1]
    assert directions() == ("inactive", "inactive")
    sides = call(alice, bob.held, sides)
    assert directions() == ("recvonly", "sendonly")
    sides = call(bob, alice, sides[::-1])[::-1]
    assert directions() == ("sendrecv", "sendrecv")
    assert [side.local.origin.session_version for side in sides] == [4, 4]


def call(
    offerer: Capabilities, answerer: Capabilities, sides: tuple[NegotiatedSession, ...] | None = None
) -> tuple[NegotiatedSession, NegotiatedSession]:
    """One exchange; the sessions of the offerer and the answerer."""
    first, second = sides or (None, None)
    offer = sdp.parse(make_offer(offerer, first).serialize())
    answer = sdp.parse(make_answer(offer, answerer, second, may_refuse=False).serialize())
    return apply_answer(offer, answer, first), apply_answer(offer, answer, second, side=Side.ANSWERER)


def assert_mirrored(one: NegotiatedSession, other: NegotiatedSession) -> None:
    """Both sides see the same session from their ends."""
    assert (one.local, one.remote) == (other.remote, other.local)
    assert len(one.streams) == len(other.streams)
    for mine, yours in zip(one.streams, other.streams, strict=True):
        assert mine.enabled == yours.enabled
        assert (mine.media, mine.proto, mine.formats, mine.rtcp_mux) == (
            yours.media,
            yours.proto,
            yours.formats,
            yours.rtcp_mux,
        )
        assert set(mine.send) == set(yours.receive)
        assert set(mine.receive) == set(yours.send)
        if mine.remote and yours.remote:
            assert (mine.remote, mine.local) == (yours.local, yours.remote)
            assert (mine.remote_rtcp, mine.local_rtcp) == (yours.local_rtcp, yours.remote_rtcp)
            assert mine.direction is yours.direction.reversed


CODECS = [PCMU, PCMA, G722, OPUS, DTMF, replace(DTMF, clock_rate=48000), replace(OPUS, payload_type=111), Codec("CN")]
STREAMS = st.builds(
    StreamCapability,
    st.sampled_from(["audio", "audio", "video"]),
    st.sampled_from([0, 4000, 4001, 4002, 65535]),
    st.lists(
        st.sampled_from(CODECS), min_size=1, max_size=5, unique_by=lambda codec: (codec.encoding, codec.clock_rate)
    ).map(tuple),
    proto=st.sampled_from(["RTP/AVP", "RTP/AVP", "RTP/SAVP"]),
    direction=st.sampled_from(Direction),
    rtcp_port=st.sampled_from([None, 5000]),
    rtcp_mux=st.booleans(),
    ptime=st.sampled_from([None, 20, 2.5]),
    bandwidths=st.sampled_from([(), (Bandwidth("AS", 64),), (Bandwidth("AS", 0),)]),
)
AGENTS = st.builds(
    lambda streams, also: agent(*streams, also=also),
    st.lists(STREAMS, max_size=4),
    st.sampled_from([(), ("2001:db8::1",)]),
)


@pytest.mark.rfc(
    "3264 6.1 #3",
    "3264 6.1 #4",
    "3264 6.1 #5",
    "3264 8 #1",
    "3264 8 #2",
    "3264 8 #3",
    "3264 8 #7",
    "3264 8 #8",
    "3264 8.2 #1",
    "3264 8.3.2 #1",
    "3264 8.3.2 #2",
)
@given(st.lists(st.tuples(AGENTS, AGENTS, st.booleans()), min_size=1, max_size=5))
def test_any_series_of_exchanges(series: list[tuple[Capabilities, Capabilities, bool]]) -> None:
    """Two agents that change their minds at every exchange keep every rule of RFC 3264 section 8."""
    sides: tuple[NegotiatedSession, NegotiatedSession] | None = None
    meanings: dict[tuple[int, int], Codec] = {}
    for first, second, swap in series:
        before = sides
        sides = call(first, second, sides[::-1] if swap and sides else sides)
        assert_mirrored(*sides)
        offer, answer = sides[0].local, sides[0].remote
        assert [media.media for media in offer.media] == [media.media for media in answer.media]
        check_directions(offer, answer)
        for index, media in enumerate(offer.media):
            for codec in codecs_of(media):
                assert codec.payload_type is not None
                assert meanings.setdefault((index, codec.payload_type), codec).same_format(codec)
        if swap:
            sides = sides[::-1]
        if before is not None:
            assert len(offer.media) >= len(before[0].local.media)
            for old, new in zip(before, sides, strict=True):
                check_version(old.local, new.local)


def check_directions(offer: SessionDescription, answer: SessionDescription) -> None:
    for offered, answered in zip(offer.media, answer.media, strict=True):
        if not offered.port:
            assert not answered.port
        if answered.port:
            allowed = offer.direction_of(offered).reversed
            given = answer.direction_of(answered)
            assert given.within(allowed) is given
            assert set(answered.formats) <= set(offered.formats)


def check_version(old: SessionDescription, new: SessionDescription) -> None:
    assert new.origin.same_session(old.origin)
    steps = new.origin.session_version - old.origin.session_version
    assert steps == (0 if new == old else 1)


@given(st.data())
def test_answering_any_offer(data: st.DataObject) -> None:
    """Whatever is offered: an answer that fits it, ParseError or ProtocolError."""
    body = bytearray(data.draw(st.sampled_from([body for _, body in bodies()])))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(body)))
        body[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        offer = sdp.parse(bytes(body))
        answer = make_answer(offer, agent(audio(6000), StreamCapability("video", 6002, (Codec("H261", 90000),))))
    except (ParseError, ProtocolError):
        return
    assert sdp.parse(answer.serialize()) == answer
    assert_mirrored(apply_answer(offer, answer), apply_answer(offer, answer, side=Side.ANSWERER))
