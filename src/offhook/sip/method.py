"""The request methods (RFC 3261 7.1 and its extensions)."""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.grammar import is_token

__all__ = [
    "ACK",
    "BYE",
    "CANCEL",
    "COMET",
    "INFO",
    "INVITE",
    "MESSAGE",
    "METHODS",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "REFER",
    "REGISTER",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "UPDATE",
    "intern_method",
    "is_known",
    "parse_method",
]

INVITE: Final = "INVITE"  # RFC 3261 13
ACK: Final = "ACK"  # RFC 3261 13.2.2.4, 17.1.1.3
OPTIONS: Final = "OPTIONS"  # RFC 3261 11
BYE: Final = "BYE"  # RFC 3261 15
CANCEL: Final = "CANCEL"  # RFC 3261 9
REGISTER: Final = "REGISTER"  # RFC 3261 10
INFO: Final = "INFO"  # RFC 6086
REFER: Final = "REFER"  # RFC 3515
PRACK: Final = "PRACK"  # RFC 3262
UPDATE: Final = "UPDATE"  # RFC 3311
SUBSCRIBE: Final = "SUBSCRIBE"  # RFC 6665
NOTIFY: Final = "NOTIFY"  # RFC 6665
MESSAGE: Final = "MESSAGE"  # RFC 3428
PUBLISH: Final = "PUBLISH"  # RFC 3903
# Historical: COMET of the drafts that became RFC 3312 and UPDATE, UNSUBSCRIBE of PINT (RFC 2848 3.5.3.2).
COMET: Final = "COMET"
UNSUBSCRIBE: Final = "UNSUBSCRIBE"

METHODS: Final[dict[bytes, str]] = {
    name.encode("ascii"): name
    for name in (
        INVITE,
        ACK,
        OPTIONS,
        BYE,
        CANCEL,
        REGISTER,
        INFO,
        REFER,
        PRACK,
        UPDATE,
        SUBSCRIBE,
        NOTIFY,
        MESSAGE,
        PUBLISH,
        COMET,
        UNSUBSCRIBE,
    )
}
"""From a method as spelled on the wire to its name; a method is case-sensitive (RFC 3261 7.1)."""

_INTERNED: Final[dict[str, str]] = {name: name for name in METHODS.values()}


def intern_method(name: str) -> str:
    """The one object for a known method, `name` itself for any other."""
    return _INTERNED.get(name, name)


def is_known(name: str) -> bool:
    """Whether a method is one that a standard defines."""
    return name in _INTERNED


def parse_method(text: str) -> str:
    """A method: a known one or any extension token (RFC 3261 25.1 Method). Raises ParseError."""
    known = _INTERNED.get(text)
    if known is not None:
        return known
    if not is_token(text):
        raise ParseError(f"{text[:64]!r} is not a method", clause="RFC 3261 25.1 Method")
    return text
