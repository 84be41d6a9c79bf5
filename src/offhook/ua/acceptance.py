"""The 2xx to an INVITE, repeated by the user agent's core until the ACK (RFC 3261 13.3.1.4, 14.2)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.clock import Moment
from offhook.dialog.repetition import Repetition, RepetitionEvent
from offhook.sip.message import Request, Response
from offhook.stack import ServerTransaction
from offhook.ua.context import Context

__all__ = ["Acceptance"]


class Acceptance:
    """One 2xx under way.

    `on_ack` is called with the first ACK, `on_lost` after 64*T1 without one.
    """

    def __init__(
        self,
        context: Context,
        transaction: ServerTransaction,
        response: Response,
        on_ack: Callable[[Request, Moment], None],
        on_lost: Callable[[Moment], None],
    ) -> None:
        self._context = context
        self._transaction = transaction
        self._response = response
        self._on_ack = on_ack
        table = context.stack.transactions
        self._repetition = Repetition(table, table.values.t2, self._send, on_lost)

    def start(self, now: Moment) -> None:
        """Send the response for the first time."""
        self._send(now)
        self._repetition.begin(now)

    @property
    def waiting(self) -> bool:
        """Whether the ACK is still to come."""
        return self._repetition.repeating

    @property
    def number(self) -> int:
        """The CSeq number of the INVITE and of its ACK."""
        return self._transaction.request.cseq_number

    def receive(self, ack: Request, now: Moment) -> bool:
        """Take an ACK; False when it belongs to an earlier INVITE.

        One that belongs to a later INVITE says that the peer has this answer too, and its own ACK was lost or is late.
        """
        if ack.cseq_number < self.number:
            return False
        if self._repetition.fire(RepetitionEvent.ACKNOWLEDGED, ack, now):
            self._on_ack(ack, now)
        return True

    def stop(self, now: Moment) -> None:
        """Nobody waits for the response any more."""
        self._repetition.fire(RepetitionEvent.STOP, None, now)

    def _send(self, now: Moment) -> None:
        if not self._transaction.terminated:
            self._context.stack.respond(self._transaction, self._response, now)
