"""Name and address: From, To, Contact, Route, Record-Route and all that share their grammar (RFC 3261 20.10)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import parse_params, quote, quoted_end, serialize_params, unquote
from offhook.sip.headers.qvalue import parse_q
from offhook.sip.headers.value import HeaderValue, Parameterized
from offhook.sip.uri import OtherUri, SipUri, TelUri, parse_uri

__all__ = ["STAR", "Contact", "NameAddr", "Star", "parse_contact", "parse_name_addr", "parse_route"]

DEFAULT_EXPIRES: Final = 3600
_MAX_EXPIRES: Final = 2**32 - 1

# ABNF display-name = *(token LWS) / quoted-string
# Read wider: names in plain UTF-8 or with "(" and "@" need no guess. A comma, semicolon or quote within does
# (RFC 4475 3.1.2.15), and is refused.
_DISPLAY_TOKENS: Final = re.compile(r'[^\x00-\x08\x0a-\x1f\x7f"<>,;]*')
_DIGITS: Final = re.compile(r"[0-9]+")


class NameAddr(Parameterized):
    """A URI with an optional display name and header parameters.

    `display_name` is plain text, without quotes, or None. Two are equal when name, URI (RFC 3261 19.1.4) and
    parameters are.
    """

    __slots__ = ("display_name", "uri")

    def __init__(
        self,
        uri: SipUri | TelUri | OtherUri,
        display_name: str | None = None,
        params: dict[str, str | None] | None = None,
    ) -> None:
        super().__init__({} if params is None else params)
        self.uri = uri
        self.display_name = display_name

    @property
    def tag(self) -> str | None:
        """The tag of From and To (RFC 3261 19.3)."""
        return self.param("tag")

    def with_param(self, name: str, value: str | None = None) -> NameAddr:
        """A copy with one parameter set, in its old place or at the end."""
        params = dict(self.params)
        params[name.lower()] = value
        return NameAddr(self.uri, self.display_name, params)

    def with_tag(self, tag: str) -> NameAddr:
        """A copy of a From or To with a tag."""
        return self.with_param("tag", tag)

    def serialize(self) -> str:
        """Always in angle brackets, a display name always quoted."""
        address = f"<{self.uri.serialize()}>{serialize_params(self.params)}"
        return address if self.display_name is None else f"{quote(self.display_name)} {address}"

    def _key(self) -> object:
        return (self.display_name, self.uri, self._params_key())


class Contact(NameAddr):
    """A Contact value with its preference and lifetime (RFC 3261 20.10)."""

    __slots__ = ()

    @property
    def q(self) -> float | None:
        """The preference among several, 0.0 to 1.0."""
        value = self.param("q")
        return None if value is None else float(value)

    @property
    def expires(self) -> int | None:
        """Seconds for which the URI is valid; None when the Expires header decides.

        What is malformed counts as 3600, what is larger than 2**32-1 as that (RFC 3261 10.2.1.1, 20.10).
        """
        value = self.param("expires")
        if value is None:
            return None if "expires" not in self.params else DEFAULT_EXPIRES
        if _DIGITS.fullmatch(value) is None:
            return DEFAULT_EXPIRES
        digits = value.lstrip("0")
        return _MAX_EXPIRES if len(digits) > 10 else min(int(digits or "0"), _MAX_EXPIRES)

    def with_param(self, name: str, value: str | None = None) -> Contact:
        """A copy with one parameter set, in its old place or at the end."""
        params = dict(self.params)
        params[name.lower()] = value
        return Contact(self.uri, self.display_name, params)


class Star(HeaderValue):
    """The Contact value "*": every binding of the address-of-record (RFC 3261 10.2.2)."""

    __slots__ = ()

    def serialize(self) -> str:
        return "*"


STAR: Final = Star()


def _parts(text: str) -> tuple[str | None, str, str]:
    """Display name, URI and parameters, the latter two still as text.

    name-addr = [ display-name ] LAQUOT addr-spec RAQUOT
    """
    name: str | None = None
    if text.startswith('"'):
        end = quoted_end(text, 0)
        if end < 0:
            raise ParseError("a quoted display name is never closed", clause="RFC 3261 25.1 quoted-string")
        name = unquote(text[:end])
        opening = len(text) - len(text[end:].lstrip(" \t"))
        if not text.startswith("<", opening):
            raise ParseError("no address behind the display name", clause="RFC 3261 25.1 name-addr")
    else:
        opening = text.find("<")
        if opening < 0:
            return None, *_bare_parts(text)
        if opening > 0:
            name = text[:opening].strip(" \t")
            if _DISPLAY_TOKENS.fullmatch(name) is None:
                raise ParseError("a display name needs quotes", clause="RFC 3261 25.1 display-name")
    closing = text.find(">", opening)
    if closing < 0:
        raise ParseError('"<" is never closed', clause="RFC 3261 25.1 name-addr")
    # White space inside the brackets is not of the grammar, and harmless (RFC 4475 3.1.2.14).
    return name, text[opening + 1 : closing].strip(" \t"), text[closing + 1 :].strip(" \t")


def _bare_parts(text: str) -> tuple[str, str]:
    """URI and parameters of an addr-spec without brackets.

    RFC 3261 20: a URI with a comma, question mark or semicolon MUST stand in brackets; so every semicolon starts a
    header parameter, and RFC 4475 3.1.2.13 wants "?" refused.
    """
    end = text.find(";")
    uri = text if end < 0 else text[:end].rstrip(" \t")
    if "?" in uri or "," in uri:
        raise ParseError('a URI with "?" or "," needs angle brackets', clause="RFC 3261 20")
    if end >= 0 and "@" not in uri and "@" in text[end:].partition('"')[0]:
        # "sip:user;par=u@host": taking "user" for the host would send the message elsewhere.
        raise ParseError('a URI with ";" needs angle brackets', clause="RFC 3261 20")
    return uri, "" if end < 0 else text[end:]


def parse_name_addr(text: str) -> NameAddr:
    """A value that is a name-addr or addr-spec with parameters: From, To, Reply-To, Refer-To, P-Asserted-Identity ...

    Raises ParseError.
    """
    name, uri, params = _parts(text)
    return NameAddr(parse_uri(uri), name, parse_params(params) if params else None)


def parse_route(text: str) -> NameAddr:
    """A value that must be a name-addr: Route, Record-Route, Path, Service-Route (RFC 3261 20.34). Raises ParseError.

    The brackets may be missing when there are no parameters: some proxies of RFC 2543's time write "Route: sip:host".
    With parameters nobody could tell whose they are.
    """
    if "<" not in text and ";" in text:
        raise ParseError("a route needs angle brackets", clause="RFC 3261 20.34")
    return parse_name_addr(text)


def parse_contact(text: str) -> Contact | Star:
    """A Contact value, or STAR for "*". Raises ParseError."""
    if text == "*":
        return STAR
    name, uri, params_text = _parts(text)
    return Contact(parse_uri(uri), name, parse_q(parse_params(params_text)) if params_text else None)
