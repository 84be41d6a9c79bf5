"""Headers whose value is one number (RFC 3261 20.14, 20.19, 20.22, 20.23; RFC 5393 5.3.1; RFC 5626 7)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError

__all__ = [
    "MAX_DELTA_SECONDS",
    "parse_content_length",
    "parse_delta_seconds",
    "parse_max_breadth",
    "parse_max_forwards",
    "parse_number",
]

MAX_DELTA_SECONDS: Final = 2**32 - 1
"""The largest time in a header (RFC 3261 20.19)."""

# ABNF delta-seconds = 1*DIGIT
_NUMBER: Final = re.compile(r"0*+([0-9]{1,10})|0++")


def parse_number(text: str, highest: int, name: str, clause: str) -> int:
    """A number in decimal digits, from 0 to `highest`, below 10**10. Raises ParseError, naming `name` and `clause`."""
    found = _NUMBER.fullmatch(text)
    number = highest + 1 if found is None else int(found.group(1) or "0")
    if number > highest:
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
