"""Date (RFC 3261 20.17)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.value import HeaderValue

__all__ = ["SipDate", "parse_date"]

_WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

# ABNF rfc1123-date = wkday "," SP date1 SP time SP "GMT"
# ABNF date1        = 2DIGIT SP month SP 4DIGIT
# ABNF time         = 2DIGIT ":" 2DIGIT ":" 2DIGIT
# Letter case does not matter (RFC 3261 7.3.1), and folding may have put several spaces in the place of one.
_DATE: Final = re.compile(
    rf"(?:{'|'.join(_WEEKDAYS)}),[ \t]+([0-9]{{2}})[ \t]+({'|'.join(_MONTHS)})[ \t]+([0-9]{{4}})[ \t]+"
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})[ \t]+GMT",
    re.IGNORECASE,
)


class SipDate(HeaderValue):
    """A point in time with a resolution of one second: `moment` is an aware datetime in UTC."""

    __slots__ = ("moment",)

    def __init__(self, moment: datetime) -> None:
        self.moment = moment.astimezone(UTC).replace(microsecond=0)

    @classmethod
    def at(cls, wall: float) -> SipDate:
        """The date of a wall-clock time in seconds since 1970."""
        return SipDate(datetime.fromtimestamp(wall, UTC))

    @property
    def wall(self) -> float:
        """Seconds since 1970."""
        return self.moment.timestamp()

    def serialize(self) -> str:
        moment = self.moment
        day = f"{_WEEKDAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04}"
        return f"{day} {moment.hour:02}:{moment.minute:02}:{moment.second:02} GMT"


def parse_date(text: str) -> SipDate:
    """The value of Date: RFC 1123, GMT alone (RFC 4475 3.1.2.12). Raises ParseError.

    The name of the weekday is not held against the date: it says nothing that the date does not.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        raise ParseError("malformed Date", clause="RFC 3261 20.17")
    month = _MONTHS.index(found.group(2).capitalize()) + 1
    day, year, hour, minute, second = [int(found.group(index)) for index in (1, 3, 4, 5, 6)]
    try:
        return SipDate(datetime(year, month, day, hour, minute, second, tzinfo=UTC))
    except ValueError:
        raise ParseError("no such date", clause="RFC 3261 20.17") from None
