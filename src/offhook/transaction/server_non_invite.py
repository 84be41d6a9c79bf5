"""The non-INVITE server transaction (RFC 3261 17.2.2, figure 8, with RFC 4320)."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.flow import Flow
from offhook.sip.message import Message, Request, Response
from offhook.transaction.effects import ResponseLost
from offhook.transaction.machine import Event, State, Table, Transaction, TransactionKey
from offhook.transaction.table import TransactionTable
from offhook.transaction.trying import make_trying

__all__ = ["NonInviteServerTransaction"]


class NonInviteServerTransaction(Transaction):
    """One request other than INVITE and ACK received. `flow` is the way back, `arrival` the way it came."""

    __slots__ = ("arrival", "to_tag", "transactions")

    def __init__(
        self, transactions: TransactionTable, key: TransactionKey, request: Request, flow: Flow, arrival: Flow
    ) -> None:
        super().__init__(TRANSITIONS, State.TRYING, key, request, flow)
        self.transactions = transactions
        self.arrival = arrival
        self.to_tag: str | None = None

    def begin(self, now: Moment) -> None:
        """Start the wait after which 100 is sent, and the one after which no answer can reach the client any more."""
        transactions = self.transactions
        values = transactions.values
        transactions.start_timers(
            self, values.trying_non_invite, Event.TIMER_TRYING, values.timeout, Event.TIMER_LATE, now
        )

    def receive(self, request: Request, now: Moment) -> None:
        """Take the request again."""
        self.fire(Event.REQUEST, request, now)

    def respond(self, response: Response, now: Moment) -> None:
        """Send a response of the user.

        Raises InvalidState after a final one, for a provisional one other than 100, for 408, and for a 100 over an
        unreliable transport that comes before its time (RFC 4320 4.1, 4.2).
        """
        status = response.status
        if status == 408 or 100 < status < 200:
            raise InvalidState(f"{status} must not answer a request other than INVITE")
        if status == 100 and self.state is State.TRYING and not self.flow.reliable:
            raise InvalidState("100 for a request other than INVITE, whose client still sends it again by itself")
        if not self.fire(Event.PROVISIONAL if status < 200 else Event.FINAL, response, now):
            raise InvalidState(f"{status} for a {self.request.method} that is {self.state}")

    def shed(self, remains: Request) -> None:
        """See `Transaction.shed`: the response is sent again for each repetition."""
        if not self.flow.reliable and self.key[1]:
            self.request = remains

    @property
    def answered(self) -> bool:
        """Whether a final response was given, or is too late."""
        return self.state is State.COMPLETED or self.state is State.TERMINATED

    def _send(self, response: Message | None) -> None:
        if isinstance(response, Response):
            self.response = response
            self.transactions.transmit(self, response)


def _trying(self: NonInviteServerTransaction, _message: Message | None, now: Moment) -> None:
    came = self.deadline - self.transactions.values.timeout
    self.transactions.stop_repeating(self)
    self._send(make_trying(self.request, now.monotonic - came))


def _provisional(self: NonInviteServerTransaction, message: Message | None, now: Moment) -> None:
    self.transactions.stop_repeating(self)
    self._send(message)


def _repeat(self: NonInviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self._send(self.response)


def _final(self: NonInviteServerTransaction, message: Message | None, now: Moment) -> None:
    self.transactions.unanswered -= 1
    self._send(message)
    wait = 0.0 if self.flow.reliable else self.transactions.values.timeout
    self.transactions.end_after(wait, self, Event.TIMER_J, now)


def _lost(self: NonInviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.effects.append(ResponseLost(self))


def _late(self: NonInviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.unanswered -= 1
    self.transactions.finish(self, False, "timeout")


def _done(self: NonInviteServerTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, False, "terminated")


TRANSITIONS: Table = {
    State.TRYING: {
        Event.TIMER_TRYING: (_trying, State.PROCEEDING),
        Event.TIMER_LATE: (_late, State.TERMINATED),
        Event.REQUEST: (None, State.TRYING),
        Event.PROVISIONAL: (_provisional, State.PROCEEDING),
        Event.FINAL: (_final, State.COMPLETED),
    },
    # Figure 8 ends the transaction at a transport error; RFC 6026 8.8 has it remain, to absorb what is sent again.
    State.PROCEEDING: {
        Event.TIMER_LATE: (_late, State.TERMINATED),
        Event.REQUEST: (_repeat, State.PROCEEDING),
        Event.PROVISIONAL: (_provisional, State.PROCEEDING),
        Event.FINAL: (_final, State.COMPLETED),
        Event.TRANSPORT_ERROR: (_lost, State.PROCEEDING),
    },
    State.COMPLETED: {
        Event.REQUEST: (_repeat, State.COMPLETED),
        Event.TIMER_J: (_done, State.TERMINATED),
        Event.TRANSPORT_ERROR: (_lost, State.COMPLETED),
    },
    State.TERMINATED: {},
}
