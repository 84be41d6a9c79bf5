"""Request validation: RFC 3261 16.3."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.proxy.loop import loop_mark
from offhook.proxy.own import OwnNames
from offhook.proxy.validation import Refusal, validate
from offhook.sip.message import Request
from tests.proxy.requests import request

OWN = OwnNames(frozenset(("example.com",)))
OWN.add("192.0.2.10", 5060)


def judged(arrived: Request) -> int | None:
    refusal = validate(arrived, loop_mark(arrived), OWN)
    return None if refusal is None else refusal.status


@pytest.mark.rfc("3261 16.3 #1", "3261 16.3 #6", "3261 16.3 #7", "3261 16.3 #8")
@pytest.mark.parametrize(
    ("arrived", "status"),
    [
        (request(), None),
        (request("NEWMETHOD"), None),
        (request(Date="no date at all", X_Unknown="\x01"), None),
        (request(uri="sips:bob@example.com"), None),
        (request(uri="tel:+15551234"), None),
        (request(uri="mailto:bob@example.com"), 416),
        (request(Max_Forwards=None), None),
        (request(Max_Forwards="1"), None),
        (request(Max_Forwards="0"), 483),
        (request("OPTIONS", Max_Forwards="0"), 483),
        (request(Proxy_Require="foo"), 420),
        (request(Proxy_Require=""), None),
        (request(Require="foo"), None),
    ],
)
def test_what_may_go_on(arrived: Request, status: int | None) -> None:
    assert judged(arrived) == status


def test_a_loop_is_refused() -> None:
    mark = loop_mark(request())
    assert judged(request(Via=f"SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-0-1-{mark}")) == 482


@pytest.mark.rfc("3261 16.3 step 5")
def test_a_420_names_what_is_not_understood() -> None:
    refusal = validate(request(Proxy_Require="foo, bar"), "0", OWN)
    assert refusal is not None
    assert refusal.headers == (("Unsupported", "foo, bar"),)


@pytest.mark.rfc("3261 16.3 #5")
@pytest.mark.parametrize("broken", [request(Max_Forwards="many"), request(uri="sip:")])
def test_what_validation_reads_must_be_well_formed(broken: Request) -> None:
    with pytest.raises(ParseError):
        judged(broken)


def test_a_refusal_needs_no_headers() -> None:
    assert (Refusal(403).status, Refusal(403).headers) == (403, ())
