"""Forming a request from a URI (RFC 3261 19.1.5).

A URI may say more than where a request goes: its method, header fields, a body. It may come from a web page, a business
card or a redirection, so that what it wants is looked at piece by piece.
"""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.registry import SINGLE, key_named, row
from offhook.sip.host import is_ip_address, reaches_many
from offhook.sip.uri import SipUri, Uri
from offhook.ua.context import SUPPORTED

__all__ = ["Formed", "form", "form_from_contact"]

# What tells the callee more about the call, by methods that may have it (RFC 3261 20, RFC 3428 9). Nothing else of what
# has a meaning is honored: neither what 19.1.5 calls dangerous (From, Call-ID, CSeq, Via, Record-Route, Route), nor
# what would say of us what is not true (Allow, Contact, Supported ...), assert an identity, or describe a body, for the
# body is always our own.
_INVITE: Final = frozenset(
    ("alert-info", "call-info", "expires", "in-reply-to", "priority", "replaces", "reply-to", "subject", "user-to-user")
)
_MESSAGE: Final = frozenset(("call-info", "expires", "in-reply-to", "priority", "reply-to", "subject"))
_OPTIONS: Final = frozenset(("call-info",))
_HONORED: Final = {"INVITE": _INVITE, "MESSAGE": _MESSAGE, "OPTIONS": _OPTIONS}
_PRIVATE: Final = "x-"
"""Names that no standard gives a meaning to: whoever wrote one knows what he wants of the callee."""

_CLAUSE: Final = "RFC 3261 19.1.5"


class Formed:
    """What a URI says of a request: `uri` for its Request-URI and To, without the rest, and `headers` to be honored.

    `proxy` is what the request has to go through before (305, 21.3.4).
    """

    __slots__ = ("headers", "proxy", "uri")

    def __init__(self, uri: Uri, headers: tuple[tuple[str, str], ...] = (), proxy: SipUri | None = None) -> None:
        self.uri = uri
        self.headers = headers
        self.proxy = proxy


def form(uri: Uri, method: str) -> Formed:
    """A request with that method from a URI that a user gives.

    Raises ParseError where that would be no valid request, one with another method, or one that requires an extension
    which we do not have: such a request is not sent.
    """
    if not isinstance(uri, SipUri):
        return Formed(uri)
    if uri.method is not None and uri.method != method:
        raise ParseError(f"{uri} is for {uri.method}, not for {method}", clause=_CLAUSE)
    return form_from_contact(uri, method)


def form_from_contact(uri: SipUri, method: str) -> Formed:
    """A request with that method from the contact of a redirection, where no method may be said (19.1.1 table 1).

    Raises ParseError as `form` does.
    """
    if "ttl" in uri.params and not _is_multicast(uri):
        raise ParseError(f"{uri} has a ttl and goes to one host", clause="RFC 3261 19.1.1")
    return Formed(uri.without_headers().without_param("method"), _honored(uri, method))


def _is_multicast(uri: SipUri) -> bool:
    address = uri.maddr
    to_many = address is not None and is_ip_address(address) and reaches_many(address)
    return to_many and not uri.secure and uri.transport in (None, "udp")


def _honored(uri: SipUri, method: str) -> tuple[tuple[str, str], ...]:
    honored: list[tuple[str, str]] = []
    keys: set[str] = set()
    for name, value in uri.headers:
        key = key_named(name)
        if key in ("require", "proxy-require"):
            _check_extensions(uri, key, value)
        known = row(key)
        if key not in _HONORED.get(method, ()) and not (known is None and key.startswith(_PRIVATE)):
            continue
        if any(character in value for character in "\r\n\0"):
            raise ParseError(f"a line end in the {name} of {uri}", clause=_CLAUSE)
        if known is not None:
            known.decode(value)
            if known.kind == SINGLE and key in keys:
                raise ParseError(f"{uri} has {name} more than once", clause=_CLAUSE)
        keys.add(key)
        honored.append((name, value))
    return tuple(honored)


def _check_extensions(uri: SipUri, key: str, value: str) -> None:
    """A request is not sent that requires of others what we do not know ourselves."""
    tags = [tag.strip().lower() for tag in value.split(",")]
    if key == "proxy-require" or any(tag not in SUPPORTED for tag in tags):
        raise ParseError(f"{uri} requires an extension that is not supported here", clause=_CLAUSE)
