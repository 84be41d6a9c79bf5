"""The INVITE client transaction (RFC 3261 17.1.1, figure 5 as replaced by RFC 6026 8.4)."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.sip.message import Message, Request, Response
from offhook.sip.serializer import Draft, new_request
from offhook.transaction.effects import ResponseReceived
from offhook.transaction.machine import Event, State, Table, Transaction, TransactionKey
from offhook.transaction.table import TransactionTable

__all__ = ["InviteClientTransaction", "make_ack", "make_cancel"]


def _beside(invite: Request, method: str) -> Draft:
    """What ACK (17.1.1.3) and CANCEL (9.1) take from the INVITE that they go beside, but for To and Reason."""
    draft = new_request(method, invite.raw_uri)
    line = invite.lines[invite.places("via")[0]]
    value = line[line.find(b":") + 1 :].lstrip()
    draft.add("Via", value[: invite.top_via.length].replace(b"\r\n", b""))
    draft.copy("Route", invite).add("Max-Forwards", "70")
    return draft.copy("From", invite).copy("Call-ID", invite).add("CSeq", f"{invite.cseq_number} {method}")


def make_ack(invite: Request, response: Response) -> Request:
    """The ACK to a final response other than 2xx (RFC 3261 17.1.1.3)."""
    draft = _beside(invite, "ACK").copy("To", response)
    # Nobody can challenge an ACK: it has the credentials of its INVITE (22.1).
    return draft.copy("Authorization", invite).copy("Proxy-Authorization", invite).request()


def make_cancel(invite: Request, reason: str | None = None) -> Request:
    """The CANCEL of an INVITE (RFC 3261 9.1); `reason` is the value of a Reason header (RFC 3326)."""
    draft = _beside(invite, "CANCEL").copy("To", invite)
    if reason is not None:
        draft.add("Reason", reason)
    return draft.request()


class InviteClientTransaction(Transaction):
    """One INVITE sent to one next hop.

    `response` is the last final one. `cancel_wanted`: its user cancelled it; the CANCEL waits for a provisional
    response (RFC 3261 9.1) and is out when `cancelled` is set.
    """

    __slots__ = ("cancel_reason", "cancel_wanted", "cancelled", "transactions")

    def __init__(
        self, transactions: TransactionTable, key: TransactionKey, request: Request, flow: Flow, user: object | None
    ) -> None:
        super().__init__(TRANSITIONS, State.CALLING, key, request, flow)
        self.transactions = transactions
        self.user = user
        self.cancel_wanted = False
        self.cancel_reason: str | None = None
        self.cancelled = False

    def begin(self, now: Moment) -> None:
        """Send the INVITE; start Timer B, and on an unreliable transport Timer A."""
        transactions = self.transactions
        values = transactions.values
        transactions.transmit(self, self.request)
        self.interval = 0.0 if self.flow.reliable else values.t1
        transactions.start_timers(self, self.interval, Event.TIMER_A, values.timeout, Event.TIMER_B, now)

    def receive(self, response: Response, now: Moment) -> None:
        """Take a response that matched."""
        status = response.status
        event = Event.PROVISIONAL if status < 200 else Event.SUCCESS if status < 300 else Event.FAILURE
        self.fire(event, response, now)

    def cancel_sent(self, now: Moment) -> None:
        """The CANCEL is out: without a final response in 64*T1 the INVITE counts as cancelled (RFC 3261 9.1)."""
        self.cancelled = True
        self.transactions.end_after(self.transactions.values.timeout, self, Event.TIMER_CANCELLED, now)

    def shed(self, remains: Request) -> None:
        """See `Transaction.shed`: what comes again is absorbed or passed on, and nothing is sent."""
        self.request = remains
        self.response = None

    def _pass_up(self, response: Message | None) -> None:
        if isinstance(response, Response):
            if response.status >= 200:
                self.response = response
            self.transactions.effects.append(ResponseReceived(response, self))

    def _send_ack(self, response: Message | None) -> None:
        if isinstance(response, Response):
            self.transactions.transmit(self, make_ack(self.request, response))


def _retransmit(self: InviteClientTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.transmit(self, self.request)
    self.interval *= 2
    self.transactions.repeat_after(self.interval, self, Event.TIMER_A, now)


def _provisional(self: InviteClientTransaction, message: Message | None, now: Moment) -> None:
    # Timer B runs in Calling alone; the time-out of a cancelled INVITE goes on.
    if not self.cancelled:
        self.transactions.stop_timers(self)
    # It may ring for minutes, with nothing sent again but what is made of the INVITE's fields.
    self.request.release()
    self._pass_up(message)


def _accepted(self: InviteClientTransaction, message: Message | None, now: Moment) -> None:
    self._pass_up(message)
    self.transactions.end_after(self.transactions.values.timeout, self, Event.TIMER_M, now)


def _again_accepted(self: InviteClientTransaction, message: Message | None, now: Moment) -> None:
    self._pass_up(message)


def _failed(self: InviteClientTransaction, message: Message | None, now: Moment) -> None:
    self._send_ack(message)
    self._pass_up(message)
    wait = 0.0 if self.flow.reliable else self.transactions.values.timer_d
    self.transactions.end_after(wait, self, Event.TIMER_D, now)


def _again_failed(self: InviteClientTransaction, message: Message | None, now: Moment) -> None:
    self._send_ack(message)


def _timeout(self: InviteClientTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, True, "timeout")


def _transport(self: InviteClientTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, True, "transport")


def _done(self: InviteClientTransaction, _message: Message | None, now: Moment) -> None:
    self.transactions.finish(self, True, "terminated")


TRANSITIONS: Table = {
    State.CALLING: {
        Event.TIMER_A: (_retransmit, State.CALLING),
        Event.TIMER_B: (_timeout, State.TERMINATED),
        Event.TRANSPORT_ERROR: (_transport, State.TERMINATED),
        Event.PROVISIONAL: (_provisional, State.PROCEEDING),
        Event.SUCCESS: (_accepted, State.ACCEPTED),
        Event.FAILURE: (_failed, State.COMPLETED),
    },
    State.PROCEEDING: {
        Event.TIMER_CANCELLED: (_timeout, State.TERMINATED),
        Event.PROVISIONAL: (_provisional, State.PROCEEDING),
        Event.SUCCESS: (_accepted, State.ACCEPTED),
        Event.FAILURE: (_failed, State.COMPLETED),
    },
    State.COMPLETED: {
        Event.FAILURE: (_again_failed, State.COMPLETED),
        Event.TRANSPORT_ERROR: (_transport, State.TERMINATED),
        Event.TIMER_D: (_done, State.TERMINATED),
    },
    # RFC 6026 8.4.
    State.ACCEPTED: {
        Event.SUCCESS: (_again_accepted, State.ACCEPTED),
        Event.TIMER_M: (_done, State.TERMINATED),
    },
    State.TERMINATED: {},
}
