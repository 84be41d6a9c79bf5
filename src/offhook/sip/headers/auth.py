"""Challenges and credentials of any scheme (RFC 3261 22, 25.1; RFC 8760), and RFC 2543's Encryption."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import TOKEN, is_token, quote, resolve_quoted_pairs
from offhook.sip.headers.value import HeaderValue

__all__ = [
    "AuthenticationInfo",
    "Challenge",
    "Credentials",
    "Encryption",
    "parse_authentication_info",
    "parse_challenge",
    "parse_credentials",
    "parse_encryption",
]

_SCHEME: Final = re.compile(rf"({TOKEN})(?:[ \t]+|\Z)")
# ABNF auth-param = auth-param-name EQUAL ( token / quoted-string ), with the COMMA or the end behind it
# Some write a nonce or URI without its quotes; nothing but a comma or white space ends it then.
_AUTH_PARAM: Final = re.compile(
    rf'[ \t]*({TOKEN})[ \t]*=[ \t]*(?:(?:"([^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*)"|([!#-+\--~]+))[ \t]*)?(,|\Z)'
)
# RFC 7235 2.1 token68, as Bearer (RFC 8898) and Basic have it.
_TOKEN68: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")

# RFC 3261 25.1 and RFC 7616 3.4: which values of Digest are quoted-strings and which are not. That of qop depends: a
# list in quotes in a challenge, a bare word elsewhere.
_QUOTED: Final = frozenset(
    (
        "username",
        "username*",
        "realm",
        "domain",
        "nonce",
        "nextnonce",
        "uri",
        "response",
        "rspauth",
        "cnonce",
        "opaque",
    )
)
_BARE: Final = frozenset(("algorithm", "charset", "nc", "qop", "stale", "userhash"))
_DIGEST_PARAMS: Final = _QUOTED | _BARE
_BEFORE_QUOTES: Final = {f"{comma}{name}=": name for name in sorted(_QUOTED) for comma in (",", ", ")}
"""What mostly stands between two quoted values, and the name in it."""


class _AuthParams(HeaderValue):
    """Comma-separated auth-params: `params` from lower-case name to plain value, without quotes.

    `quoted` names those that came in quotes, so that a scheme which nobody here knows is written as it came; for the
    parameters of Digest the standard decides.
    """

    __slots__ = ("params", "quoted")

    def __init__(self, params: dict[str, str], quoted: frozenset[str]) -> None:
        self.params = params
        self.quoted = quoted

    def param(self, name: str) -> str | None:
        """A parameter's plain value, or None."""
        return self.params.get(name)

    def _needs_quotes(self, name: str) -> bool:
        return name in _QUOTED or (name not in _BARE and name in self.quoted)

    def _serialize_params(self) -> str:
        parts: list[str] = []
        for name, value in self.params.items():
            if not is_token(name):
                raise ValueError(f"parameter name {name!r} is not a token")
            parts.append(f"{name}={value if is_token(value) and not self._needs_quotes(name) else quote(value)}")
        return ", ".join(parts)

    def _key(self) -> object:
        return frozenset(self.params.items())


class _SchemeParams(_AuthParams):
    """A scheme with auth-params, or with one `token68` in their place."""

    __slots__ = ("scheme", "token68")

    def __init__(
        self,
        scheme: str,
        params: dict[str, str] | None = None,
        quoted: frozenset[str] = frozenset(),
        token68: str | None = None,
    ) -> None:
        super().__init__({} if params is None else params, quoted)
        self.scheme = scheme
        self.token68 = token68

    @property
    def is_digest(self) -> bool:
        """Whether the scheme is Digest, the only one that RFC 3261 defines."""
        return self.scheme.lower() == "digest"

    @property
    def realm(self) -> str | None:
        return self.params.get("realm")

    @property
    def nonce(self) -> str | None:
        return self.params.get("nonce")

    @property
    def opaque(self) -> str | None:
        return self.params.get("opaque")

    @property
    def algorithm(self) -> str | None:
        """The algorithm as written; None means MD5 (RFC 3261 22.4)."""
        return self.params.get("algorithm")

    def _needs_quotes(self, name: str) -> bool:
        return super()._needs_quotes(name) if self.is_digest else name in self.quoted

    def serialize(self) -> str:
        if not is_token(self.scheme):
            raise ValueError(f"{self.scheme!r} is not an authentication scheme")
        if self.token68 is None:
            rest = self._serialize_params()
            return f"{self.scheme} {rest}" if rest else self.scheme
        if _TOKEN68.fullmatch(self.token68) is None:
            raise ValueError("malformed token68")
        return f"{self.scheme} {self.token68}"

    def _key(self) -> object:
        return (self.scheme.lower(), self.token68, frozenset(self.params.items()))


class Challenge(_SchemeParams):
    """One value of WWW-Authenticate or Proxy-Authenticate (RFC 3261 20.44)."""

    __slots__ = ()

    @property
    def qop(self) -> tuple[str, ...]:
        """The offered qualities of protection in lower case; none from RFC 2069 servers."""
        value = self.params.get("qop", "")
        return tuple([part.strip(" \t").lower() for part in value.split(",") if part.strip(" \t")])

    @property
    def stale(self) -> bool:
        """Whether only the nonce was too old, so that the same password may be tried again (RFC 3261 22.4)."""
        return self.params.get("stale", "").lower() == "true"

    def _needs_quotes(self, name: str) -> bool:
        return (name == "qop" and self.is_digest) or super()._needs_quotes(name)


