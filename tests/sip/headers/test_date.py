"""Date, by RFC 3261 20.17 and RFC 4475 3.1.2.12."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import formatdate, parsedate_to_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.date import SipDate, parse_date


def test_a_date() -> None:
    date = parse_date("Sat, 13 Nov 2010 23:29:00 GMT")
    assert date.moment == datetime(2010, 11, 13, 23, 29, tzinfo=UTC)
    assert date.wall == 1289690940.0
    assert str(date) == "Sat, 13 Nov 2010 23:29:00 GMT"
    assert date == SipDate.at(1289690940.9)
    assert hash(date) == hash(SipDate.at(1289690940))
    assert date == SipDate(datetime(2010, 11, 14, 1, 29, tzinfo=timezone(timedelta(hours=2))))


@pytest.mark.parametrize(
    "text", ["sat, 13 NOV 2010 23:29:00 gmt", "Sat,  13 Nov 2010\t23:29:00 GMT", "Mon, 13 Nov 2010 23:29:00 GMT"]
)
def test_leniencies(text: str) -> None:
    assert str(parse_date(text)) == "Sat, 13 Nov 2010 23:29:00 GMT"


@pytest.mark.parametrize(
    "text",
    [
        "", "Fri, 01 Jan 2010 16:00:00 EST",  # RFC 4475 3.1.2.12
        "Fri, 01 Jan 2010 16:00:00", "Fri, 1 Jan 2010 16:00:00 GMT", "Fri, 01 Jan 10 16:00:00 GMT",
        "Friday, 01-Jan-10 16:00:00 GMT", "Fri Jan  1 16:00:00 2010", "01 Jan 2010 16:00:00 GMT",
        "Fri, 01 Jan 2010 24:00:00 GMT", "Fri, 01 Jan 2010 16:60:00 GMT", "Fri, 01 Jan 2010 16:00:60 GMT",
        "Sun, 31 Feb 2010 16:00:00 GMT", "Sun, 00 Feb 2010 16:00:00 GMT", "Sat, 01 Jan 0000 00:00:00 GMT",
        "Fri, 01 Jan 2010 16:00:00 GMT+1", "Fri, 01 Jan 2010 16:00:00 +0000", "Fri, ٠١ Jan 2010 16:00:00 GMT",
        "1262361600", "Fri, 01 Jan 2010 16:00:00 GMT\n",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_date(text)


@given(st.integers(0, 253402300799))
def test_the_library_agrees(wall: int) -> None:
    """The same form as HTTP's and mail's, which Python writes and reads itself."""
    text = formatdate(wall, usegmt=True)
    assert str(SipDate.at(wall)) == text
    assert parse_date(text).wall == wall
    assert parse_date(text).moment == parsedate_to_datetime(text)
