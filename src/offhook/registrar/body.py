"""Bodies in requests for the server itself, where none means anything (RFC 3261 8.2.3)."""

from __future__ import annotations

from offhook.sip.headers.value import Parameterized
from offhook.sip.message import Request

__all__ = ["refusal_of_body"]


def refusal_of_body(request: Request) -> tuple[tuple[str, str], ...]:
    """The header fields of the 415 to a request whose body may not be passed over; none where it may, or is not there.

    Raises ParseError.
    """
    if not request.body or _is_optional(request):
        return ()
    if any(coding.lower() != "identity" for coding in request.tokens("Content-Encoding")):
        return (("Accept", ""), ("Accept-Encoding", "identity"))
    return (("Accept", ""),)


def _is_optional(request: Request) -> bool:
    """Whether the sender allows that nobody understands the body (RFC 3261 20.11: handling is required by default)."""
    disposition = request.header("Content-Disposition")
    return isinstance(disposition, Parameterized) and (disposition.param("handling") or "").lower() == "optional"