class Credentials(_SchemeParams):
    """One value of Authorization or Proxy-Authorization (RFC 3261 20.7)."""

    __slots__ = ()

    @property
    def username(self) -> str | None:
        return self.params.get("username")

    @property
    def uri(self) -> str | None:
        """The digest-uri as the client wrote it."""
        return self.params.get("uri")

    @property
    def response(self) -> str | None:
        return self.params.get("response")

    @property
    def cnonce(self) -> str | None:
        return self.params.get("cnonce")

    @property
    def qop(self) -> str | None:
        """The chosen quality of protection in lower case."""
        value = self.params.get("qop")
        return None if value is None else value.lower()

    @property
    def nc(self) -> str | None:
        """The nonce count, eight hexadecimal digits."""
        return self.params.get("nc")


class Encryption(_SchemeParams):
    """RFC 2543 6.19's Encryption, a scheme with parameters; RFC 3261 no longer knows it."""

    __slots__ = ()


class AuthenticationInfo(_AuthParams):
    """What a server says about accepted credentials (RFC 3261 20.6)."""

    __slots__ = ()

    def __init__(self, params: dict[str, str], quoted: frozenset[str] = frozenset()) -> None:
        super().__init__(params, quoted)

    @property
    def nextnonce(self) -> str | None:
        return self.params.get("nextnonce")

    @property
    def rspauth(self) -> str | None:
        return self.params.get("rspauth")

    def serialize(self) -> str:
        return self._serialize_params()


def _usual_params(text: str, position: int) -> tuple[dict[str, str], frozenset[str]] | None:
    """The parameters of Digest from `position` on, cut at their quotation marks; None for what is written otherwise.

    As phones write them: names that are known, no quoted-pairs, one comma between two of them.
    """
    if "\\" in text or "\r" in text or "\n" in text:
        return None
    pieces = text[position:].split('"')
    last = len(pieces) - 1
    params: dict[str, str] = {}
    quoted: list[str] = []
    for place in range(0, last + 1, 2):
        # What is written without quotes, and the name of the next quoted value.
        between = pieces[place]
        name = _BEFORE_QUOTES.get(between, "") if 0 < place < last else ""
        if not name:
            fields = between.split(",")
            if place and fields.pop(0).strip(" \t"):
                return None
            before = fields.pop() if place < last and fields else ""
            if not _read_bare(fields, params):
                return None
            if place == last:
                break
            name, equal, rest = before.partition("=")
            name = name.strip(" \t").lower()
            if name not in _DIGEST_PARAMS or not equal or rest.strip(" \t"):
                return None
        if name in params or place + 1 == last:
            return None
        params[name] = pieces[place + 1]
        quoted.append(name)
    return params, frozenset(quoted)


def _read_bare(fields: list[str], params: dict[str, str]) -> bool:
    """Add parameters that are written without quotes; false where one is not as phones write it."""
    for field in fields:
        name, _, value = field.partition("=")
        name, value = name.strip(" \t").lower(), value.strip(" \t")
        if name not in _DIGEST_PARAMS or name in params or not is_token(value):
            return False
        params[name] = value
    return True


def _auth_params(text: str, position: int) -> tuple[dict[str, str], frozenset[str]]:
    """The auth-params from `position` on, and which of them came in quotes."""
    usual = _usual_params(text, position)
    if usual is not None:
        return usual
    params: dict[str, str] = {}
    quoted: list[str] = []
    while True:
        # RFC 2617 1.2 made its lists by the "#" rule of HTTP/1.1, which lets elements be empty.
        while position < len(text) and text[position] in " \t,":
            position += 1
        if position == len(text) and params:
            return params, frozenset(quoted)
        found = _AUTH_PARAM.match(text, position)
        if found is None:
            raise ParseError("malformed authentication parameter", clause="RFC 3261 25.1 auth-param")
        name, quoted_value, bare_value, comma = found.groups()
        name = name.lower()
        if name in params:
            # Two readers would take different ones.
            raise ParseError(f"authentication parameter {name} comes twice", clause="RFC 7235 2.1")
        if quoted_value is None:
            params[name] = bare_value or ""
        else:
            params[name] = resolve_quoted_pairs(quoted_value)
            quoted.append(name)
        if not comma:
            return params, frozenset(quoted)
        position = found.end()


def _parts(text: str) -> tuple[str, dict[str, str], frozenset[str], str | None]:
    """Scheme, parameters, which of them came in quotes, and the token68 that may stand in their place."""
    found = _SCHEME.match(text)
    if found is None:
        raise ParseError("an authentication scheme is missing", clause="RFC 3261 25.1 auth-scheme")
    scheme = found.group(1)
    position = found.end()
    if scheme.lower() != "digest" and _TOKEN68.fullmatch(text, position) is not None:
        return scheme, {}, frozenset(), text[position:]
    params, quoted = _auth_params(text, position)
    return scheme, params, quoted, None


def parse_challenge(text: str) -> Challenge:
    """One value of WWW-Authenticate or Proxy-Authenticate, of any scheme. Raises ParseError.

    A scheme alone is a challenge too, as Negotiate's first one is.
    """
    if is_token(text):
        return Challenge(text)
    scheme, params, quoted, token68 = _parts(text)
    return Challenge(scheme, params, quoted, token68)


def parse_credentials(text: str) -> Credentials:
    """One value of Authorization or Proxy-Authorization, of any scheme. Raises ParseError."""
    scheme, params, quoted, token68 = _parts(text)
    return Credentials(scheme, params, quoted, token68)


def parse_encryption(text: str) -> Encryption:
    """The value of Encryption. Raises ParseError."""
    scheme, params, quoted, token68 = _parts(text)
    return Encryption(scheme, params, quoted, token68)


def parse_authentication_info(text: str) -> AuthenticationInfo:
    """The value of Authentication-Info. Raises ParseError."""
    params, quoted = _auth_params(text, 0)
    return AuthenticationInfo(params, quoted)
