"""Timestamp, by RFC 3261 20.38."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.timestamp import Timestamp, parse_timestamp


@pytest.mark.parametrize(
    ("text", "seconds", "delay"),
    [
        ("54", 54.0, 0.0),
        ("54.21", 54.21, 0.0),
        ("54. 1.5", 54.0, 1.5),
        ("1 .5", 1.0, 0.5),
        ("1 .", 1.0, 0.0),
        ("1 2.", 1.0, 2.0),
    ],
)
def test_timestamps(text: str, seconds: float, delay: float) -> None:
    timestamp = parse_timestamp(text)
    assert (timestamp.seconds, timestamp.delay_seconds) == (seconds, delay)
    assert str(timestamp) == text
    assert parse_timestamp(str(timestamp)) == timestamp


def test_the_answer_copies_the_time() -> None:
    """RFC 3261 8.2.6.1."""
    assert str(parse_timestamp("54.2100").with_delay(1.25)) == "54.2100 1.250"
    assert parse_timestamp("54") == Timestamp("54")
    assert hash(parse_timestamp("54")) == hash(Timestamp("54"))
    assert parse_timestamp("54") != parse_timestamp("54.0")


@pytest.mark.parametrize("text", ["", ".5", "x", "-1", "1 x", "1 2 3", "1.2.3", "1,2", "٣", "1\n"])
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_timestamp(text)
