"""The registry of header fields: one row per header.

A row names the header, its compact form, the grammar that decodes one value, how often it may stand in a message, and
where it is defined. Everything that knows header names asks here: the parser (`KEYS`), `Message.headers` (`row`), the
serializer (`spelled`). A program adds its own header with `register`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import is_token

__all__ = ["KEYS", "LIST", "MULTIPLE", "SINGLE", "HeaderRow", "key_of", "register", "row", "spelled"]

SINGLE: Final = "single"
"""At most one field with one value."""
LIST: Final = "list"
"""Values separated by commas, in one field or in several (RFC 3261 7.3.1)."""
MULTIPLE: Final = "multiple"
"""Several fields with one value each: commas belong to the value (the exceptions of RFC 3261 7.3.1)."""

MAX_SPELLINGS: Final = 2048

KEYS: Final[dict[bytes, str]] = {}
"""From a field name as spelled on the wire to its key, the full name in lower case. Grows by spellings seen."""

_ROWS: Final[dict[str, HeaderRow]] = {}
_COMPACT: Final[dict[str, str]] = {}


class HeaderRow:
    """One header: `name` as it is written, `compact` form or None, `parse` for one value, `kind`, and `source`.

    `parse` takes the text of one value, unfolded and stripped, and returns the decoded value or raises ParseError.
    """

    __slots__ = ("compact", "key", "kind", "name", "parse", "source")

    def __init__(self, name: str, compact: str | None, parse: Callable[[str], object], kind: str, source: str) -> None:
        self.name = name
        self.key = name.lower()
        self.compact = compact
        self.parse = parse
        self.kind = kind
        self.source = source


def register(new: HeaderRow) -> None:
    """Add a header, or replace the row of the same name."""
    _ROWS[new.key] = new
    spellings = [new.name, new.key, new.name.upper()]
    if new.compact is not None:
        _COMPACT[new.compact.lower()] = new.key
        spellings += [new.compact.lower(), new.compact.upper()]
    for spelling in spellings:
        KEYS[spelling.encode("ascii")] = new.key


def row(key: str) -> HeaderRow | None:
    """The row of a key, or None for a header that nobody registered."""
    return _ROWS.get(key)


def spelled(key: str) -> str:
    """How a header's name is written on the wire."""
    known = _ROWS.get(key)
    return key if known is None else known.name


def key_of(name: bytes) -> str:
    """The key of a field name as found on the wire, white space before the colon allowed (RFC 3261 7.3.1 HCOLON).

    Raises ParseError when it is not a token.
    """
    text = name.decode("utf-8", "surrogateescape").rstrip(" \t")
    if not is_token(text):
        raise ParseError(f"header field name {text!r} is not a token", clause="RFC 3261 7.3.1")
    key = text.lower()
    key = _COMPACT.get(key, key)
    if key in _ROWS and len(KEYS) < MAX_SPELLINGS:
        KEYS[name] = key
    return key
