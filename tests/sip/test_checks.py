"""Validity beyond grammar: what a message earns, and from whom."""

from __future__ import annotations

import pytest

from offhook.sip.checks import INVALID, MALFORMED, OK, judge

BASE = """{start}
Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1
From: <sip:a@h>;tag=1
To: <sip:b@h>
Call-ID: c
CSeq: 1 {method}
Max-Forwards: 70
{fields}Content-Length: {length}

{body}"""


def judged(
    method: str = "OPTIONS",
    fields: str = "",
    *,
    uri: str = "sip:b@h",
    start: str = "",
    body: str = "",
    length: int | None = None,
    cseq: str = "",
) -> tuple[str, int | None]:
    text = BASE.format(
        start=start or f"{method} {uri} SIP/2.0",
        method=cseq or method,
        fields="".join(f"{field}\n" for field in fields.splitlines()),
        length=len(body) if length is None else length,
        body="{body}",
    )
    data = text.replace("\n", "\r\n").replace("{body}", body).encode()
    judgement = judge(data)
    assert (judgement.clause is None) == (judgement.reason is None)
    return judgement.verdict, judgement.status


@pytest.mark.parametrize("method", ["OPTIONS", "MESSAGE", "BYE", "REGISTER"])
def test_a_plain_request_is_ok(method: str) -> None:
    assert judged(method) == (OK, None)


def test_a_plain_response_is_ok() -> None:
    assert judged(start="SIP/2.0 200 OK") == (OK, None)


@pytest.mark.parametrize(
    ("fields", "clause"),
    [
        ("Contact: <sip:a@h>\nContact: <sip:b@h>", "8.1.1.8"),
        ("Contact: *", "10.3 step 6"),
        ("Subject: a\nSubject: b", "7.3.1"),
    ],
)
def test_what_breaks_a_must_earns_400(fields: str, clause: str) -> None:
    assert judged("INVITE", fields) == (INVALID, 400), clause


def test_cseq_names_the_method() -> None:
    assert judged("OPTIONS", cseq="INVITE") == (INVALID, 400)


def test_a_body_shorter_than_its_length() -> None:
    assert judged(length=5) == (INVALID, 400)
    assert judged(start="SIP/2.0 200 OK", length=5) == (INVALID, None)


def test_a_wildcard_removes_in_a_register_alone() -> None:
    assert judged("REGISTER", "Contact: *\nExpires: 0") == (OK, None)
    assert judged("REGISTER", "Contact: *\nExpires: 60") == (INVALID, 400)
    assert judged("REGISTER", "Contact: *\nContact: <sip:a@h>\nExpires: 0") == (INVALID, 400)


def test_header_fields_in_a_request_uri() -> None:
    assert judged(uri="sip:b@h?Subject=x") == (INVALID, 400)


@pytest.mark.parametrize("field", ["Date: yesterday", "Expires: soon", "Contact: <sip:a@h", "Max-Forwards: x"])
def test_a_typed_header_that_cannot_be_read(field: str) -> None:
    assert judged(fields=field)[0] in (MALFORMED, INVALID)


@pytest.mark.parametrize(
    ("method", "fields", "uri", "body", "status"),
    [
        ("NEWMETHOD", "", "sip:b@h", "", 501),
        ("COMET", "", "sip:b@h", "", 405),
        ("OPTIONS", "", "nobodyKnows:opaque", "", 416),
        ("OPTIONS", "Require: foo", "sip:b@h", "", 420),
        ("OPTIONS", "Proxy-Require: foo", "sip:b@h", "", 420),
        ("MESSAGE", "Content-Type: x/odd", "sip:b@h", "body", 415),
        ("MESSAGE", "Content-Type: text/plain\nContent-Encoding: gzip", "sip:b@h", "body", 415),
        ("REGISTER", "Authorization: NoOneKnows abc=1", "sip:h", "", 401),
    ],
)
def test_what_some_element_objects_to_is_ok_all_the_same(
    method: str, fields: str, uri: str, body: str, status: int
) -> None:
    assert judged(method, fields, uri=uri, body=body) == (OK, status)


def test_octets_that_are_no_message() -> None:
    assert judge(b"hello").verdict == MALFORMED
    assert judge(b"SIP/7.0 200 OK\r\n\r\n").status is None
