"""Octets to messages (RFC 3261 7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.message import Request, Response
from offhook.sip.parser import Limits, content_length, parse

START = b"INVITE sip:bob@example.com SIP/2.0"
FIELDS = (
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK776asdhds",
    b"From: Alice <sip:alice@example.com>;tag=1928301774",
    b"To: Bob <sip:bob@example.com>",
    b"Call-ID: a84b4c76e66710",
    b"CSeq: 314159 INVITE",
    b"Max-Forwards: 70",
    b"Content-Length: 4",
)


def message(*fields: bytes, start: bytes = START, end: bytes = b"\r\n", body: bytes = b"body") -> bytes:
    return end.join((start, *(fields or FIELDS))) + end + end + body


def refused(data: bytes, limits: Limits | None = None) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse(data) if limits is None else parse(data, limits)
    return caught.value


def test_a_request() -> None:
    request = parse(message())
    assert isinstance(request, Request)
    assert (request.method, request.request_uri, request.body) == ("INVITE", "sip:bob@example.com", b"body")
    assert (request.call_id, request.cseq_number, request.cseq_method) == ("a84b4c76e66710", 314159, "INVITE")
    assert (request.from_tag, request.to_tag, request.branch) == ("1928301774", None, "z9hG4bK776asdhds")


def test_a_response() -> None:
    response = parse(message(start=b"SIP/2.0 180 Ringing loudly"))
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (180, "Ringing loudly")


@pytest.mark.parametrize("start", [b"SIP/2.0 200 ", b"SIP/2.0 200", b"sip/2.0 200 "])
def test_an_empty_reason_phrase(start: bytes) -> None:
    response = parse(message(start=start))
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (200, "")


def test_what_nobody_changed_comes_back() -> None:
    odd = message(*FIELDS, b"sUbJect :   x;; ", b"X-Odd: \xff\xfe", b"Organization: a\r\n \t b")
    for data in (message(), odd, message(end=b"\n")):
        assert parse(data).serialize() == data


def test_octets_after_content_length_are_ignored() -> None:
    assert parse(message(body=b"body and more")).body == b"body"


def test_a_short_body_is_told() -> None:
    short = parse(message(body=b"bo"))
    assert (short.body, short.truncated) == (b"bo", True)


def test_line_ends_before_the_start_line_are_ignored() -> None:
    assert isinstance(parse(b"\r\n\r\n" + message()), Request)


def test_folded_fields_are_one() -> None:
    folded = parse(message(*FIELDS, b"Subject: first", b"  second", b"\tthird"))
    assert folded.text("Subject") == "first second third"


@pytest.mark.parametrize("missing", range(5))
def test_the_fields_that_routing_needs(missing: int) -> None:
    fields = [field for position, field in enumerate(FIELDS) if position != missing]
    error = refused(message(*fields))
    assert error.status == 400
    assert error.header == FIELDS[missing].partition(b":")[0].decode()
    assert error.salvage is not None
    assert error.salvage.method == "INVITE"


@pytest.mark.parametrize("twice", [1, 2, 3, 4, 6])
def test_fields_that_stand_once(twice: int) -> None:
    assert refused(message(*FIELDS, FIELDS[twice])).status == 400


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"INVITE sip:bob@example.com SIP/7.0", 505),
        (b"INVITE  sip:bob@example.com SIP/2.0", 400),
        (b"INVITE sip:bob@example.com; lr SIP/2.0", 400),
        (b"INVITE <sip:bob@example.com> SIP/2.0", 400),
        (b"INV\xc3\x84TE sip:bob@example.com SIP/2.0", 400),
        (b"GET / HTTP/1.1", 400),
        (b"SIP/2.0 99 Low", 400),
        (b"SIP/2.0 4294967301 better", 400),
        (b"", 400),
    ],
)
def test_start_lines_that_are_none(start: bytes, status: int) -> None:
    assert refused(message(start=start)).status == status


def test_a_broken_request_can_be_answered() -> None:
    error = refused(message(*FIELDS[:4], b"CSeq: many INVITE", *FIELDS[5:]))
    salvage = error.salvage
    assert salvage is not None
    assert (salvage.via, salvage.call_id) == ((FIELDS[0][5:],), b"a84b4c76e66710")
    assert (salvage.to, salvage.cseq) == (b"Bob <sip:bob@example.com>", b"many INVITE")


def test_bounds() -> None:
    via = b"Via: SIP/2.0/UDP h;branch=z9hG4bK1"
    assert refused(message(*FIELDS, *[b"X: y"] * 128)).status in (400, 513)
    assert refused(message(*FIELDS, *[via] * 70)).status in (400, 513)
    assert refused(message(*FIELDS, b"Via: " + b",".join([via[5:]] * 70))).status in (400, 513)
    assert refused(message(body=b"x" * 70000)).status == 513
    assert refused(message(), Limits(octets=100)).status == 513
    assert isinstance(parse(message(*FIELDS, *[via] * 69)), Request)


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\0", message()[:-6], message(end=b"\r"), message() * 3])
def test_odd_octets_do_no_harm(data: bytes) -> None:
    statuses: list[int] = []
    try:
        parse(data)
    except ParseError as error:
        statuses.append(error.status)
    assert set(statuses) <= {400, 505, 513}


@given(st.binary(max_size=400))
def test_any_octets_at_all(data: bytes) -> None:
    for octets in (data, START + b"\r\n" + data, message(*FIELDS, data)):
        try:
            assert parse(octets).serialize() is not None
        except ParseError:
            continue


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b"1 2", b"0x1", "٣".encode()])
def test_content_lengths_that_are_none(value: bytes) -> None:
    with pytest.raises(ParseError):
        content_length(value)


def test_content_lengths() -> None:
    assert [content_length(value) for value in (b"0", b" 12\t", b"007")] == [0, 12, 7]
