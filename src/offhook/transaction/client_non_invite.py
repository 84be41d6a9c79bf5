"""The non-INVITE client transaction (RFC 3261 17.1.2, figure 6)."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.sip.message import Message, Request, Response
from offhook.transaction.effects import ResponseReceived
from offhook.transaction.machine import Event, State, Table, Transaction, TransactionKey
from offhook.transaction.table import TransactionTable

__all__ = ["NonInviteClientTransaction"]


class NonInviteClientTransaction(Transaction):
    """One request other than INVITE and ACK, sent to one next hop."""

    __slots__ = ("transactions",)

    def __init__(
        self, transactions: TransactionTable, key: TransactionKey, request: Request, flow: Flow, user: object | None
    ) -> None:
        super().__init__(TRANSITIONS, State.TRYING, key, request, flow)
        self.transactions = transactions
        self.user = user

    def begin(self, now: Moment) -> None:
        """Send the request; start Timer F, and on an unreliable transport Timer E."""
        transactions = self.transactions
        transactions.transmit(self, self.request)
        values = transactions.values
        self.interval = 0.0 if self.flow.reliable else values.t1
        transactions.start_timers(self, self.interval, Event.TIMER_E, values.timeout, Event.TIMER_F, now)

    def receive(self, response: Response, now: Moment) -> None:
        """Take a response that matched."""
        self.fire(Event.PROVISIONAL if response.status < 200 else Event.FINAL, response, now)

    def shed(self, remains: Request) -> None:
        """See `Transaction.shed`: what comes again is absorbed or passed on, and nothing is sent."""
        self.request = remains
        self.response = None

    def _pass_up(self, response: Message | None) -> None:
        if isinstance(response, Response):
            self.response = response
            self.transactions.effects.append(ResponseReceived(response, self))


def _retransmit(self: NonInviteClientTransaction, _message: Message | None, now: Moment) -> None:
    transactions = self.transactions
    transactions.transmit(self, self.request)
    self.interval = min(2 * self.interval, transactions.values.t2)
    transactions.repeat_after(self.interval, self, Event.TIMER_E, now)


def _retransmit_slowly(self: NonInviteClientTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.transmit(self, self.request)
    self.interval = self.transactions.values.t2
    self.transactions.repeat_after(self.interval, self, Event.TIMER_E, now)


def _provisional(self: NonInviteClientTransaction, message: Message | None, now: Moment) -> None:
    self._pass_up(message)


def _final(self: NonInviteClientTransaction, message: Message | None, now: Moment) -> None:
    self._pass_up(message)
    wait = 0.0 if self.flow.reliable else self.transactions.values.t4
    self.transactions.end_after(wait, self, Event.TIMER_K, now)


def _timeout(self: NonInviteClientTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, True, "timeout")


def _transport(self: NonInviteClientTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, True, "transport")


def _done(self: NonInviteClientTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, True, "terminated")


TRANSITIONS: Table = {
    State.TRYING: {
        Event.TIMER_E: (_retransmit, State.TRYING),
        Event.TIMER_F: (_timeout, State.TERMINATED),
        Event.TRANSPORT_ERROR: (_transport, State.TERMINATED),
        Event.PROVISIONAL: (_provisional, State.PROCEEDING),
        Event.FINAL: (_final, State.COMPLETED),
    },
    State.PROCEEDING: {
        Event.TIMER_E: (_retransmit_slowly, State.PROCEEDING),
        Event.TIMER_F: (_timeout, State.TERMINATED),
        Event.TRANSPORT_ERROR: (_transport, State.TERMINATED),
        Event.PROVISIONAL: (_provisional, State.PROCEEDING),
        Event.FINAL: (_final, State.COMPLETED),
    },
    State.COMPLETED: {
        Event.TIMER_K: (_done, State.TERMINATED),
    },
    State.TERMINATED: {},
}
