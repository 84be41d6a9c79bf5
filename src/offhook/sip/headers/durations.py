"""Times: Expires, Retry-After, Session-Expires, Min-SE (RFC 3261 20.19, 20.33, RFC 4028 4, 5)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.date import parse_date
from offhook.sip.headers.grammar import WSP, comment_end, parse_params, quote, serialize_params, strip_comment
from offhook.sip.headers.numbers import MAX_DELTA_SECONDS, bounded, parse_delta_seconds
from offhook.sip.headers.value import Parameterized

__all__ = [
    "DATED_SECONDS",
    "MinSE",
    "RetryAfter",
    "SessionExpires",
    "parse_expires",
    "parse_min_se",
    "parse_retry_after",
    "parse_session_expires",
]

DATED_SECONDS: Final = 3600
"""What a date means in the place of seconds: RFC 2543 6.20 and 6.32 allowed one, RFC 3261 20.10 has this default."""

_SECONDS: Final = re.compile(r"([0-9]+)[ \t]*")
_DATE: Final = re.compile(r"([A-Za-z]{3},[^(;]*)")


class _Duration(Parameterized):
    """A number of seconds with parameters."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: int, params: dict[str, str | None] | None = None) -> None:
        super().__init__({} if params is None else params)
        self.seconds = seconds

    def serialize(self) -> str:
        return f"{self.seconds}{serialize_params(self.params)}"

    def _key(self) -> object:
        return (self.seconds, self._params_key())


class SessionExpires(_Duration):
    """The interval after which a session ends that nobody refreshed (RFC 4028 4)."""

    __slots__ = ()

    @classmethod
    def build(cls, seconds: int, refresher: str | None = None) -> SessionExpires:
        """A value from plain ones; `refresher` is "uac", "uas" or None."""
        params: dict[str, str | None] = {} if refresher is None else {"refresher": refresher}
        return SessionExpires(seconds, params)

    @property
    def refresher(self) -> str | None:
        """Who refreshes, in lower case: "uac" or "uas"."""
        value = self.param("refresher")
        return None if value is None else value.lower()


class MinSE(_Duration):
    """The shortest session interval that an element on the way accepts (RFC 4028 5)."""

    __slots__ = ()


class RetryAfter(_Duration):
    """How long to wait before the next try, with an optional remark for people (RFC 3261 20.33)."""

    __slots__ = ("comment",)

    def __init__(self, seconds: int, params: dict[str, str | None] | None = None, comment: str | None = None) -> None:
        super().__init__(seconds, params)
        self.comment = comment

    @property
    def duration(self) -> int | None:
        """Seconds for which the called party will then be reachable; None when absent or malformed."""
        value = self.param("duration")
        if value is None:
            return None
        try:
            return parse_delta_seconds(value)
        except ParseError:
            return None

    def serialize(self) -> str:
        if self.comment is None:
            return super().serialize()
        return f"{self.seconds} ({_ctext(self.comment)}){serialize_params(self.params)}"

    def _key(self) -> object:
        return (self.seconds, self.comment, self._params_key())


def _ctext(text: str) -> str:
    """The inside of a comment. Its parentheses are written as quoted-pairs, so that it needs no balance."""
    return quote(text)[1:-1].replace('\\"', '"').replace("(", "\\(").replace(")", "\\)")


def _seconds(text: str) -> tuple[int, str]:
    found = _SECONDS.match(text)
    if found is None:
        raise ParseError("a time in seconds is missing", clause="RFC 3261 25.1 delta-seconds")
    return parse_delta_seconds(found.group(1)), text[found.end() :]


def _seconds_or_date(text: str) -> tuple[int, str]:
    """A number that is too large counts as the largest (RFC 4475 3.1.2.4 lets an element do so)."""
    found = _SECONDS.match(text)
    if found is not None:
        seconds = bounded(found.group(1), MAX_DELTA_SECONDS)
        return MAX_DELTA_SECONDS if seconds < 0 else seconds, text[found.end() :]
    found = _DATE.match(text)
    if found is None:
        raise ParseError("a time in seconds is missing", clause="RFC 3261 25.1 delta-seconds")
    parse_date(found.group(1).rstrip(WSP))
    return DATED_SECONDS, text[found.end() :]


def parse_expires(text: str) -> int:
    """The value of Expires, in seconds. Raises ParseError."""
    seconds, rest = _seconds_or_date(text)
    if rest:
        raise ParseError("Expires is not a time in seconds", clause="RFC 3261 20.19")
    return seconds


def parse_session_expires(text: str) -> SessionExpires:
    """The value of Session-Expires. Raises ParseError."""
    seconds, rest = _seconds(text)
    return SessionExpires(seconds, parse_params(rest))


def parse_min_se(text: str) -> MinSE:
    """The value of Min-SE. Raises ParseError."""
    seconds, rest = _seconds(text)
    return MinSE(seconds, parse_params(rest))


def parse_retry_after(text: str) -> RetryAfter:
    """The value of Retry-After. Raises ParseError.

    Retry-After = "Retry-After" HCOLON delta-seconds [ comment ] *( SEMI retry-param )
    """
    seconds, rest = _seconds_or_date(text)
    comment: str | None = None
    if rest.startswith("("):
        end = comment_end(rest, 0)
        if end < 0 or "\r" in rest or "\n" in rest:
            raise ParseError("malformed comment", clause="RFC 3261 25.1 comment")
        comment = strip_comment(rest[:end])
        rest = rest[end:].lstrip(" \t")
    return RetryAfter(seconds, parse_params(rest), comment)
