"""Timestamp: when a request was sent, and how long its answer was held (RFC 3261 20.38)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.value import HeaderValue

__all__ = ["Timestamp", "parse_timestamp"]

# ABNF Timestamp = "Timestamp" HCOLON 1*(DIGIT) [ "." *(DIGIT) ] [ LWS delay ]
# ABNF delay     = *(DIGIT) [ "." *(DIGIT) ]
_TIMESTAMP: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?)(?:[ \t]+([0-9]*(?:\.[0-9]*)?))?")


class Timestamp(HeaderValue):
    """`time` and `delay` in seconds, as written: a UAS copies the time as it came. `delay` is None when absent."""

    __slots__ = ("delay", "time")

    def __init__(self, time: str, delay: str | None = None) -> None:
        self.time = time
        self.delay = delay

    @property
    def seconds(self) -> float:
        """The time, by the sender's own clock."""
        return float(self.time)

    @property
    def delay_seconds(self) -> float:
        """The time between the receipt of the request and its answer, 0.0 when none was given (RFC 3261 8.2.6.1)."""
        return float(self.delay) if self.delay is not None and self.delay.strip(".") else 0.0

    def with_delay(self, seconds: float) -> Timestamp:
        """A copy for the answer, with the delay in it (RFC 3261 8.2.6.1)."""
        return Timestamp(self.time, f"{seconds:.3f}")

    def serialize(self) -> str:
        return self.time if self.delay is None else f"{self.time} {self.delay}"


def parse_timestamp(text: str) -> Timestamp:
    """The value of Timestamp. Raises ParseError."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ParseError("malformed Timestamp", clause="RFC 3261 20.38")
    return Timestamp(found.group(1), found.group(2) or None)
