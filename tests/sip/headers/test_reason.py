"""Reason, by RFC 3326."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.reason import Reason, parse_reason


@pytest.mark.parametrize(
    ("text", "protocol", "cause", "words"),
    [
        ('SIP ;cause=200 ;text="Call completed elsewhere"', "SIP", 200, "Call completed elsewhere"),
        ("Q.850;cause=16;text=Terminated", "Q.850", 16, "Terminated"),
        ('SIP;cause="580";text="Precondition Failure"', "SIP", 580, "Precondition Failure"),
        ("preemption;cause=x", "preemption", None, None),
        ("SIP;cause=12345", "SIP", None, None),
        ("SIP", "SIP", None, None),
    ],
)
def test_reasons(text: str, protocol: str, cause: int | None, words: str | None) -> None:
    reason = parse_reason(text)
    assert (reason.protocol, reason.cause, reason.text) == (protocol, cause, words)
    assert parse_reason(str(reason)) == reason


def test_building() -> None:
    assert (
        str(Reason.build("Q.850", 16, 'Normal "call" clearing')) == 'Q.850;cause=16;text="Normal \\"call\\" clearing"'
    )
    assert str(Reason.build("SIP")) == "SIP"
    assert Reason.build("SIP", 200, "ok").text == "ok"
    with pytest.raises(ValueError, match="token"):
        str(Reason.build("a b"))
    with pytest.raises(ValueError, match="CR"):
        Reason.build("SIP", text="a\r\nVia: b")


@pytest.mark.parametrize("text", ["", ";cause=1", "SIP cause=1", "SIP;;", "SIP;text=a b", "SIP;cause=1;cause=2"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_reason(text)
