"""Tokens, alone or with parameters: option tags, codings, languages, priorities, entity tags."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import TOKEN, WSP, comment_end, is_token, parse_params, serialize_params
from offhook.sip.headers.qvalue import parse_q
from offhook.sip.headers.value import Parameterized

__all__ = [
    "ParamToken",
    "WeightedToken",
    "parse_mime_version",
    "parse_param_token",
    "parse_token",
    "parse_weighted_token",
    "split_param_token",
]

# ABNF token *( SEMI generic-param )
_PARAM_TOKEN: Final = re.compile(rf"({TOKEN})[ \t]*(;.*)?", re.DOTALL)
# ABNF MIME-Version = "MIME-Version" HCOLON 1*DIGIT "." 1*DIGIT
_MIME_VERSION: Final = re.compile(r"([0-9]{1,9})[ \t]*\.[ \t]*([0-9]{1,9})")


class ParamToken(Parameterized):
    """A token with parameters. Two are equal when token, regardless of case, and parameters are."""

    __slots__ = ("token",)

    def __init__(self, token: str, params: dict[str, str | None] | None = None) -> None:
        super().__init__({} if params is None else params)
        self.token = token

    def serialize(self) -> str:
        if not is_token(self.token):
            raise ValueError(f"{self.token!r} is not a token")
        return f"{self.token}{serialize_params(self.params)}"

    def _key(self) -> object:
        return (self.token.lower(), self._params_key())


class WeightedToken(ParamToken):
    """A coding or language that the sender understands, with its preference (RFC 3261 20.2, 20.3)."""

    __slots__ = ()

    @property
    def q(self) -> float:
        """The preference, 0.0 (not understood) to 1.0, which is the default."""
        value = self.param("q")
        return 1.0 if value is None else float(value)


def parse_token(text: str) -> str:
    """A token as written: an option tag, content coding, event type, entity tag, priority. Raises ParseError."""
    if not is_token(text):
        raise ParseError(f"{text[:64]!r} is not a token", clause="RFC 3261 25.1 token")
    return text


def split_param_token(text: str) -> tuple[str, dict[str, str | None]]:
    """Token and parameters of a value. Raises ParseError."""
    found = _PARAM_TOKEN.fullmatch(text)
    if found is None:
        raise ParseError(f"{text[:64]!r} is not a token with parameters", clause="RFC 3261 25.1 token")
    rest = found.group(2)
    return found.group(1), parse_params(rest) if rest else {}


def parse_param_token(text: str) -> ParamToken:
    """A token with parameters of any kind. Raises ParseError."""
    token, params = split_param_token(text)
    return ParamToken(token, params)


def parse_weighted_token(text: str) -> WeightedToken:
    """One value of Accept-Encoding or Accept-Language. Raises ParseError."""
    token, params = split_param_token(text)
    return WeightedToken(token, parse_q(params))


def parse_mime_version(text: str) -> str:
    """The version, such as "1.0" (RFC 3261 20.24). Raises ParseError.

    A comment behind it, as RFC 2045 4 has it, is passed over.
    """
    start = text.find("(")
    if start > 0 and comment_end(text, start) == len(text):
        text = text[:start].rstrip(WSP)
    found = _MIME_VERSION.fullmatch(text)
    if found is None:
        raise ParseError("malformed MIME-Version", clause="RFC 3261 20.24")
    return f"{found.group(1)}.{found.group(2)}"
