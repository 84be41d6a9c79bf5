"""Octets and text of strangers as a terminal, a log or a JSON line may have them."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["printable"]

# Controls of ASCII and Latin-1 (C0 without the line end and tab, DEL, C1), what turns the direction of writing or
# hides itself, the separators that some take for line ends, and what is no character at all.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_LINE: Final = re.compile("[\t\n]")


def printable(text: str, lines: bool = False) -> str:
    r"""Text in which nothing can move a cursor, change a colour or break an encoding.

    What could is written as an escape: ``\x1b`` for a control, ``\xff`` for an octet that was no UTF-8 (a surrogate of
    surrogateescape), ``\u202e`` for others. Line ends and tabs stay where `lines` is true.
    """
    if text.isascii() and text.isprintable():
        return text
    safe = _UNSAFE.sub(_escaped, text)
    return safe if lines else _LINE.sub(_escaped, safe)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found.group())
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
