"""Retry-After, Session-Expires and Min-SE, by RFC 3261 20.33 and RFC 4028."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.durations import (
    MinSE,
    RetryAfter,
    SessionExpires,
    parse_expires,
    parse_min_se,
    parse_retry_after,
    parse_session_expires,
)


@pytest.mark.parametrize(
    ("text", "seconds", "comment", "duration"),
    [
        # RFC 3261 20.33
        ("18000;duration=3600", 18000, None, 3600),
        ("120 (I'm in a meeting)", 120, "I'm in a meeting", None),
        ("5(a (b) \\)c) ;duration=1;x", 5, "a (b) )c", 1),
        ("0", 0, None, None),
        ("5;duration=x", 5, None, None),
        ("5;duration=99999999999", 5, None, None),
    ],
)
def test_retry_after(text: str, seconds: int, comment: str | None, duration: int | None) -> None:
    value = parse_retry_after(text)
    assert (value.seconds, value.comment, value.duration) == (seconds, comment, duration)
    assert parse_retry_after(str(value)) == value
    assert hash(parse_retry_after(str(value))) == hash(value)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "-1", "5 x", "5 (a", "5 (a) b", "5 (a)(b)", "5 (a\nb)", "5;;", "5,6", "5.5",
        "Thu, 01 Dec 1994 16:00:00 EST", "Thu, 1", "Thu, 32 Dec 1994 16:00:00 GMT",
    ],
)  # fmt: skip
def test_malformed_retry_after(text: str) -> None:
    with pytest.raises(ParseError):
        parse_retry_after(text)


@given(st.text(st.characters(exclude_characters="\r\n")).map(lambda text: text.strip(" \t")))
def test_comments_come_back(comment: str) -> None:
    value = RetryAfter(5, {"duration": "6"}, comment)
    again = parse_retry_after(str(value))
    assert again == value
    assert again.comment == comment


def test_a_comment_cannot_end_the_line() -> None:
    with pytest.raises(ValueError, match="CR"):
        str(RetryAfter(5, None, "a\r\nVia: b"))


def test_session_expires() -> None:
    # RFC 4028 4
    value = parse_session_expires("4000 ; Refresher = UAC ; x")
    assert (value.seconds, value.refresher) == (4000, "uac")
    assert str(value) == "4000;refresher=UAC;x"
    assert parse_session_expires("90").refresher is None
    assert str(SessionExpires.build(1800, "uas")) == "1800;refresher=uas"
    assert str(SessionExpires.build(1800)) == "1800"
    assert SessionExpires.build(90) != parse_min_se("90")


def test_min_se() -> None:
    # RFC 4028 5
    assert parse_min_se("60").seconds == 60
    assert str(parse_min_se("60 ;x=y")) == "60;x=y"
    assert parse_min_se("60") == MinSE(60)


@pytest.mark.parametrize("text", ["", "x", "4294967296", "90 refresher=uac", "90;;", "90 (comment)", "90,91"])
def test_malformed_intervals(text: str) -> None:
    with pytest.raises(ParseError):
        parse_session_expires(text)
    with pytest.raises(ParseError):
        parse_min_se(text)


def test_retry_after_of_rfc_2543() -> None:
    value = parse_retry_after("Mon, 21 Jul 1997 18:48:34 GMT (I'm in a meeting)")
    assert (value.seconds, value.comment) == (3600, "I'm in a meeting")
    value = parse_retry_after("Mon, 01 Jan 9999 00:00:00 GMT (Dear John: Don't call me back, ever);duration=3600")
    assert (value.seconds, value.duration) == (3600, 3600)


def test_a_retry_after_that_is_too_large_is_the_largest() -> None:
    """RFC 4475 3.1.2.5."""
    assert parse_retry_after("949302838503028349304023988").seconds == 2**32 - 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0005", 5),
        ("4294967295", 2**32 - 1),
        ("1" + "0" * 100, 2**32 - 1),  # RFC 4475 3.1.2.4
        ("Thu, 01 Dec 1994 16:00:00 GMT", 3600),  # RFC 2543 6.20
    ],
)
def test_expires(text: str, seconds: int) -> None:
    assert parse_expires(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1", "5 ;a", "5 (a)", "3600 seconds", "Thu, 01 Dec 1994 16:00:00 GMT (a)"])
def test_malformed_expires(text: str) -> None:
    with pytest.raises(ParseError):
        parse_expires(text)
