"""Who is told what the engine reports: the TU of RFC 3261 17."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.flow import Target
from offhook.sip.message import Response
from offhook.transaction.machine import Transaction

__all__ = ["TransactionUser"]


class TransactionUser:
    """What the core calls on the user of a transaction, timer or look-up; each does nothing unless overridden."""

    def on_response(self, response: Response, transaction: Transaction, now: Moment) -> None:
        """A response came to a client transaction."""

    def on_ended(self, transaction: Transaction, cause: str, reason: str, now: Moment) -> None:
        """A transaction is over: by "timeout", by "transport" for a `reason`, or as it should be ("terminated")."""

    def on_cancelled(self, transaction: Transaction, now: Moment) -> None:
        """The peer cancelled its INVITE."""

    def on_timer(self, event: str, now: Moment) -> None:
        """A timer fired."""

    def on_resolved(self, token: object, targets: list[Target], error: Exception | None, now: Moment) -> None:
        """A look-up has its answer."""
