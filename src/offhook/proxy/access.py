"""What the proxy asks of access control (RFC 3261 16.3 step 6, 22.3)."""

from __future__ import annotations

from enum import Enum
from typing import Final, Protocol

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.proxy.context import ResponseContext
from offhook.proxy.validation import Refusal
from offhook.sip.message import Request

__all__ = ["PENDING", "Access", "Pending", "Standing"]


class Pending:
    """The verdict of a check that takes time."""

    __slots__ = ()


PENDING: Final = Pending()


class Standing(Enum):
    """What a request shows of the dialog that it says to be in.

    OUTSIDE: nothing. CLAIMED: our own Route proves the dialog, but neither whom the request is from nor where it goes.
    BOUND: it goes where a side of that dialog was reached, whomever it is from. KNOWN: it comes from where a side that
    is ours was reached.
    """

    OUTSIDE = "outside"
    CLAIMED = "claimed"
    BOUND = "bound"
    KNOWN = "known"


class Access(Protocol):
    """Decides whether a request may use this server."""

    def check(self, request: Request, flow: Flow, standing: Standing, now: Moment) -> Refusal | Pending | None:
        """None when the request may pass.

        Whoever may pass without being BOUND, and says in From to be of a served domain, has been shown to be. An ACK
        cannot be challenged (22.1): any Refusal drops it, and its verdict never takes time.
        """

    def absent(self, request: Request, flow: Flow, status: int, now: Moment) -> None:
        """Take note of a request for a user that is not there, or of which a stranger is not to know."""

    def start(self, request: Request, flow: Flow, context: ResponseContext, now: Moment) -> None:
        """Go on with a check that was PENDING; `Proxy.admitted` is called with the verdict."""
