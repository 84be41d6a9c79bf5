"""The sub-rules that the fields of a session description share (RFC 8866 section 9, "generic sub-rules").

Every rule takes `offset`, the octet at which the text stands in the description (None for text that was made here),
and raises ParseError with it.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from offhook.errors import ParseError

__all__ = ["integer", "ip4_address", "ip6_address", "is_host_name", "malformed", "real", "subfields", "token"]

MAX_DIGITS: Final = 20
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`{|}~]+")
_REAL: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
# RFC 8866 has letters, digits, hyphen and dot; underscores stand in the names that real networks give to machines.
_HOST_NAME: Final = re.compile(r"(?=[^A-Za-z]*[A-Za-z])[A-Za-z0-9._-]{1,255}")


def malformed(reason: str, clause: str, offset: int | None = None) -> ParseError:
    """The error to raise for text that breaks `clause`."""
    return ParseError(reason, offset=offset, clause=clause)


def subfields(text: str) -> list[str]:
    """The subfields that spaces delimit.

    One space is the rule (RFC 8866 section 5). Runs of them and spaces at the ends are taken too: RFC 5359 prints
    ``t= 0 0``, and phones end their m= lines with a space.
    """
    return [part for part in text.split(" ") if part]


def integer(text: str, what: str, clause: str, offset: int | None = None, *, least: int = 0, most: int) -> int:
    """A decimal number between `least` and `most`, in at most 20 digits."""
    if len(text) > MAX_DIGITS or not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        raise malformed(f"{what} is not a number from {least} to {most}", clause, offset)
    return int(text)


def real(text: str, what: str, clause: str, offset: int | None = None) -> float:
    """A number above zero: ``non-zero-int-or-real``."""
    if _REAL.fullmatch(text) is None or float(text) <= 0:
        raise malformed(f"{what} is not a number above zero", clause, offset)
    return float(text)


def token(text: str, what: str, clause: str, offset: int | None = None) -> str:
    """``token = 1*(token-char)``"""
    if _TOKEN.fullmatch(text) is None:
        raise malformed(f"{what} is not a token", clause, offset)
    return text


def ip4_address(text: str) -> IPv4Address | None:
    """The address that `text` writes as ``IP4-address`` or ``IP4-multicast``, or None."""
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def ip6_address(text: str) -> IPv6Address | None:
    """The address that `text` writes as ``IP6-address``, or None. A zone (``%eth0``) is no part of the rule."""
    if "%" in text:
        return None
    try:
        return IPv6Address(text)
    except ValueError:
        return None


def is_host_name(text: str) -> bool:
    """Whether `text` can be a domain name: it has a letter, so that a misspelt IPv4 address is none."""
    return _HOST_NAME.fullmatch(text) is not None
