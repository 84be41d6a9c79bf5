"""The %-escapes of URIs (RFC 3261 25.1 `escaped`, RFC 3986 2.1)."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["escape", "normalize_escapes", "unescape"]

# ABNF reserved = ";" / "/" / "?" / ":" / "@" / "&" / "=" / "+" / "$" / ","
_RESERVED: Final = ";/?:@&=+$,"
# "%" is kept escaped as well: "%253B" would otherwise become "%3B", which means something else.
_KEPT: Final = _RESERVED + "%"

# ABNF escaped = "%" HEXDIG HEXDIG
_ESCAPED: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


def _octets(run: str) -> str:
    return bytes.fromhex(run.replace("%", "")).decode("utf-8", "surrogateescape")


def _decoded(found: re.Match[str]) -> str:
    return _octets(found.group())


def _encoded(found: re.Match[str]) -> str:
    return "%" + found.group().encode("utf-8", "surrogateescape").hex("%").upper()


def _decoded_but_reserved(found: re.Match[str]) -> str:
    return "".join([f"%{ord(char):02X}" if char in _KEPT else char for char in _octets(found.group())])


def unescape(text: str) -> str:
    """`text` with every escape replaced, once, by the UTF-8 octets that it stands for; a "%" without two hexadecimal
    digits stays."""
    return _ESCAPED.sub(_decoded, text) if "%" in text else text


def normalize_escapes(text: str) -> str:
    """The form by which two texts are compared: only reserved characters stay escaped, with capital digits
    (RFC 3261 19.1.4: any other character is equivalent to its escape)."""
    return _ESCAPED.sub(_decoded_but_reserved, text) if "%" in text else text


def escape(text: str, unsafe: re.Pattern[str]) -> str:
    """`text` with what `unsafe` matches, runs of characters for speed, replaced by the escapes of its UTF-8 octets."""
    return unsafe.sub(_encoded, text)
