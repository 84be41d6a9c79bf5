from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.sdp import SessionDescription
from offhook.sdp.attributes import Direction
from offhook.sdp.codec import Codec
from offhook.sdp.negotiate import Side, apply_answer
from offhook.sdp.negotiated import NegotiatedStream, TransportAddress, negotiate_stream
from tests.sdp.agents import DTMF, OPUS, PCMA, PCMU
from tests.sdp.descriptions import description

LOCAL = "IN IP4 192.0.2.1"
REMOTE = "IN IP4 198.51.100.1"


def ours(*lines: str, stream: str = "m=audio 4000 RTP/AVP 0 8") -> SessionDescription:
    return description(stream, *lines, connection=LOCAL)


def theirs(*lines: str, stream: str = "m=audio 6000 RTP/AVP 0 8", connection: str = REMOTE) -> SessionDescription:
    return description(stream, *lines, connection=connection)


def negotiated(local: SessionDescription, remote: SessionDescription) -> NegotiatedStream:
    return negotiate_stream(0, local, remote, None)


@pytest.mark.rfc(
    "3264 5.1 #11",
    "3264 6.1 #14",
    "3264 6.1 #23",
    "3264 6.1 #24",
    "3264 7 #1",
    "3264 7 #2",
    "3264 8.3.2 #3",
    "3264 8.3.2 #4",
    "3264 8.3.2 #6",
    "3264 8.3.2 #7",
)
def test_a_plain_stream() -> None:
    stream = negotiated(ours(), theirs("a=ptime:30", "a=maxptime:60", stream="m=audio 6000 RTP/AVP 8 0 9"))
    assert stream == NegotiatedStream(
        index=0,
        media="audio",
        proto="RTP/AVP",
        enabled=True,
        direction=Direction.SENDRECV,
        send=(replace(PCMA, payload_type=8), replace(PCMU, payload_type=0)),
        receive=(replace(PCMU, payload_type=0), replace(PCMA, payload_type=8)),
        local=TransportAddress("192.0.2.1", 4000),
        local_rtcp=TransportAddress("192.0.2.1", 4001),
        remote=TransportAddress("198.51.100.1", 6000),
        remote_rtcp=TransportAddress("198.51.100.1", 6001),
        ptime=30,
        maxptime=60,
        bindings=tuple(Codec(name, payload_type=number) for number, name in ((0, "PCMU"), (8, "PCMA"), (9, "G722"))),
    )


@pytest.mark.rfc("3264 5.1 #8", "3264 6.1 #23", "3264 6.1 #25", "3264 7 #1")
def test_each_side_sends_with_the_numbers_of_the_other() -> None:
    # RFC 3264 5.1 and 6.1, the numbers of RFC 4317 2.3.
    stream = negotiated(
        ours("a=rtpmap:97 iLBC/8000", "a=fmtp:97 mode=30", stream="m=audio 4000 RTP/AVP 0 97"),
        theirs("a=rtpmap:99 iLBC/8000", "a=fmtp:99 mode=20", stream="m=audio 6000 RTP/AVP 99"),
    )
    assert stream.send == (Codec("iLBC", payload_type=99, parameters="mode=20"),)
    assert stream.receive == (Codec("iLBC", payload_type=97, parameters="mode=30"),)


@pytest.mark.rfc("3264 8.3.2 #5", "3264 8.3.2 #8")
def test_what_an_earlier_description_listed_is_sent_no_longer() -> None:
    both, less = theirs(), theirs(stream="m=audio 6000 RTP/AVP 8")
    before = apply_answer(ours(), both)
    assert [codec.payload_type for codec in before.streams[0].send] == [0, 8]
    for side, offer, answer in ((Side.OFFERER, ours(), less), (Side.ANSWERER, less, ours())):
        after = apply_answer(offer, answer, before, side=side).streams[0]
        assert [codec.payload_type for codec in after.send] == [8]
        assert after.codec == replace(PCMA, payload_type=8)


@pytest.mark.rfc("3264 5.1 #4", "3264 6 #6")
@pytest.mark.parametrize(
    ("local", "remote"),
    [
        (ours(stream="m=audio 0 RTP/AVP 0"), theirs()),
        (ours(), theirs(stream="m=audio 0 RTP/AVP 0")),
        (ours(), theirs(stream="m=audio 6000 RTP/AVP 9")),
        (ours(stream="m=image 4000 udptl t38"), theirs(stream="m=image 4000 udptl x")),
    ],
)
def test_a_stream_that_does_not_run(local: SessionDescription, remote: SessionDescription) -> None:
    stream = negotiated(local, remote)
    assert not stream.enabled
    assert stream.direction is Direction.INACTIVE
    assert (stream.send, stream.receive, stream.local, stream.remote, stream.remote_rtcp) == ((), (), None, None, None)


@pytest.mark.parametrize(
    ("local", "remote", "direction", "held"),
    [
        ("sendrecv", "sendrecv", "sendrecv", False),
        ("sendonly", "recvonly", "sendonly", False),
        ("sendrecv", "sendonly", "recvonly", True),
        ("sendrecv", "recvonly", "sendonly", False),
        ("sendrecv", "inactive", "inactive", True),
        ("inactive", "inactive", "inactive", True),
        # An answer that breaks RFC 3264 6.1 gives nobody more than both allow.
        ("sendonly", "sendrecv", "sendonly", False),
        ("sendonly", "sendonly", "inactive", True),
        ("recvonly", "recvonly", "inactive", False),
    ],
)
def test_directions(local: str, remote: str, direction: str, held: bool) -> None:
    stream = negotiated(ours(f"a={local}"), theirs(f"a={remote}"))
    assert (stream.direction.value, stream.held) == (direction, held)
    assert stream.remote_rtcp is not None


