"""Bodies of several parts (RFC 2046 5.1, RFC 5621)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.content import MediaType, parse_media_type
from offhook.sip.mime import BodyPart, Multipart, body_of, parse_multipart
from offhook.sip.serializer import new_request

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"
ISUP = bytes(range(256))


def media_type(text: str) -> MediaType:
    parsed = parse_media_type(text)
    assert isinstance(parsed, MediaType)
    return parsed


def built() -> Multipart:
    isup = BodyPart.build(ISUP, "application/ISUP;version=itu-t92+", "signal;handling=optional")
    return Multipart.build([BodyPart.build(SDP, "application/sdp"), isup])


def test_what_is_built_can_be_read() -> None:
    body = built()
    read = parse_multipart(body.serialize(), media_type(body.content_type))
    assert [part.content for part in read.parts] == [SDP, ISUP]
    assert str(read.parts[0].media_type) == "application/sdp"
    assert read.parts[1].disposition.param("handling") == "optional"


def test_the_body_of_a_message_is_a_part() -> None:
    body = built()
    draft = new_request("INVITE", "sip:b@h").add("Via", "SIP/2.0/UDP h;branch=z9hG4bK1")
    message = draft.body(body.serialize(), body.content_type).request()
    part = body_of(message)
    assert part.is_multipart
    assert [inner.content for inner in part.multipart().parts] == [SDP, ISUP]


def test_preamble_epilogue_and_a_missing_end() -> None:
    whole = b"preamble\r\n--b\r\nContent-Type: text/plain\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\nepilogue"
    read = parse_multipart(whole, media_type('multipart/mixed;boundary="b"'))
    assert [part.content for part in read.parts] == [b"one", b"two"]
    cut = whole.partition(b"\r\n--b--")[0]
    assert [part.content for part in parse_multipart(cut, media_type("multipart/mixed;boundary=b")).parts] == [
        b"one",
        b"two",
    ]


def test_parts_within_parts() -> None:
    inner = built()
    outer = Multipart.build([BodyPart.build(inner.serialize(), inner.content_type), BodyPart.build(b"x", "text/plain")])
    read = parse_multipart(outer.serialize(), media_type(outer.content_type))
    assert [part.content for part in read.parts[0].multipart().parts] == [SDP, ISUP]


@pytest.mark.parametrize("text", ["multipart/mixed", 'multipart/mixed;boundary=""'])
def test_without_a_boundary_there_are_no_parts(text: str) -> None:
    with pytest.raises(ParseError):
        parse_multipart(b"--b\r\n\r\nx\r\n--b--", media_type(text))


@given(st.binary(max_size=200))
def test_any_octets_at_all(data: bytes) -> None:
    for body in (data, b"--b\r\n" + data + b"\r\n--b--"):
        try:
            for part in parse_multipart(body, media_type("multipart/mixed;boundary=b")).parts:
                assert isinstance(part.content, bytes)
        except ParseError:
            continue
