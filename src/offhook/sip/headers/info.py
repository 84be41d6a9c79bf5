"""References to more about a call: Alert-Info, Call-Info, Error-Info (RFC 3261 20.4, 20.9, 20.18)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import parse_params, serialize_params
from offhook.sip.headers.value import Parameterized
from offhook.sip.uri import OtherUri, SipUri, TelUri, parse_uri

__all__ = ["InfoReference", "parse_info"]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f<>]")


class InfoReference(Parameterized):
    """A reference with parameters. `reference` is the text within the angle brackets, mostly a URI."""

    __slots__ = ("reference",)

    def __init__(self, reference: str, params: dict[str, str | None] | None = None) -> None:
        super().__init__({} if params is None else params)
        self.reference = reference

    @property
    def uri(self) -> SipUri | TelUri | OtherUri | None:
        """The reference as a URI; None when it is none."""
        try:
            return parse_uri(self.reference)
        except ParseError:
            return None

    @property
    def purpose(self) -> str | None:
        """What a Call-Info is good for, in lower case: "icon", "info", "card" ..."""
        value = self.param("purpose")
        return None if value is None else value.lower()

    def serialize(self) -> str:
        if _CONTROL.search(self.reference) is not None:
            raise ValueError(f"{self.reference!r} cannot stand in angle brackets")
        return f"<{self.reference}>{serialize_params(self.params)}"

    def _key(self) -> object:
        return (self.reference, self._params_key())


def parse_info(text: str) -> InfoReference:
    """One value of Alert-Info, Call-Info or Error-Info. Raises ParseError.

    alert-param = LAQUOT absoluteURI RAQUOT *( SEMI generic-param ). What is no URI is understood, with and without
    brackets: "Alert-Info: Bellcore-dr2" and "Alert-Info: ;info=alert-autoanswer" are how telephones are told to ring
    differently or to answer by themselves.
    """
    if text.startswith("<"):
        end = text.find(">")
        if end < 0:
            raise ParseError('"<" is never closed', clause="RFC 3261 20.4")
        reference = text[1:end].strip(" \t")
        rest = text[end + 1 :].strip(" \t")
    else:
        end = text.find(";")
        reference = text if end < 0 else text[:end].rstrip(" \t")
        rest = "" if end < 0 else text[end:]
        if not text or '"' in reference:
            raise ParseError("a reference is missing", clause="RFC 3261 20.4")
    if _CONTROL.search(reference) is not None:
        raise ParseError("malformed reference", clause="RFC 3261 20.4")
    return InfoReference(reference, parse_params(rest))
