"""Headers whose value is one number (RFC 3261 20.14, 20.19, 20.22, 20.23; RFC 5393 5.3.1; RFC 5626 7)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError

__all__ = [
    "MAX_DELTA_SECONDS",
    "bounded",
    "parse_content_length",
    "parse_delta_seconds",
    "parse_max_breadth",
    "parse_max_forwards",
    "parse_number",
]

MAX_DELTA_SECONDS: Final = 2**32 - 1
"""The largest time in a header (RFC 3261 20.19)."""

# ABNF delta-seconds = 1*DIGIT
_DIGITS: Final = re.compile(r"[0-9]+")


def bounded(digits: str, highest: int) -> int:
    """The number that `digits` (0 to 9, at least one) mean, or -1 when it is above `highest`, at most 10**15.

    However many there are, it takes no longer than reading them.
    """
    if len(digits) > 15:
        digits = digits.lstrip("0") or "0"
        if len(digits) > 15:
            return -1
    number = int(digits)
    return number if number <= highest else -1


def parse_number(text: str, highest: int, name: str, clause: str) -> int:
    """A number in decimal digits, from 0 to `highest`, at most 10**15. Raises ParseError, naming `name`, `clause`."""
    number = -1 if _DIGITS.fullmatch(text) is None else bounded(text, highest)
    if number < 0:
        raise ParseError(f"{name} is not a number from 0 to {highest}", clause=clause)
    return number


def parse_delta_seconds(text: str) -> int:
    """Seconds, 0 to 2**32-1: Expires, Min-Expires, Flow-Timer. Raises ParseError."""
    return parse_number(text, MAX_DELTA_SECONDS, "a time in seconds", "RFC 3261 25.1 delta-seconds")


def parse_max_forwards(text: str) -> int:
    """Max-Forwards, 0 to 255. Raises ParseError."""
    return parse_number(text, 255, "Max-Forwards", "RFC 3261 20.22")


def parse_max_breadth(text: str) -> int:
    """Max-Breadth (RFC 5393 5.3.1). Raises ParseError."""
    return parse_number(text, 2**31 - 1, "Max-Breadth", "RFC 5393 5.3.1")


def parse_content_length(text: str) -> int:
    """Content-Length, octets. Raises ParseError."""
    return parse_number(text, 2**31 - 1, "Content-Length", "RFC 3261 20.14")
