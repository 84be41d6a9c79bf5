"""What a UAS checks before it looks at what a request wants (RFC 3261 8.2.1 to 8.2.3), in the section's order.

Each step gives the refusal of the request, or None when it passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.errors import ProtocolError
from offhook.sip.message import Request
from offhook.sip.method import is_known
from offhook.sip.uri import SipUri
from offhook.ua.body import ACCEPT, SDP, understood
from offhook.ua.context import SUPPORTED, Context
from offhook.ua.options import accepts_descriptions
from offhook.ua.unacceptable import MISCELLANEOUS, warning

__all__ = ["Refusal", "inspect"]


class Refusal:
    """A status with the headers that explain it."""

    __slots__ = ("headers", "status")

    def __init__(self, status: int, *headers: tuple[str, str]) -> None:
        self.status = status
        self.headers = headers


Step = Callable[[Context, Request], Refusal | None]


def inspect(context: Context, request: Request) -> Refusal | None:
    """Take all steps; the first refusal counts. Raises ParseError for headers that cannot be read."""
    for step in STEPS:
        refusal = step(context, request)
        if refusal is not None:
            return refusal
    return None


def _method(context: Context, request: Request) -> Refusal | None:
    """8.2.1: 405 for a method that we know of and do not serve; one that we never heard of is 501 (21.5.2)."""
    if context.serves(request.method):
        return None
    return Refusal(405 if is_known(request.method) else 501, ("Allow", context.allow))


def _scheme(context: Context, request: Request) -> Refusal | None:
    """8.2.2.1: a Request-URI of a scheme that we do not know."""
    return None if isinstance(request.uri, SipUri) else Refusal(416)


def _address(context: Context, request: Request) -> Refusal | None:
    """8.2.2.1: a Request-URI that is not ours. Within a dialog it is the dialog that says whose it is."""
    serves = context.settings.serves
    uri = request.uri
    if serves is None or request.to_tag is not None or not isinstance(uri, SipUri) or serves(uri):
        return None
    return Refusal(404)


def _extensions(context: Context, request: Request) -> Refusal | None:
    """8.2.2.3"""
    unknown = [tag for tag in request.tokens("Require") if tag.lower() not in SUPPORTED]
    return Refusal(420, ("Unsupported", ", ".join(unknown))) if unknown else None


def _content(context: Context, request: Request) -> Refusal | None:
    """8.2.3: a body that we do not understand and may not pass over."""
    if not request.body:
        return None
    if any(coding.lower() != "identity" for coding in request.tokens("Content-Encoding")):
        return Refusal(415, ("Accept-Encoding", "identity"))
    if context.is_described(request.method):
        try:
            understood(request)
        except ProtocolError as error:
            return Refusal(error.status, ("Accept", ACCEPT))
    return None


def _acceptable(context: Context, request: Request) -> Refusal | None:
    """21.4.7: an INVITE whose sender takes no session description, which is all that we can answer with."""
    if request.method != "INVITE" or accepts_descriptions(request):
        return None
    # Accept would say what we take ourselves, and has no place in a 406 (20 table 2). The offer is not what is refused:
    # a remark says why, as RFC 4475 3.3.15 proposes.
    return Refusal(406, warning(context, f"only {SDP} can be answered with", MISCELLANEOUS))


STEPS: Final[tuple[Step, ...]] = (_method, _scheme, _address, _extensions, _content, _acceptable)
