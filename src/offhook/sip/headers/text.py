"""Free text and names of products: Subject, Organization, Server, User-Agent (RFC 3261 20.25, 20.35, 20.36, 20.41)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import TOKEN, comment_end, strip_comment
from offhook.sip.headers.value import HeaderValue

__all__ = ["Products", "parse_products", "parse_text"]

# ABNF product = token [SLASH product-version]
_PRODUCT: Final = re.compile(rf"({TOKEN})(?:[ \t]*/[ \t]*({TOKEN}))?")
_WORD: Final = re.compile(r"[^ \t(]+|\(")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Products(HeaderValue):
    """Who made a message: `text` as written, with its products and comments on demand.

    Whatever is neither product nor comment counts as a product without version: what programs call themselves follows
    no grammar, and nothing may depend on it.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def products(self) -> tuple[tuple[str, str | None], ...]:
        """Name and version of each product, in order."""
        return tuple([(name, version) for name, version, comment in _pieces(self.text) if comment is None])

    @property
    def comments(self) -> tuple[str, ...]:
        """The comments without their parentheses, in order."""
        return tuple([comment for _, _, comment in _pieces(self.text) if comment is not None])

    def serialize(self) -> str:
        if _CONTROL.search(self.text) is not None:
            raise ValueError("control characters cannot stand in the name of a product")
        return self.text


def _pieces(text: str) -> list[tuple[str, str | None, str | None]]:
    """(name, version, comment) of each part: a comment has no name, a product no comment."""
    pieces: list[tuple[str, str | None, str | None]] = []
    position = 0
    comments = True
    while position < len(text):
        if text[position] in " \t":
            position += 1
            continue
        if text[position] == "(" and comments:
            end = comment_end(text, position)
            comments = end >= 0
            if comments:
                pieces.append(("", None, strip_comment(text[position:end])))
                position = end
                continue
        found = _PRODUCT.match(text, position)
        if found is None or (found.end() < len(text) and text[found.end()] not in " \t("):
            found = _WORD.match(text, position)
            if found is not None:
                pieces.append((found.group(), None, None))
        else:
            pieces.append((found.group(1), found.group(2), None))
        position = len(text) if found is None else found.end()
    return pieces


def parse_products(text: str) -> Products:
    """The value of Server or User-Agent. Raises ParseError for control characters alone."""
    return Products(parse_text(text))


def parse_text(text: str) -> str:
    """Free text, possibly none: Subject, Organization. Raises ParseError for control characters.

    ABNF TEXT-UTF8-TRIM. Octets that are not UTF-8 are kept.
    """
    if _CONTROL.search(text) is not None:
        raise ParseError("a control character in a text", clause="RFC 3261 25.1 TEXT-UTF8-TRIM")
    return text
