"""Request validation (RFC 3261 16.3). Its step 1 is the parser's and the engine's, step 6 the access control's."""

from __future__ import annotations

from offhook.proxy.loop import has_looped
from offhook.proxy.own import OwnNames
from offhook.sip.message import Request
from offhook.sip.uri import SipUri, TelUri

__all__ = ["Refusal", "validate"]


class Refusal:
    """Why a request goes no further: the status to answer and the header fields that go with it."""

    __slots__ = ("headers", "status")

    def __init__(self, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.status = status
        self.headers = headers


def validate(request: Request, mark: str, own: OwnNames) -> Refusal | None:
    """Steps 2 to 5: the scheme, Max-Forwards, a loop, Proxy-Require. None when the request may go on.

    Raises ParseError when one of these is malformed.
    """
    uri = request.uri
    if not isinstance(uri, SipUri) and not isinstance(uri, TelUri):
        return Refusal(416)
    max_forwards = request.max_forwards
    if max_forwards == 0:
        return Refusal(483)
    if has_looped(request, mark, own):
        return Refusal(482)
    required = request.tokens("Proxy-Require") if request.holds("proxy-require") else []
    if required:
        # No option tag asks anything of this proxy, so each one is unknown to it.
        return Refusal(420, (("Unsupported", ", ".join(required)),))
    return None
