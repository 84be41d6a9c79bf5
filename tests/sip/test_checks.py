"""Validity beyond grammar: each check with its clause, and the judgement that joins it with the grammars."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip import checks
from offhook.sip.checks import INVALID, MALFORMED, OK, Fault, fault, judge, objection, read_all, routing_fault
from offhook.sip.parser import Limits, parse
from tests.sip.messages import INVITE, OPTIONS, RINGING, request_of, with_line, with_more, with_start

OLD_VIA = b"Via: SIP/2.0/UDP pc33.atlanta.example.com"
REGISTER = OPTIONS.replace(b"OPTIONS", b"REGISTER")
MESSAGE = with_line(OPTIONS, b"Content-Length", b"Content-Length: 5").replace(b"OPTIONS", b"MESSAGE") + b"hello"


def test_good_messages_are_ok() -> None:
    for data in (INVITE, OPTIONS, RINGING, REGISTER):
        judgement = judge(data)
        assert (judgement.verdict, judgement.status, judgement.clause, judgement.reason) == (OK, None, None, None)
        assert fault(parse(data)) is None


# Malformed


@pytest.mark.parametrize(
    ("data", "status", "clause", "reason"),
    [
        (b"", 400, "RFC 3261 7", "no empty line"),
        (with_start(OPTIONS, b"OPTIONS sip:a SIP/7.0"), 505, "RFC 3261 21.5.6", "2.0"),
        (with_line(OPTIONS, b"CSeq", b"CSeq: 2147483648 OPTIONS"), 400, "RFC 3261 8.1.1.5", "CSeq: "),
        (with_more(OPTIONS, b"Contact: <sip:"), 400, "RFC 3261 25.1 name-addr", "Contact: "),
        (with_more(OPTIONS, b"Date: today"), 400, "RFC 3261 20.17", "Date: "),
        (with_more(OPTIONS, b"X: y"), 400, "RFC 3261 25.1 delta-seconds", "Session-Expires: "),
        (with_line(OPTIONS, b"Max-Forwards", b"Max-Forwards: 256"), 400, "RFC 3261 20.22", "Max-Forwards: "),
        (with_start(OPTIONS, b"OPTIONS sip:2001:db8::1 SIP/2.0"), 400, "RFC 3261 19.1.1", "URI"),
        (with_line(OPTIONS, b"From", b'From: "Alice <sip:a@b>;tag=1'), 400, "RFC 3261 25.1 quoted-string", "From: "),
        (with_more(OPTIONS, *([b"Z: y"] * 200)), 513, "RFC 3261 21.5.7", "207 header fields"),
        (with_start(RINGING, b"SIP/2.0 999 Odd"), None, "RFC 3261 7.2", "status code"),
        (with_start(RINGING, b"SIP/3.0 200 OK"), None, "RFC 3261 7.2", "version"),
        (b"\r\n" + with_line(RINGING, b"CSeq", b"CSeq: x"), None, "RFC 3261 20.16", "CSeq: "),
        (with_more(RINGING, b"Retry-After: soon"), None, "RFC 3261 25.1 delta-seconds", "Retry-After: "),
    ],
)
def test_malformed(data: bytes, status: int | None, clause: str, reason: str) -> None:
    judgement = judge(data)
    assert (judgement.verdict, judgement.status, judgement.clause) == (MALFORMED, status, clause)
    assert judgement.reason is not None
    assert reason in judgement.reason


def test_every_typed_header_is_read() -> None:
    message = parse(with_more(OPTIONS, b"X-Own: <", b"P-Asserted-Identity: <sip:a>", b"P-Asserted-Identity: <"))
    with pytest.raises(ParseError) as caught:
        read_all(message)
    assert caught.value.header == "P-Asserted-Identity"
    read_all(parse(with_more(OPTIONS, b"X-Own: <")))


def test_limits_count() -> None:
    assert judge(OPTIONS, Limits(fields=3)).status == 513


# Invalid


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        (with_line(OPTIONS, b"CSeq", b"CSeq: 8 INVITE"), "RFC 3261 8.1.1.5"),
        (with_line(OPTIONS, b"CSeq", b"CSeq: 8 options"), "RFC 3261 8.1.1.5"),
        (INVITE[:-1], "RFC 3261 18.3"),
        (with_more(OPTIONS, b"Max-Forwards: 5"), "RFC 3261 7.3.1"),
        (with_more(INVITE, b"s: again"), "RFC 3261 7.3.1"),
        (with_more(INVITE, b"c: text/plain"), "RFC 3261 7.3.1"),
        (with_start(OPTIONS, b"OPTIONS sip:a@b?Route=%3Csip:c%3E SIP/2.0"), "RFC 3261 19.1.1"),
        (with_start(OPTIONS, b"OPTIONS sip:a@b;method=INVITE SIP/2.0"), "RFC 3261 19.1.1"),
        (with_more(INVITE, b"Contact: <sip:other>"), "RFC 3261 8.1.1.8"),
        (with_line(INVITE, b"Contact", b"Contact: <sip:a>, <sip:b>"), "RFC 3261 8.1.1.8"),
        (with_line(INVITE, b"Contact", b"Contact: *"), "RFC 3261 10.3 step 6"),
        (with_more(REGISTER, b"Contact: *"), "RFC 3261 10.3 step 6"),
        (with_more(REGISTER, b"Contact: *", b"Expires: 60"), "RFC 3261 10.3 step 6"),
        (with_more(REGISTER, b"Contact: *, <sip:a>", b"Expires: 0"), "RFC 3261 10.3 step 6"),
        (with_more(REGISTER, b"Contact: *", b"Contact: <sip:a>", b"Expires: 0"), "RFC 3261 10.3 step 6"),
    ],
)
def test_invalid_requests(data: bytes, clause: str) -> None:
    judgement = judge(data)
    assert (judgement.verdict, judgement.status, judgement.clause) == (INVALID, 400, clause)
    assert judgement.reason


@pytest.mark.parametrize("via", [b"255.255.255.255;branch=z9hG4bK1saber23", b"a;received=255.255.255.255"])
def test_a_response_that_would_be_broadcast_is_well_formed_and_odd(via: bytes) -> None:
    judgement = judge(with_more(RINGING, b"Via: SIP/2.0/UDP " + via))
    assert (judgement.verdict, judgement.status, judgement.clause) == (OK, None, "RFC 3261 18.2.2")


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        (with_line(RINGING, b"Content-Length", b"Content-Length: 5"), "RFC 3261 18.3"),
        (with_more(RINGING, b"Contact: *"), "RFC 3261 10.3 step 6"),
        (with_more(RINGING, b"Expires: 5", b"Expires: 5"), "RFC 3261 7.3.1"),
    ],
)
def test_invalid_responses_have_no_status(data: bytes, clause: str) -> None:
    judgement = judge(data)
    assert (judgement.verdict, judgement.status, judgement.clause) == (INVALID, None, clause)


def test_what_every_element_refuses() -> None:
    assert routing_fault(request_of(OPTIONS)) is None
    found = routing_fault(request_of(with_line(OPTIONS, b"CSeq", b"CSeq: 8 INVITE")))
    assert isinstance(found, Fault)
    assert (found.clause, found.status) == ("RFC 3261 8.1.1.5", 400)
    found = routing_fault(request_of(INVITE[:-1]))
    assert found is not None
    assert found.clause == "RFC 3261 18.3"


def test_a_wildcard_that_removes_is_valid() -> None:
    assert judge(with_more(REGISTER, b"Contact: *", b"Expires: 0")).verdict == OK


def test_fields_that_may_stand_twice() -> None:
    for lines in (
        (b"Supported: a", b"k: b"),
        (b"Route: <sip:a;lr>", b"Route: <sip:b;lr>"),
        (b"Contact: <sip:a>", b"m: <sip:b>"),
        (b'Authorization: Digest username="a"', b'Authorization: Digest username="b"'),
        (b"X-Own: a", b"X-Own: b"),
    ):
        assert judge(with_more(REGISTER, *lines)).verdict == OK


# Valid, and yet somebody objects


@pytest.mark.parametrize(
    ("data", "status", "clause"),
    [
        (OPTIONS.replace(b"OPTIONS", b"NEWMETHOD"), 501, "RFC 3261 21.5.2"),
        (OPTIONS.replace(b"OPTIONS", b"RE%47IST%45R"), 501, "RFC 3261 21.5.2"),
        (OPTIONS.replace(b"OPTIONS", b"COMET"), 405, "RFC 3261 21.4.6"),
        (OPTIONS.replace(b"OPTIONS", b"UNSUBSCRIBE"), 405, "RFC 3261 21.4.6"),
        (with_start(OPTIONS, b"OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), 416, "RFC 3261 8.2.2.1"),
        (with_line(OPTIONS, b"Max-Forwards", b"Max-Forwards: 0"), 483, "RFC 3261 16.3 step 3"),
        (with_more(OPTIONS, b"Require: nothingSupportsThis, 100rel"), 420, "RFC 3261 8.2.2.3"),
        (with_more(OPTIONS, b"Proxy-Require: noProxiesSupportThis"), 420, "RFC 3261 16.3 step 5"),
        (with_more(MESSAGE, b"c: application/unknownformat"), 415, "RFC 3261 8.2.3"),
        (with_more(MESSAGE, b"c: text/plain", b"e: gzip"), 415, "RFC 3261 8.2.3"),
        (MESSAGE, 415, "RFC 3261 20.15"),
        (with_more(INVITE, b"Accept: text/nobodyKnowsThis"), 406, "RFC 3261 21.4.7"),
        (with_more(INVITE, b"Accept:"), 406, "RFC 3261 21.4.7"),
        (with_more(REGISTER, b"Authorization: NoOneKnowsThisScheme opaque-data=here"), 401, "RFC 3261 22.1"),
    ],
)
def test_objections(data: bytes, status: int, clause: str) -> None:
    judgement = judge(data)
    assert (judgement.verdict, judgement.status, judgement.clause) == (OK, status, clause)
    found = objection(request_of(data))
    assert found is not None
    assert (found.status, found.clause) == (status, clause)


@pytest.mark.parametrize(
    "data",
    [
        with_more(OPTIONS, b"Require: 100rel, TIMER"),
        with_more(OPTIONS, b"Require:", b"Proxy-Require: "),
        with_more(MESSAGE, b"c: text/plain;charset=utf-8", b"Content-Encoding: identity"),
        with_more(MESSAGE, b"c: multipart/mixed;boundary=x"),
        with_more(INVITE, b"Accept: text/plain, application/sdp;level=1, */*;q=0.1"),
        with_more(OPTIONS, b"Accept: text/nobodyKnowsThis"),
        with_start(OPTIONS, b"OPTIONS tel:+1-212-555-0101 SIP/2.0"),
        with_more(REGISTER, b"Authorization: Odd x=y", b'Authorization: Digest username="a"'),
        with_more(OPTIONS.replace(b"OPTIONS", b"ACK"), b"Require: unknown"),
        with_more(OPTIONS.replace(b"OPTIONS", b"CANCEL"), b"Proxy-Require: unknown"),
    ],
)
def test_nobody_objects(data: bytes) -> None:
    judgement = judge(data)
    assert (judgement.verdict, judgement.status, judgement.reason) == (OK, None, None)


@pytest.mark.parametrize(
    ("data", "clause"),
    [
        (with_line(OPTIONS, b"Max-Forwards"), "RFC 3261 16.3 step 3"),
        (with_line(OPTIONS, b"From", b"From: <sip:alice@atlanta.example.com>"), "RFC 3261 8.1.1.3"),
        (with_line(INVITE, b"Contact"), "RFC 3261 8.1.1.8"),
        (with_line(INVITE, b"Contact", b"Contact:"), "RFC 3261 8.1.1.8"),
    ],
)
def test_what_is_odd_and_borne(data: bytes, clause: str) -> None:
    judgement = judge(data)
    assert (judgement.verdict, judgement.status, judgement.clause) == (OK, None, clause)


def test_peers_of_rfc_2543_are_borne_with() -> None:
    old = with_line(INVITE, b"Contact", b"Contact: <sip:a>, <tel:+1>")
    for via in (OLD_VIA, OLD_VIA + b";branch=1", OLD_VIA + b";hidden (Acme server)"):
        assert judge(with_line(old, b"Via", via)).verdict == OK
    assert judge(with_line(old, b"Via", OLD_VIA + b";branch=z9hG4bK1")).verdict == INVALID


def test_representations() -> None:
    assert repr(judge(b"")) == ("Judgement('malformed', 400, 'RFC 3261 7', 'no empty line ends the head')")
    assert repr(Fault("RFC 1", None, "x")) == "Fault('RFC 1', None, 'x')"


def test_every_check_names_its_clause() -> None:
    """The table above reaches each of them: a check that nobody tests is none."""
    assert len(checks._FAULTS) == 5
    assert len(checks._OBJECTIONS) == 10
