from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.sdp.attributes import Attribute, Direction
from offhook.sdp.codec import Codec
from offhook.sdp.fields import Bandwidth, Connection, MediaField
from tests.sdp.agents import PCMU, agent, audio

FIELD = MediaField("audio", 4000, "RTP/AVP", ("0",))


def described(port: int = 4000, **options: object) -> list[str]:
    stream = audio(port, PCMU, **options)
    media = stream.describe(replace(FIELD, port=port), (PCMU.numbered(0),), Direction.SENDRECV)
    return [f"{line.type}={line.value}" for line in media.lines[1:]]


def test_a_stream_describes_itself() -> None:
    stream = audio(
        4000,
        PCMU,
        ptime=20,
        maxptime=62.5,
        bandwidths=(Bandwidth("AS", 64),),
        attributes=(Attribute("crypto", "1 AES_CM_128_HMAC_SHA1_80 inline:x"),),
    )
    media = stream.describe(
        FIELD,
        (PCMU.numbered(0), Codec("iLBC", payload_type=97, parameters="mode=20")),
        Direction.SENDONLY,
        connections=(Connection.to("192.0.2.9"),),
        rtcp_mux=True,
        mid="a",
    )
    assert [f"{line.type}={line.value}" for line in media.lines] == [
        "m=audio 4000 RTP/AVP 0",
        "c=IN IP4 192.0.2.9",
        "b=AS:64",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:97 iLBC/8000",
        "a=fmtp:97 mode=20",
        "a=ptime:20",
        "a=maxptime:62.5",
        "a=rtcp-mux",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",
        "a=mid:a",
        "a=sendonly",
    ]


@pytest.mark.parametrize(
    ("port", "rtcp_port", "lines"),
    # RFC 8866 5.14: rtcp is a must where ports do not follow one another or the parity rule is broken.
    [
        (4000, None, []),
        (4000, 4001, []),
        (4000, 5000, ["a=rtcp:5000"]),
        (4001, None, ["a=rtcp:4002"]),
        (4001, 4002, ["a=rtcp:4002"]),
        (65535, None, []),
    ],
)
def test_where_rtcp_goes(port: int, rtcp_port: int | None, lines: list[str]) -> None:
    assert described(port, rtcp_port=rtcp_port) == ["a=rtpmap:0 PCMU/8000", *lines, "a=sendrecv"]


def test_the_streams_own_mid_comes_first() -> None:
    stream = audio(4000, PCMU, attributes=(Attribute("mid", "own"),))
    assert stream.describe(FIELD, (), Direction.INACTIVE, mid="old").mid == "own"


def test_hold() -> None:
    alice = agent(audio(4000), audio(4002, direction=Direction.RECVONLY))
    assert [stream.direction for stream in alice.held.streams] == [Direction.SENDONLY, Direction.INACTIVE]
    assert alice.held.held == alice.held