@pytest.mark.rfc("3264 8.4 #3")
@pytest.mark.parametrize("connection", ["IN IP4 0.0.0.0", "IN IP6 x.invalid"])
def test_the_old_hold(connection: str) -> None:
    # RFC 3264 8.4: neither RTP nor RTCP is sent.
    stream = negotiated(ours(), theirs(connection=connection))
    assert (stream.enabled, stream.held, stream.direction) == (True, True, Direction.RECVONLY)
    assert (stream.remote, stream.remote_rtcp) == (None, None)
    assert stream.local == TransportAddress("192.0.2.1", 4000)


@pytest.mark.parametrize("line", ["b=AS:0", "b=TIAS:0"])
def test_a_bandwidth_of_zero_silences(line: str) -> None:
    # RFC 3264 section 5.
    stream = negotiated(ours(), theirs(line))
    assert (stream.direction, stream.remote, stream.remote_rtcp) == (Direction.RECVONLY, None, None)
    assert negotiated(ours(), theirs("b=RR:0")).direction is Direction.SENDRECV


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ([], TransportAddress("198.51.100.1", 6001)),
        (["a=rtcp:7000"], TransportAddress("198.51.100.1", 7000)),
        (["a=rtcp:7000 IN IP4 203.0.113.5"], TransportAddress("203.0.113.5", 7000)),
        (["a=rtcp:7000 IN IP4 0.0.0.0"], None),
        (["a=rtcp:many"], TransportAddress("198.51.100.1", 6001)),
        (["a=rtcp"], TransportAddress("198.51.100.1", 6001)),
        (["a=rtcp:7000", "a=rtcp-mux"], TransportAddress("198.51.100.1", 7000)),
    ],
)
def test_where_rtcp_goes(lines: list[str], address: TransportAddress | None) -> None:
    stream = negotiated(ours(), theirs(*lines))
    assert stream.remote_rtcp == address
    assert not stream.rtcp_mux


def test_rtcp_on_the_port_of_rtp() -> None:
    stream = negotiated(ours("a=rtcp-mux"), theirs("a=rtcp-mux", "a=rtcp:7000"))
    assert stream.rtcp_mux
    assert stream.remote_rtcp == stream.remote
    assert stream.local_rtcp == stream.local


def test_the_last_port_has_no_next() -> None:
    assert negotiated(ours(), theirs(stream="m=audio 65535 RTP/AVP 0")).remote_rtcp is None


@pytest.mark.parametrize("line", ["a=ptime", "a=ptime:", "a=ptime:0", "a=ptime:x"])
def test_a_packet_time_that_cannot_be_read_is_none(line: str) -> None:
    assert negotiated(ours(), theirs(line)).ptime is None


def test_some_phones_write_the_packet_time_at_the_session_level() -> None:
    remote = description("a=ptime:40", "m=audio 6000 RTP/AVP 0", connection=REMOTE)
    assert negotiated(ours(), remote).ptime == 40


def test_telephone_events() -> None:
    lines = ["a=rtpmap:111 opus/48000/2", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:102 telephone-event/48000"]
    events = ["a=fmtp:101 0-15", "a=fmtp:102 0-11,16"]
    local = ours(*lines, stream="m=audio 4000 RTP/AVP 111 0 101 102")
    stream = negotiated(local, theirs(*lines, *events, stream="m=audio 6000 RTP/AVP 101 111 102 0"))
    assert stream.codec == replace(OPUS, payload_type=111)
    assert stream.telephone_event == Codec("telephone-event", 48000, payload_type=102, parameters="0-11,16")
    assert stream.telephone_events == {*range(12), 16}
    other = negotiated(local, theirs(*lines, stream="m=audio 6000 RTP/AVP 111 101"))
    assert other.telephone_event == Codec("telephone-event", payload_type=101)
    assert other.telephone_events == set(range(16))


def test_a_list_of_events_that_cannot_be_read() -> None:
    lines = ["a=rtpmap:101 telephone-event/8000", "a=fmtp:101 all"]
    stream = negotiated(
        ours(*lines, stream="m=audio 4000 RTP/AVP 0 101"), theirs(*lines, stream="m=audio 6000 RTP/AVP 0 101")
    )
    assert stream.telephone_events == set(range(16))


def test_a_stream_without_codecs_or_events() -> None:
    stream = NegotiatedStream(0, "audio", "RTP/AVP", False)
    assert (stream.codec, stream.telephone_event, stream.telephone_events) == (None, None, frozenset())
    events = replace(stream, send=(replace(DTMF, payload_type=101),))
    assert (events.codec, events.telephone_event) == (None, replace(DTMF, payload_type=101))


def test_other_formats_than_payload_types() -> None:
    stream = negotiated(ours(stream="m=image 4000 udptl t38 x"), theirs(stream="m=image 6000 udptl y t38 t38"))
    assert (stream.enabled, stream.formats, stream.send) == (True, ("t38",), ())
    assert (stream.remote, stream.remote_rtcp) == (TransportAddress("198.51.100.1", 6000), None)


def test_a_multicast_stream_has_one_view() -> None:
    # RFC 3264 5.2.
    group = "c=IN IP4 233.252.0.1/127"
    stream = negotiated(ours(group, "a=recvonly", stream="m=audio 6000 RTP/AVP 0"), theirs(group, "a=recvonly"))
    assert (stream.multicast, stream.ttl, stream.direction, stream.held) == (True, 127, Direction.RECVONLY, False)
    assert stream.local == stream.remote == TransportAddress("233.252.0.1", 6000)


def test_a_stream_of_ipv6() -> None:
    stream = negotiated(ours(), theirs(connection="IN IP6 2001:db8::7"))
    assert stream.remote == TransportAddress("2001:db8::7", 6000)
