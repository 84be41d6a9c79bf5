"""What a body is: Content-Type, Accept, Content-Disposition (RFC 3261 20.1, 20.11, 20.15)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import TOKEN, is_token, parse_params, serialize_params
from offhook.sip.headers.qvalue import parse_q
from offhook.sip.headers.tokens import ParamToken, split_param_token
from offhook.sip.headers.value import Parameterized

__all__ = [
    "ContentDisposition",
    "MediaRange",
    "MediaType",
    "parse_content_disposition",
    "parse_media_range",
    "parse_media_type",
]

# ABNF media-type = m-type SLASH m-subtype *(SEMI m-parameter)
_MEDIA_TYPE: Final = re.compile(rf"({TOKEN})[ \t]*/[ \t]*({TOKEN})[ \t]*(;.*)?", re.DOTALL)


class MediaType(Parameterized):
    """A media type: `type` and `subtype` in lower case, and parameters (RFC 3261 20.15, RFC 2045 5.1)."""

    __slots__ = ("subtype", "type")

    def __init__(self, type: str, subtype: str, params: dict[str, str | None] | None = None) -> None:  # noqa: A002
        super().__init__({} if params is None else params)
        self.type = type.lower()
        self.subtype = subtype.lower()

    @property
    def essence(self) -> str:
        """type/subtype without parameters, such as "application/sdp"."""
        return f"{self.type}/{self.subtype}"

    @property
    def boundary(self) -> str | None:
        """What separates the parts of a multipart body (RFC 2046 5.1.1)."""
        return self.param("boundary")

    @property
    def charset(self) -> str | None:
        """The character set of a text, in lower case. None means UTF-8 (RFC 3261 20.15)."""
        value = self.param("charset")
        return None if value is None else value.lower()

    def serialize(self) -> str:
        if not (is_token(self.type) and is_token(self.subtype)):
            raise ValueError(f"{self.essence!r} is not a media type")
        return f"{self.essence}{serialize_params(self.params)}"

    def _key(self) -> object:
        return (self.type, self.subtype, self._params_key())


class MediaRange(MediaType):
    """One value of Accept: a media type, or "*" in the place of its parts, with a preference (RFC 3261 20.1)."""

    __slots__ = ()

    @property
    def q(self) -> float:
        """The preference, 0.0 (not acceptable) to 1.0, which is the default."""
        value = self.param("q")
        return 1.0 if value is None else float(value)

    def includes(self, media_type: MediaType) -> bool:
        """Whether a body of that type is acceptable here, parameters aside."""
        if self.q == 0.0:
            return False
        return self.type in ("*", media_type.type) and self.subtype in ("*", media_type.subtype)


class ContentDisposition(ParamToken):
    """What a body is for: `token` is "session", "render", "icon", "alert" ... (RFC 3261 20.11)."""

    __slots__ = ()

    @property
    def handling(self) -> str:
        """What a receiver does that does not understand the body: "required", the default, or "optional"."""
        value = self.param("handling")
        return "required" if value is None else value.lower()


def _parts(text: str) -> tuple[str, str, dict[str, str | None]]:
    found = _MEDIA_TYPE.fullmatch(text)
    if found is None:
        raise ParseError("malformed media type", clause="RFC 3261 25.1 media-type")
    rest = found.group(3)
    return found.group(1), found.group(2), parse_params(rest) if rest else {}


def parse_media_type(text: str) -> MediaType:
    """The value of Content-Type. Raises ParseError."""
    kind, subtype, params = _parts(text)
    return MediaType(kind, subtype, params)


def parse_media_range(text: str) -> MediaRange:
    """One value of Accept. Raises ParseError."""
    kind, subtype, params = _parts(text)
    return MediaRange(kind, subtype, parse_q(params))


def parse_content_disposition(text: str) -> ContentDisposition:
    """The value of Content-Disposition. Raises ParseError."""
    token, params = split_param_token(text)
    return ContentDisposition(token, params)
