"""What the proxy asks of access control (RFC 3261 16.3 step 6, 22.3)."""

from __future__ import annotations

from typing import Final, Protocol

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.proxy.context import ResponseContext
from offhook.proxy.validation import Refusal
from offhook.sip.message import Request

__all__ = ["PENDING", "Access", "Pending"]


class Pending:
    """The verdict of a check that takes time."""

    __slots__ = ()


PENDING: Final = Pending()


class Access(Protocol):
    """Decides whether a request may use this server."""

    def check(self, request: Request, flow: Flow, within_dialog: bool, now: Moment) -> Refusal | Pending | None:
        """None when the request may pass. `within_dialog`: our own Route proves that it belongs to a dialog of ours."""

    def start(self, request: Request, flow: Flow, context: ResponseContext, now: Moment) -> None:
        """Go on with a check that was PENDING; `Proxy.admitted` is called with the verdict."""
