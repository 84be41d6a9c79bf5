"""Headers that are one number."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.numbers import (
    bounded,
    parse_content_length,
    parse_delta_seconds,
    parse_max_breadth,
    parse_max_forwards,
    parse_number,
)

Parse = Callable[[str], int]
PARSERS: list[tuple[Parse, int]] = [
    (parse_content_length, 2**31 - 1),
    (parse_delta_seconds, 2**32 - 1),
    (parse_max_breadth, 2**31 - 1),
    (parse_max_forwards, 255),
]


@pytest.mark.parametrize(("parse", "highest"), PARSERS)
def test_range(parse: Parse, highest: int) -> None:
    assert parse("0") == 0
    assert parse("0068") == 68
    assert parse("0" * 5000) == 0
    assert parse("0" * 5000 + str(highest)) == highest
    for text in (str(highest + 1), "9" * 5000, "1" + "0" * 60):
        with pytest.raises(ParseError):
            parse(text)


@pytest.mark.parametrize(("parse", "highest"), PARSERS)
@pytest.mark.parametrize("text", ["", " ", "-999", "+1", "1.0", "1 2", "0x1", "x", "٣", "²", "1_0", "1\n", "1;x"])
def test_what_is_no_number(parse: Parse, highest: int, text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


def test_the_error_names_what_and_where() -> None:
    with pytest.raises(ParseError, match="RSeq is not a number from 0 to 9") as caught:
        parse_number("10", 9, "RSeq", "the clause")
    assert caught.value.clause == "the clause"


def test_bounded() -> None:
    assert bounded("255", 255) == 255
    assert bounded("256", 255) == -1
    assert bounded("0" * 100, 255) == 0
    assert bounded("0" * 100 + "7", 255) == 7
    assert bounded("7" + "0" * 100, 255) == -1
