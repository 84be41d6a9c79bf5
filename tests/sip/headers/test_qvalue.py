"""The q parameter, by RFC 3261 25.1."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.qvalue import parse_q, strict_q


@pytest.mark.parametrize("text", ["0", "0.", "0.5", "0.123", "1", "1.", "1.000"])
def test_strict_ones_stay(text: str) -> None:
    assert strict_q(text) == text


@pytest.mark.parametrize(
    ("text", "strict"),
    [(".5", "0.5"), ("00.7", "0.7"), ("0.70000", "0.700"), ("1.00000", "1"), ("01", "1"), ("000", "0"), (".0", "0.0")],
)
def test_loose_ones_are_mended(text: str, strict: str) -> None:
    assert strict_q(text) == strict


@pytest.mark.parametrize(
    "text", ["", ".", "1.1", "1.001", "2", "11", "10", "-0", "0,5", "x", "0.5x", "٠", "0.5\n", "0." + "1" * 99]
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        strict_q(text)


@given(st.text("01.5", max_size=8))
def test_what_comes_out_is_of_the_grammar(text: str) -> None:
    try:
        strict = strict_q(text)
    except ParseError:
        return
    assert re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", strict)
    assert abs(float(strict) - float(text)) < 0.001


def test_within_parameters() -> None:
    assert parse_q({"q": ".5", "x": None}) == {"q": "0.5", "x": None}
    assert parse_q({}) == {}
    with pytest.raises(ParseError):
        parse_q({"q": "5"})
