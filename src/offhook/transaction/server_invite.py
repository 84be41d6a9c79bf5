"""The INVITE server transaction (RFC 3261 17.2.1, figure 7 as replaced by RFC 6026 8.6)."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.flow import Flow
from offhook.sip.message import Message, Request, Response
from offhook.transaction.effects import RequestReceived, ResponseLost
from offhook.transaction.machine import Event, State, Table, Transaction, TransactionKey
from offhook.transaction.table import TransactionTable
from offhook.transaction.trying import make_trying

__all__ = ["TRYING_AFTER", "InviteServerTransaction"]

TRYING_AFTER: Final = 0.2
"""Seconds after which an INVITE without a response gets its 100 (RFC 3261 17.2.1)."""


class InviteServerTransaction(Transaction):
    """One INVITE received. `flow` is the way back (RFC 3261 18.2.2), `arrival` the way it came.

    `to_tag` is what a UAS puts into To; the 200 to a CANCEL bears it too (9.2).
    """

    __slots__ = ("arrival", "cancelled", "to_tag", "transactions")

    def __init__(
        self, transactions: TransactionTable, key: TransactionKey, request: Request, flow: Flow, arrival: Flow
    ) -> None:
        super().__init__(TRANSITIONS, State.PROCEEDING, key, request, flow)
        self.transactions = transactions
        self.arrival = arrival
        self.to_tag: str | None = None
        self.cancelled = False

    def begin(self, now: Moment) -> None:
        """Start the wait after which 100 is sent."""
        self.transactions.repeat_after(TRYING_AFTER, self, Event.TIMER_TRYING, now)

    def receive(self, request: Request, now: Moment) -> None:
        """Take a request that matched: the INVITE again, or its ACK."""
        self.fire(Event.ACK if request.method == "ACK" else Event.REQUEST, request, now)

    def respond(self, response: Response, now: Moment) -> None:
        """Send a response of the user. Raises InvalidState after a final one, but for a further 2xx."""
        status = response.status
        event = Event.PROVISIONAL if status < 200 else Event.SUCCESS if status < 300 else Event.FAILURE
        if not self.fire(event, response, now):
            raise InvalidState(f"{status} for an INVITE that is {self.state}")

    def shed(self, remains: Request) -> None:
        """See `Transaction.shed`: a repeated INVITE is absorbed, further 2xx bring themselves (RFC 6026 8.6)."""
        if self.flow.reliable or not self.key[1]:
            return
        if self.to_tag is None and self.response is not None:
            self.to_tag = self.response.to_tag
        self.request = remains
        self.response = None

    @property
    def answered(self) -> bool:
        """Whether a final response was given."""
        return self.state is not State.PROCEEDING

    def _send(self, response: Message | None) -> None:
        if isinstance(response, Response):
            self.response = response
            self.transactions.transmit(self, response)


def _trying(self: InviteServerTransaction, _message: Message | None, now: Moment) -> None:
    waited = TRYING_AFTER if self.timer is None else TRYING_AFTER + now.monotonic - self.timer.deadline
    self.timer = None
    self._send(make_trying(self.request, waited))


def _provisional(self: InviteServerTransaction, message: Message | None, now: Moment) -> None:
    self.transactions.stop_repeating(self)
    self._send(message)
    if message is not None:
        # It may stand for minutes; should the INVITE come again, the octets are made again.
        message.release()


def _repeat(self: InviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self._send(self.response)


def _accepted(self: InviteServerTransaction, message: Message | None, now: Moment) -> None:
    self.transactions.unanswered -= 1
    self.transactions.end_after(self.transactions.values.timeout, self, Event.TIMER_L, now)
    self._send(message)


def _again_accepted(self: InviteServerTransaction, message: Message | None, now: Moment) -> None:
    self._send(message)


def _ack_accepted(self: InviteServerTransaction, message: Message | None, now: Moment) -> None:
    if isinstance(message, Request):
        self.transactions.effects.append(RequestReceived(message, self.arrival, self))


def _failed(self: InviteServerTransaction, message: Message | None, now: Moment) -> None:
    transactions = self.transactions
    transactions.unanswered -= 1
    values = transactions.values
    self.interval = 0.0 if self.flow.reliable else values.t1
    transactions.start_timers(self, self.interval, Event.TIMER_G, values.timeout, Event.TIMER_H, now)
    self._send(message)


def _retransmit(self: InviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self._send(self.response)
    self.interval = min(2 * self.interval, self.transactions.values.t2)
    self.transactions.repeat_after(self.interval, self, Event.TIMER_G, now)


def _confirmed(self: InviteServerTransaction, _message: Message | None, now: Moment) -> None:
    wait = 0.0 if self.flow.reliable else self.transactions.values.t4
    self.transactions.end_after(wait, self, Event.TIMER_I, now)


def _lost(self: InviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.effects.append(ResponseLost(self))


def _unconfirmed(self: InviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, False, "timeout")


def _done(self: InviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, False, "terminated")


TRANSITIONS: Table = {
    State.PROCEEDING: {
        Event.TIMER_TRYING: (_trying, State.PROCEEDING),
        Event.REQUEST: (_repeat, State.PROCEEDING),
        Event.PROVISIONAL: (_provisional, State.PROCEEDING),
        Event.SUCCESS: (_accepted, State.ACCEPTED),
        Event.FAILURE: (_failed, State.COMPLETED),
        Event.TRANSPORT_ERROR: (_lost, State.PROCEEDING),
    },
    State.COMPLETED: {
        Event.REQUEST: (_repeat, State.COMPLETED),
        Event.TIMER_G: (_retransmit, State.COMPLETED),
        Event.TIMER_H: (_unconfirmed, State.TERMINATED),
        Event.ACK: (_confirmed, State.CONFIRMED),
        Event.TRANSPORT_ERROR: (_lost, State.COMPLETED),
    },
    State.CONFIRMED: {
        Event.ACK: (None, State.CONFIRMED),
        Event.TIMER_I: (_done, State.TERMINATED),
    },
    State.ACCEPTED: {
        Event.REQUEST: (None, State.ACCEPTED),
        Event.SUCCESS: (_again_accepted, State.ACCEPTED),
        Event.ACK: (_ack_accepted, State.ACCEPTED),
        Event.TIMER_L: (_done, State.TERMINATED),
        Event.TRANSPORT_ERROR: (_lost, State.ACCEPTED),
    },
    State.TERMINATED: {},
}
