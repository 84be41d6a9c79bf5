"""Privacy: what a user wants to keep from others (RFC 3323 4.2)."""

from __future__ import annotations

from offhook.errors import ParseError
from offhook.sip.headers.grammar import is_token
from offhook.sip.headers.value import HeaderValue

__all__ = ["Privacy", "parse_privacy"]


class Privacy(HeaderValue):
    """The wanted kinds of privacy in lower case and in order: "header", "session", "user", "id", "none", "critical"."""

    __slots__ = ("values",)

    def __init__(self, *values: str) -> None:
        self.values = tuple([value.lower() for value in values])

    def __contains__(self, value: object) -> bool:
        return value in self.values

    def serialize(self) -> str:
        if not self.values or not all(is_token(value) for value in self.values):
            raise ValueError(f"{self.values!r} are no kinds of privacy")
        return ";".join(self.values)


def parse_privacy(text: str) -> Privacy:
    """The value of Privacy. Raises ParseError.

    Privacy-hdr = "Privacy" HCOLON priv-value *(";" priv-value). Commas are taken too, since many read it as a list, and
    values that are empty, as in "id;", are passed over.
    """
    values = [part.strip(" \t") for part in text.replace(",", ";").split(";") if part.strip(" \t")]
    if not values or not all(is_token(value) for value in values):
        raise ParseError("malformed Privacy", clause="RFC 3323 4.2")
    return Privacy(*values)
