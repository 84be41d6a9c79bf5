"""Validity beyond grammar: what a message that parses may still get wrong, each check named by its clause.

`fault` judges the message itself: what it finds earns a request the status that it names and lets a response be
dropped. `objection` says what some element would answer to a request that is valid.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.sip.headers.address import Contact
from offhook.sip.headers.auth import Credentials
from offhook.sip.headers.registry import SINGLE, row
from offhook.sip.message import Message, Request, Response
from offhook.sip.method import METHODS
from offhook.sip.uri import SipUri, TelUri

__all__ = ["Fault", "fault", "objection", "read_all", "routing_fault"]

KNOWN_METHODS: Final = frozenset(METHODS.values()) - {"COMET", "UNSUBSCRIBE"}
OPTION_TAGS: Final = frozenset(("100rel", "path", "replaces", "timer", "outbound", "norefersub", "eventlist", "join"))
BODIES: Final = frozenset(("application/sdp", "application/isup", "text/plain", "message/sipfrag"))
DIALOG_FORMING: Final = frozenset(("INVITE", "SUBSCRIBE", "REFER"))


class Fault:
    """One finding: the clause that it is about, the status that it earns, and why in words."""

    __slots__ = ("clause", "reason", "status")

    def __init__(self, clause: str, status: int, reason: str) -> None:
        self.clause = clause
        self.status = status
        self.reason = reason

    def __repr__(self) -> str:
        return f"Fault({self.clause!r}, {self.status}, {self.reason!r})"


def routing_fault(request: Request) -> Fault | None:
    """What earns a request 400 from every element, before any role looks at it. Raises ParseError."""
    if request.cseq_method != request.method:
        return Fault("RFC 3261 8.1.1.5", 400, "CSeq names another method")
    if request.truncated:
        return Fault("RFC 3261 18.3", 400, "Content-Length is larger than the body")
    return None


def _repeated(message: Message) -> Fault | None:
    for key in set(message.keys[1:]):
        known = row(key)
        if known is not None and known.kind == SINGLE and message.keys.count(key) > 1:
            return Fault("RFC 3261 7.3.1", 400, f"{known.name} stands more than once")
    return None


def _request_uri(message: Message) -> Fault | None:
    if isinstance(message, Request):
        uri = message.uri
        if isinstance(uri, SipUri) and uri.headers_text:
            return Fault("RFC 3261 19.1.1", 400, "the Request-URI has header fields")
        if isinstance(uri, SipUri) and uri.method is not None:
            return Fault("RFC 3261 19.1.1", 400, "the Request-URI has a method parameter")
    return None


def _contact(message: Message) -> Fault | None:
    if isinstance(message, Request) and message.method in ("INVITE", "SUBSCRIBE"):
        contacts = [value for value in message.contacts if isinstance(value, Contact)]
        if len(contacts) != 1:
            many = "no" if not contacts else "more than one"
            return Fault("RFC 3261 8.1.1.8", 400, f"{many} Contact in a request that sets up a dialog")
    return None


def _star(message: Message) -> Fault | None:
    """A wildcard stands alone, in a REGISTER, and asks to remove (10.3 step 6)."""
    values = message.contacts
    stars = sum(not isinstance(value, Contact) for value in values)
    if not stars:
        return None
    alone = len(values) == 1 and isinstance(message, Request) and message.method == "REGISTER"
    if not alone or message.number("Expires") != 0:
        return Fault("RFC 3261 10.3 step 6", 400, 'Contact "*" without Expires 0, or beside another')
    return None


def _content_type(message: Message) -> Fault | None:
    if message.body and message.content_length and not message.has("Content-Type"):
        return Fault("RFC 3261 20.15", 400, "a body without Content-Type")
    return None


def _broadcast(message: Message) -> Fault | None:
    if isinstance(message, Response) and any(via.host == "255.255.255.255" for via in message.vias):
        return Fault("RFC 3261 18.2.2", 400, "a response that would go to a broadcast address")
    return None


def _truncated(message: Message) -> Fault | None:
    if isinstance(message, Request):
        return routing_fault(message)
    if message.truncated:
        return Fault("RFC 3261 18.3", 400, "Content-Length is larger than the body")
    return None


_FAULTS: Final[tuple[Callable[[Message], Fault | None], ...]] = (
    _truncated,
    _repeated,
    _request_uri,
    _star,
    _contact,
    _content_type,
    _broadcast,
)


def fault(message: Message) -> Fault | None:
    """The first MUST that a message breaks, or None. Raises ParseError where a header that a check reads is broken."""
    for check in _FAULTS:
        found = check(message)
        if found is not None:
            return found
    return None


def read_all(message: Message) -> None:
    """Decode every header that the registry knows. Raises ParseError at the first that is broken."""
    for key in dict.fromkeys(message.keys[1:]):
        if row(key) is not None:
            message.headers(key)


def objection(request: Request) -> Fault | None:
    """What some element answers to a valid request: an unknown method, scheme, extension, type; 483; 401."""
    for check in _OBJECTIONS:
        found = check(request)
        if found is not None:
            return found
    return None


def _unknown_method(request: Request) -> Fault | None:
    if request.method in KNOWN_METHODS:
        return None
    if request.method in ("COMET", "UNSUBSCRIBE"):
        return Fault("RFC 3261 21.4.6", 405, f"{request.method} is not used any more")
    return Fault("RFC 3261 21.5.2", 501, f"no element knows the method {request.method}")


def _unknown_scheme(request: Request) -> Fault | None:
    if isinstance(request.uri, SipUri | TelUri):
        return None
    return Fault("RFC 3261 8.2.2.1", 416, f"no element routes the scheme of {request.request_uri[:60]}")


def _no_hops_left(request: Request) -> Fault | None:
    if request.max_forwards == 0:
        return Fault("RFC 3261 16.3 step 3", 483, "a proxy must not forward it: Max-Forwards is 0")
    return None


def _unknown_extension(request: Request) -> Fault | None:
    for name, clause in (("Require", "RFC 3261 8.2.2.3"), ("Proxy-Require", "RFC 3261 16.3 step 5")):
        unknown = [tag for tag in request.tokens(name) if tag not in OPTION_TAGS]
        if unknown:
            return Fault(clause, 420, f"unknown extension {', '.join(unknown)}")
    return None


def _unknown_body(request: Request) -> Fault | None:
    kind = request.content_type
    if not request.body or kind is None:
        return None
    encodings = [encoding for encoding in request.tokens("Content-Encoding") if encoding.lower() != "identity"]
    if encodings or not (kind in BODIES or kind.startswith("multipart/")):
        return Fault(
            "RFC 3261 8.2.3", 415, f"a body of type {kind}" + (f" in {', '.join(encodings)}" if encodings else "")
        )
    return None


def _unacceptable(request: Request) -> Fault | None:
    if request.method != "INVITE" or not request.has("Accept"):
        return None
    accepted = [text.partition(";")[0].strip().lower() for text in request.tokens("Accept")]
    if not any(kind in ("*/*", "application/*", "application/sdp") for kind in accepted):
        return Fault("RFC 3261 21.4.7", 406, "it accepts no session description that we could answer with")
    return None


def _unknown_credentials(request: Request) -> Fault | None:
    for value in request.headers("Authorization"):
        if isinstance(value, Credentials) and not value.is_digest:
            return Fault("RFC 3261 22.1", 401, f"credentials of the unknown scheme {value.scheme}")
    return None


_OBJECTIONS: Final[tuple[Callable[[Request], Fault | None], ...]] = (
    _unknown_method,
    _unknown_scheme,
    _no_hops_left,
    _unknown_extension,
    _unknown_body,
    _unacceptable,
    _unknown_credentials,
)
