"""Refusing an offer (RFC 3261 13.3.1.3, 14.2; RFC 3311 5.2)."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.sip.headers.grammar import quote
from offhook.stack import ServerTransaction
from offhook.ua.context import Context

__all__ = ["MISCELLANEOUS", "refuse_offer", "warning"]

INCOMPATIBLE_FORMAT: Final = 305
"""Incompatible media format (RFC 3261 20.43)."""
MISCELLANEOUS: Final = 399
"""A remark for people (RFC 3261 20.43)."""


def warning(context: Context, text: str, code: int = INCOMPATIBLE_FORMAT) -> tuple[str, str]:
    """The Warning that says why an offer is refused; the agent is named by its address-of-record's host."""
    return ("Warning", f"{code} {context.settings.aor.host} {quote(text)}")


def refuse_offer(context: Context, transaction: ServerTransaction, error: ProtocolError, now: Moment) -> None:
    """Answer 488, or what else the error calls for."""
    context.refuse(transaction, error.status, now, (warning(context, error.reason),))
