"""Validity beyond grammar: what a message that parses may still get wrong, each check named by its clause.

`judge` says of octets what the checks here and the grammars say together. `fault` judges the message itself: what it
finds earns a request the status that it names and lets a response be dropped. `objection` says what some element would
answer to a request that is valid, or what is odd about it and to be borne.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.address import Contact
from offhook.sip.headers.auth import Credentials
from offhook.sip.headers.registry import SINGLE, row
from offhook.sip.layout import NO_FIELD, checked_key
from offhook.sip.message import Message, Request
from offhook.sip.method import METHODS, is_known
from offhook.sip.parser import DEFAULT_LIMITS, Limits, parse
from offhook.sip.uri import SipUri, TelUri

__all__ = [
    "INVALID",
    "MALFORMED",
    "OK",
    "Fault",
    "Judgement",
    "fault",
    "judge",
    "objection",
    "read_all",
    "routing_fault",
]

OK: Final = "ok"
INVALID: Final = "invalid"
MALFORMED: Final = "malformed"

_HISTORICAL: Final = frozenset(("COMET", "UNSUBSCRIBE"))
_KNOWN_METHODS: Final = frozenset(METHODS.values()) - _HISTORICAL
_OPTION_TAGS: Final = frozenset(("100rel", "eventlist", "join", "norefersub", "outbound", "path", "replaces", "timer"))
_BODIES: Final = frozenset(("application/sdp", "application/isup", "text/plain", "message/sipfrag"))
_DIALOG_FORMING: Final = frozenset(("INVITE", "SUBSCRIBE", "REFER"))
_COOKIE: Final = "z9hG4bK"
_BROADCAST: Final = "255.255.255.255"


class Fault:
    """One finding: the clause that it is about, the status that it earns or None, and why in words."""

    __slots__ = ("clause", "reason", "status")

    def __init__(self, clause: str, status: int | None, reason: str) -> None:
        self.clause = clause
        self.status = status
        self.reason = reason

    def __repr__(self) -> str:
        return f"Fault({self.clause!r}, {self.status}, {self.reason!r})"


class Judgement:
    """What is to be said of the octets of one message.

    `verdict` is MALFORMED (it cannot be parsed), INVALID (it breaks a MUST itself) or OK. `status` is what a request
    earns; None where nothing does, and for responses. `clause` and `reason` tell what was found, or are None.
    """

    __slots__ = ("clause", "reason", "status", "verdict")

    def __init__(self, verdict: str, status: int | None, clause: str | None, reason: str | None) -> None:
        self.verdict = verdict
        self.status = status
        self.clause = clause
        self.reason = reason

    def __repr__(self) -> str:
        return f"Judgement({self.verdict!r}, {self.status}, {self.clause!r}, {self.reason!r})"


def judge(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Judgement:
    """Judge one message as a datagram: parse it, read every typed header, take all checks."""
    try:
        message = parse(data, limits)
        read_all(message)
        found = fault(message)
        objected = objection(message) if found is None else None
    except ParseError as error:
        response = data.lstrip(b"\r\n")[:4].upper() == b"SIP/"
        reason = error.reason if error.header is None else f"{error.header}: {error.reason}"
        return Judgement(MALFORMED, None if response else error.status, error.clause, reason)
    if found is not None:
        return Judgement(INVALID, found.status if isinstance(message, Request) else None, found.clause, found.reason)
    if objected is not None:
        return Judgement(OK, objected.status, objected.clause, objected.reason)
    return Judgement(OK, None, None, None)


def read_all(message: Message) -> None:
    """Decode the Request-URI and every header that the registry knows.

    Raises ParseError at the first broken one, and for a line that is no header field.
    """
    if isinstance(message, Request):
        _ = message.uri
    for key in dict.fromkeys(message.keys[1:]):
        if row(key) is not None:
            message.headers(key)
        elif key == NO_FIELD:
            checked_key(message.lines[message.keys.index(key)])


def routing_fault(request: Request) -> Fault | None:
    """What earns a request a refusal from every element, before any role looks at it."""
    if request.cseq_method != request.method:
        # RFC 4475 3.1.2.18: 501 for a method that nobody knows, which serves those better who will know it.
        status = 400 if is_known(request.method) else 501
        return Fault("RFC 3261 8.1.1.5", status, "CSeq names another method")
    if request.truncated:
        return Fault("RFC 3261 18.3", 400, "Content-Length is larger than the body")
    return None


def fault(message: Message) -> Fault | None:
    """The first MUST that a message breaks, or None. Raises ParseError where a header that a check reads is broken."""
    for check in _FAULTS:
        found = check(message)
        if found is not None:
            return found
    return None


def objection(message: Message) -> Fault | None:
    """What some element answers to a valid request, else what is odd about it, else None. Raises ParseError.

    The answers are 401, 405, 406, 415, 416, 420, 483 and 501; what is merely odd has no status.
    """
    if not isinstance(message, Request):
        return _broadcast(message)
    for check in _OBJECTIONS:
        found = check(message)
        if found is not None:
            return found
    return None


# Faults


def _framing(message: Message) -> Fault | None:
    if isinstance(message, Request):
        return routing_fault(message)
    if message.truncated:
        return Fault("RFC 3261 18.3", 400, "Content-Length is larger than the body")
    return None


def _repeated(message: Message) -> Fault | None:
    keys = message.keys
    for key in dict.fromkeys(keys[1:]):
        known = row(key)
        if known is not None and known.kind == SINGLE and keys.count(key) > 1:
            return Fault("RFC 3261 7.3.1", 400, f"{known.name} stands more than once")
    return None


def _request_uri(message: Message) -> Fault | None:
    if not isinstance(message, Request):
        return None
    uri = message.uri
    if isinstance(uri, SipUri) and uri.headers_text:
        # An element may be liberal and pass over them (RFC 4475 3.1.2.11); none sends them on (16.6 step 2).
        return Fault("RFC 3261 19.1.1", 400, "the Request-URI has header fields")
    if isinstance(uri, SipUri) and uri.method is not None:
        return Fault("RFC 3261 19.1.1", 400, "the Request-URI has a method parameter")
    return None


def _several_contacts(message: Message) -> Fault | None:
    """A request that sets up a dialog has one Contact. RFC 2543 allowed several, and its peers are borne with."""
    if not isinstance(message, Request) or message.method not in _DIALOG_FORMING or _is_of_rfc_2543(message):
        return None
    if len(message.contacts) > 1:
        return Fault("RFC 3261 8.1.1.8", 400, "more than one Contact in a request that sets up a dialog")
    return None


def _star(message: Message) -> Fault | None:
    """A wildcard stands alone, in a REGISTER, and asks to remove (10.3 step 6)."""
    values = message.contacts
    if all(isinstance(value, Contact) for value in values):
        return None
    alone = len(values) == 1 and isinstance(message, Request) and message.method == "REGISTER"
    if not alone or message.number("Expires") != 0:
        return Fault("RFC 3261 10.3 step 6", 400, 'Contact "*" without Expires 0, or beside another')
    return None


def _is_of_rfc_2543(message: Message) -> bool:
    """Whether an element on the way was of RFC 2543: then the sender may be too, whoever has forwarded it since."""
    return any(via.branch is None or not via.branch.startswith(_COOKIE) for via in message.vias)


_FAULTS: Final[tuple[Callable[[Message], Fault | None], ...]] = (
    _framing,
    _repeated,
    _request_uri,
    _star,
    _several_contacts,
)


# Objections


def _broadcast(response: Message) -> Fault | None:
    """Well-formed (RFC 4475 3.3.10); an endpoint discards it, and whoever forwarded it would send it to everybody."""
    if any(_BROADCAST in (via.host, via.received) for via in response.vias):
        return Fault("RFC 3261 18.2.2", None, "a response that would go to a broadcast address")
    return None


def _unknown_method(request: Request) -> Fault | None:
    if request.method in _KNOWN_METHODS:
        return None
    if request.method in _HISTORICAL:
        return Fault("RFC 3261 21.4.6", 405, f"{request.method} is not used any more")
    return Fault("RFC 3261 21.5.2", 501, f"no element knows the method {request.method[:60]}")


def _unknown_scheme(request: Request) -> Fault | None:
    if isinstance(request.uri, SipUri | TelUri):
        return None
    return Fault("RFC 3261 8.2.2.1", 416, f"no element routes the scheme of {request.request_uri[:60]}")


def _no_hops_left(request: Request) -> Fault | None:
    if request.max_forwards == 0:
        return Fault("RFC 3261 16.3 step 3", 483, "a proxy must not forward it: Max-Forwards is 0")
    return None


def _unknown_extension(request: Request) -> Fault | None:
    if request.method in ("ACK", "CANCEL"):
        # RFC 3261 8.2.2.3: nobody may answer 420 to these.
        return None
    for name, clause in (("Require", "RFC 3261 8.2.2.3"), ("Proxy-Require", "RFC 3261 16.3 step 5")):
        unknown = [tag for tag in request.tokens(name) if tag.lower() not in _OPTION_TAGS]
        if unknown:
            return Fault(clause, 420, f"unknown extension {', '.join(unknown)}"[:120])
    return None


def _unknown_body(request: Request) -> Fault | None:
    if not request.body or request.content_length == 0:
        return None
    kind = request.content_type
    if kind is None:
        # A MUST of the sender (20.15), which RFC 2543's peers often miss and which a UAS can only answer like this.
        return Fault("RFC 3261 20.15", 415, "a body without Content-Type")
    encodings = [encoding for encoding in request.tokens("Content-Encoding") if encoding.lower() != "identity"]
    if encodings or not (kind in _BODIES or kind.startswith("multipart/")):
        how = f" in {', '.join(encodings)}" if encodings else ""
        return Fault("RFC 3261 8.2.3", 415, f"a body of type {kind}{how}"[:120])
    return None


def _unacceptable(request: Request) -> Fault | None:
    if request.method != "INVITE" or not request.has("Accept"):
        return None
    accepted = [text.partition(";")[0].strip().lower() for text in request.tokens("Accept")]
    if not any(kind in ("*/*", "application/*", "application/sdp") for kind in accepted):
        return Fault("RFC 3261 21.4.7", 406, "it accepts no session description that we could answer with")
    return None


def _unknown_credentials(request: Request) -> Fault | None:
    schemes = [value.scheme for value in request.headers("Authorization") if isinstance(value, Credentials)]
    if schemes and not any(scheme.lower() == "digest" for scheme in schemes):
        return Fault("RFC 3261 22.1", 401, f"credentials of the unknown scheme {schemes[0][:60]}")
    return None


def _no_contact(request: Request) -> Fault | None:
    """A MUST of the sender (8.1.1.8); optional with RFC 2543, and whoever makes no dialog does not miss it."""
    if request.method in ("INVITE", "SUBSCRIBE") and not request.contacts:
        return Fault("RFC 3261 8.1.1.8", None, "no Contact in a request that sets up a dialog")
    return None


def _no_max_forwards(request: Request) -> Fault | None:
    if request.max_forwards is None:
        return Fault("RFC 3261 16.3 step 3", None, "no Max-Forwards, as RFC 2543 knew none")
    return None


def _no_from_tag(request: Request) -> Fault | None:
    if request.from_tag is None:
        return Fault("RFC 3261 8.1.1.3", None, "no tag in From, as with RFC 2543")
    return None


_OBJECTIONS: Final[tuple[Callable[[Request], Fault | None], ...]] = (
    _unknown_method,
    _unknown_scheme,
    _no_hops_left,
    _unknown_extension,
    _unknown_body,
    _unacceptable,
    _unknown_credentials,
    _no_contact,
    _no_max_forwards,
    _no_from_tag,
)
