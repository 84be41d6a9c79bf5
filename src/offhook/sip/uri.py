"""URIs: sip and sips (RFC 3261 19.1), tel (RFC 3966), and any other scheme kept as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from offhook.errors import ParseError
from offhook.sip.escapes import escape, normalize_escapes, unescape
from offhook.sip.host import HOST, bare_host, bracketed_host, canonical_host, checked_host, checked_port, host_key
from offhook.sip.tel import TelUri, parse_tel
from offhook.sip.uri_parameters import URI_PARAMETERS, compared_params, decode_params, encode_param, remove_param

__all__ = ["OtherUri", "SipUri", "TelUri", "Uri", "parse_uri"]

# ABNF user     = 1*( unreserved / escaped / user-unreserved )
# ABNF password = *( unreserved / escaped / "&" / "=" / "+" / "$" / "," )
# Read wider, as any visible character that cannot be taken for a delimiter: "#" of service codes and names in plain
# UTF-8 are common. They stay as found, since whoever wrote the URI waits for it in this form. An empty user
# ("sip:@host", from gateways without a caller's number) is read as none.
_USER: Final = r'[^\x00-\x20\x7f"<>@:%]*(?:%[0-9A-Fa-f]{2}[^\x00-\x20\x7f"<>@:%]*)*'
# ABNF headers = "?" header *( "&" header )
# ABNF header  = hname "=" hvalue
# An unescaped "@" is taken, as in a Replaces header within Refer-To.
_HEADERS: Final = r'[^\x00-\x20\x7f"<>&=]+=[^\x00-\x20\x7f"<>&]*(?:&[^\x00-\x20\x7f"<>&=]+=[^\x00-\x20\x7f"<>&]*)*'
# ABNF SIP-URI  = "sip:" [ userinfo ] hostport uri-parameters [ headers ]
# ABNF userinfo = ( user / telephone-subscriber ) [ ":" password ] "@"
# ABNF hostport = host [ ":" port ]
# A ";" that nothing follows, at the end of the parameters, is passed over: it says nothing.
_SIP: Final = re.compile(
    rf"([sS][iI][pP][sS]?):(?:({_USER})(?::({_USER}))?@)?({HOST})(?::([0-9]+))?({URI_PARAMETERS});?"
    rf"(?:\?({_HEADERS}))?"
)
# ABNF absoluteURI = scheme ":" ( hier-part / opaque-part ), the rest of it opaque to us
_OTHER: Final = re.compile(r'([A-Za-z][A-Za-z0-9+\-.]*):([^\x00-\x20\x7f"<>]+)')

_UNSAFE_USER: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,;?/]+")
_UNSAFE_PASSWORD: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()&=+$,]+")
_UNSAFE_HEADER: Final = re.compile(r"[^A-Za-z0-9\-_.!~*'()\[\]/?:+$]+")
_LONE_PERCENT: Final = re.compile("%(?![0-9A-Fa-f]{2})")

# RFC 3261 19.1.4: a parameter of these must stand in both URIs or in neither, all others in one alone are ignored.
_NEVER_IGNORED: Final = ("transport", "user", "ttl", "method", "maddr")


class SipUri:
    """A sip or sips URI.

    `user`, `password`, `params_text` (";lr;transport=tcp") and `headers_text` ("Subject=x") stand as they are written
    on the wire, escaped; `build` makes a URI from plain values. `host` keeps the brackets of an IPv6 reference.

    ``==`` is the comparison of RFC 3261 19.1.4. It is not transitive, as that section says itself, so a dict keyed by
    URIs may surprise: key by `aor()` instead.
    """

    __slots__ = ("_params", "headers_text", "host", "params_text", "password", "port", "scheme", "user")

    def __init__(
        self,
        scheme: str,
        user: str | None,
        password: str | None,
        host: str,
        port: int | None,
        params_text: str = "",
        headers_text: str = "",
    ) -> None:
        self.scheme = scheme
        self.user = user
        self.password = password
        self.host = host
        self.port = port
        self.params_text = params_text
        self.headers_text = headers_text
        self._params: dict[str, str | None] | None = None

    @classmethod
    def build(
        cls,
        host: str,
        user: str | None = None,
        port: int | None = None,
        *,
        scheme: str = "sip",
        password: str | None = None,
        params: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> SipUri:
        """A URI from plain values, escaped as needed; an IPv6 address may come without brackets.

        Raises ParseError when host, port or scheme are none.
        """
        if scheme not in ("sip", "sips"):
            raise ParseError(f"{scheme!r} is neither sip nor sips", clause="RFC 3261 19.1.1")
        if port is not None and not 0 <= port <= 65535:
            raise ParseError("port out of range", clause="RFC 3261 25.1 port")
        uri = SipUri(
            scheme,
            escape(user, _UNSAFE_USER) if user else None,
            None if password is None or not user else escape(password, _UNSAFE_PASSWORD),
            checked_host(bracketed_host(host)),
            port,
            "".join([encode_param(name, value) for name, value in params.items()]) if params else "",
            "&".join([_encode_header(name, value) for name, value in headers.items()]) if headers else "",
        )
        decode_params(uri.params_text)
        return uri

    @classmethod
    def of_telephone(cls, number: TelUri, host: str) -> SipUri:
        """A telephone number at a host that knows it (RFC 3261 19.1.6). Raises ParseError when `host` is none.

        In lower case and with its parameters in order, so that equal numbers make equal URIs.
        """
        return cls("sip", _telephone_user(number), None, checked_host(bracketed_host(host)), None, ";user=phone")

    @property
    def secure(self) -> bool:
        """Whether the scheme is sips: TLS on every hop (RFC 3261 26.2.2)."""
        return self.scheme == "sips"

    @property
    def user_unescaped(self) -> str | None:
        """The user as plain text; None when there is none."""
        return None if self.user is None else unescape(self.user)

    @property
    def bare_host(self) -> str:
        """The host without the brackets of an IPv6 reference."""
        return bare_host(self.host)

    @property
    def host_key(self) -> str:
        """The host as tables of hosts have it (`offhook.sip.host.host_key`)."""
        return host_key(self.host)

    @property
    def params(self) -> Mapping[str, str | None]:
        """From lower-case name to value, both unescaped, None for a parameter without a value."""
        params = self._params
        if params is None:
            params = self._params = decode_params(self.params_text) if self.params_text else {}
        return params

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header components in order, unescaped: (name, value)."""
        if not self.headers_text:
            return ()
        pairs = [part.partition("=") for part in self.headers_text.split("&")]
        return tuple([(unescape(name), unescape(value)) for name, _, value in pairs])

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case."""
        value = self.params.get("transport")
        return None if value is None else value.lower()

    @property
    def lr(self) -> bool:
        """Whether the element named here routes loosely (RFC 3261 19.1.1). "lr=on" of old proxies counts too."""
        return "lr" in self.params

    @property
    def maddr(self) -> str | None:
        """The address that overrides the host, without brackets."""
        value = self.params.get("maddr")
        return None if value is None else bare_host(value)

    @property
    def user_param(self) -> str | None:
        """The user parameter in lower case: "phone", "ip", "dialstring" ..."""
        value = self.params.get("user")
        return None if value is None else value.lower()

    @property
    def method(self) -> str | None:
        """The method of the request that is to be made from this URI."""
        return self.params.get("method")

    @property
    def ttl(self) -> int | None:
        """The time-to-live of a multicast UDP packet, 0 to 255; None when it is absent or malformed."""
        value = self.params.get("ttl")
        if value is None or len(value) > 3 or not value.isascii() or not value.isdigit() or int(value) > 255:
            return None
        return int(value)

    @property
    def telephone(self) -> TelUri | None:
        """The telephone number in the user part (RFC 3261 19.1.6), when user=phone says that there is one."""
        if self.user is None or self.user_param != "phone":
            return None
        # What a number may have and a user may not is escaped (25.1); "%" within a parameter is the number's own.
        number, semicolon, params = self.user.partition(";")
        try:
            return parse_tel(f"{unescape(number)}{semicolon}{params}")
        except ParseError:
            return None

    def with_scheme(self, scheme: str) -> SipUri:
        """A copy as "sip" or "sips"."""
        return SipUri(scheme, self.user, self.password, self.host, self.port, self.params_text, self.headers_text)

    def with_user(self, user: str | None) -> SipUri:
        """A copy with another user, given as plain text, and without password."""
        escaped = escape(user, _UNSAFE_USER) if user else None
        return SipUri(self.scheme, escaped, None, self.host, self.port, self.params_text, self.headers_text)

    def with_telephone(self, number: TelUri) -> SipUri:
        """A copy whose user is a telephone number, as `of_telephone` writes it, and without password."""
        params = remove_param(self.params_text, "user") + ";user=phone"
        return SipUri(self.scheme, _telephone_user(number), None, self.host, self.port, params, self.headers_text)

    def with_host(self, host: str, port: int | None = None) -> SipUri:
        """A copy with another host and port. Raises ParseError when `host` is none."""
        checked = checked_host(bracketed_host(host))
        return SipUri(self.scheme, self.user, self.password, checked, port, self.params_text, self.headers_text)

    def with_param(self, name: str, value: str | None = None) -> SipUri:
        """A copy with one parameter set to a plain value."""
        text = remove_param(self.params_text, name.lower()) + encode_param(name, value)
        return SipUri(self.scheme, self.user, self.password, self.host, self.port, text, self.headers_text)

    def without_param(self, name: str) -> SipUri:
        """A copy without one parameter."""
        text = remove_param(self.params_text, name.lower())
        return SipUri(self.scheme, self.user, self.password, self.host, self.port, text, self.headers_text)

    def without_params(self) -> SipUri:
        """A copy without any parameter."""
        return SipUri(self.scheme, self.user, self.password, self.host, self.port, "", self.headers_text)

    def with_header(self, name: str, value: str) -> SipUri:
        """A copy with one more header component, given as plain text."""
        component = _encode_header(name, value)
        text = f"{self.headers_text}&{component}" if self.headers_text else component
        return SipUri(self.scheme, self.user, self.password, self.host, self.port, self.params_text, text)

    def without_headers(self) -> SipUri:
        """A copy without header components, as a Request-URI must be (RFC 3261 19.1.1 table 1)."""
        return SipUri(self.scheme, self.user, self.password, self.host, self.port, self.params_text)

    def aor(self) -> str:
        """The canonical form of RFC 3261 10.3 step 5, a URI again and a key for look-ups.

        Parameters, headers and password are removed, every escape that need not be is resolved, the host is in lower
        case without a final dot.
        """
        host = canonical_host(self.host).rstrip(".")
        where = host if self.port is None else f"{host}:{self.port}"
        if self.user is None:
            return f"{self.scheme}:{where}"
        return f"{self.scheme}:{escape(unescape(self.user), _UNSAFE_USER)}@{where}"

    def serialize(self) -> str:
        """The URI as it is written on the wire."""
        text = self.host if self.port is None else f"{self.host}:{self.port}"
        if self.user is not None:
            text = f"{self.user}@{text}" if self.password is None else f"{self.user}:{self.password}@{text}"
        if self.headers_text:
            # Behind no user an "@" must be escaped (25.1 hvalue): what stands before it would be read as one.
            headers = self.headers_text.replace("@", "%40") if self.user is None else self.headers_text
            return f"{self.scheme}:{text}{self.params_text}?{headers}"
        return f"{self.scheme}:{text}{self.params_text}"

    def __str__(self) -> str:
        return self.serialize()

    def __repr__(self) -> str:
        return f"SipUri({self.serialize()!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SipUri):
            return False
        if self.scheme != other.scheme or self.port != other.port:
            return False
        if not (_same_part(self.user, other.user) and _same_part(self.password, other.password)):
            return False
        if self.host != other.host and canonical_host(self.host) != canonical_host(other.host):
            return False
        if self.params_text != other.params_text and not _params_match(self.params_text, other.params_text):
            return False
        return self.headers_text == other.headers_text or _compared_headers(self) == _compared_headers(other)

    def __hash__(self) -> int:
        user = None if self.user is None else normalize_escapes(self.user)
        return hash((self.scheme, user, canonical_host(self.host), self.port))


class OtherUri:
    """A URI of a scheme that is carried and not understood: `scheme` in lower case, `rest` as found behind the ":".

    Two are equal when scheme and rest are. It is written as it was found.
    """

    __slots__ = ("_written", "rest", "scheme")

    def __init__(self, scheme: str, rest: str) -> None:
        self.scheme = scheme.lower()
        self.rest = rest
        self._written = scheme

    def serialize(self) -> str:
        return f"{self._written}:{self.rest}"

    def aor(self) -> str:
        """The URI with its scheme in lower case: nothing is known about its other parts."""
        return f"{self.scheme}:{self.rest}"

    def __str__(self) -> str:
        return self.serialize()

    def __repr__(self) -> str:
        return f"OtherUri({self.serialize()!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OtherUri) and self.scheme == other.scheme and self.rest == other.rest

    def __hash__(self) -> int:
        return hash((self.scheme, self.rest))


Uri = SipUri | TelUri | OtherUri
"""What `parse_uri` gives."""


def _telephone_user(number: TelUri) -> str:
    """The telephone-subscriber as a user part, in lower case and in order; what is escaped already stays so."""
    params = sorted(number.params_text.lower().split(";")[1:], key=_telephone_order)
    # A parameter of a tel URI may have a "%" that escapes nothing; in a user part it would be none (25.1).
    written = _LONE_PERCENT.sub("%25", ";".join([number.number.lower(), *params]))
    return "%".join([escape(piece, _UNSAFE_USER) for piece in written.split("%")])


def _telephone_order(param: str) -> tuple[int, str]:
    """ISDN subaddress and post-dial string first, then by name (RFC 3261 19.1.6)."""
    name = param.partition("=")[0]
    return {"isub": 0, "postd": 1}.get(name, 2), name


def _encode_header(name: str, value: str) -> str:
    if not name:
        raise ValueError("a header component needs a name")
    return f"{escape(name, _UNSAFE_HEADER)}={escape(value, _UNSAFE_HEADER)}"


def _same_part(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == other or normalize_escapes(one) == normalize_escapes(other)


def _params_match(one: str, other: str) -> bool:
    mine = compared_params(one)
    theirs = compared_params(other)
    for name, value in mine.items():
        if theirs.get(name, value) != value:
            return False
    return all((name in mine) == (name in theirs) for name in _NEVER_IGNORED)


def _compared_headers(uri: SipUri) -> list[tuple[str, str]]:
    return sorted([(name.lower(), value) for name, value in uri.headers])


def parse_uri(text: str) -> SipUri | TelUri | OtherUri:
    """The URI that `text` is, without surrounding white space or angle brackets. Raises ParseError.

    A host name may contain underscores and an IPv6 reference three colons (see `offhook.sip.host`); an IPv6 address
    without brackets is refused, for nobody can tell its port (RFC 5118 4.2, 4.3). The same text may give the same
    object again.
    """
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _parse(text)


# The messages of a call name the same few URIs again and again. What is remembered stays under 4 MiB.
_LONGEST_REMEMBERED: Final = 128


@lru_cache(maxsize=4096)
def _remembered(text: str) -> SipUri | TelUri | OtherUri:
    return _parse(text)


def _parse(text: str) -> SipUri | TelUri | OtherUri:
    found = _SIP.fullmatch(text)
    if found is None:
        return _parse_other(text)
    scheme, user, password, host, port_text, params_text, headers_text = found.groups()
    if host[0] == "[":
        host = checked_host(host)
    port: int | None = None if port_text is None else checked_port(port_text)
    if params_text.count(";") > 1:
        decode_params(params_text)
    if not user:
        if password is not None:
            raise ParseError("a password without a user", clause="RFC 3261 25.1 userinfo")
        user = None
    return SipUri(scheme.lower(), user, password, host, port, params_text, headers_text or "")


def _parse_other(text: str) -> SipUri | TelUri | OtherUri:
    found = _OTHER.fullmatch(text)
    if found is None:
        # The scheme is missing: RFC 3666 and RFC 5359 print "bob@b.example.com" and "<ss1.a.example.com;lr>" in their
        # own flows, and what copies them sends it. Something without "@" and "." is still no address.
        if _SIP.fullmatch(f"sip:{text}") is None or not ("@" in text or "." in text):
            raise ParseError(f"{text[:80]!r} is not a URI", clause="RFC 3261 25.1")
        return _parse(f"sip:{text}")
    scheme = found.group(1).lower()
    if scheme == "sip" or scheme == "sips":
        raise ParseError(f"malformed {scheme} URI {text[:80]!r}", clause="RFC 3261 19.1.1")
    if scheme == "tel":
        return parse_tel(found.group(2))
    return OtherUri(found.group(1), found.group(2))
