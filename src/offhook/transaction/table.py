"""The transaction table: matching (RFC 3261 17.1.3, 17.2.3), and what all transactions of an engine share."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment, Timers
from offhook.flow import Flow, default_port
from offhook.ids import MAGIC_COOKIE
from offhook.sip.message import Message, Request, Response
from offhook.transaction.effects import Effect, Ended, Transmit
from offhook.transaction.machine import NEVER, Event, Transaction, TransactionKey
from offhook.transaction.timers import TimerValues

__all__ = ["TransactionTable", "client_key", "server_key"]

_COOKIE: Final = MAGIC_COOKIE.encode("ascii")


def server_key(request: Request, method: str) -> TransactionKey:
    """The key under which a request's server transaction is kept; `method` is INVITE for an ACK or a CANCEL's target.

    With the magic cookie: branch, sent-by and method (17.2.3). The Call-ID too: clients that write the same branch into
    all their requests, against 8.1.1.7, would be given the answers to former ones.

    Without the cookie, from an RFC 2543 peer, or with nothing behind it (RFC 4475 3.2.1): Request-URI, tags, Call-ID,
    CSeq number and the top Via whole; the ACK to an INVITE without To tag has one all the same, which
    `TransactionTable.match_request` compares. Raises ParseError.
    """
    via = request.top_via
    branch = via.branch
    if branch is not None and branch.startswith(_COOKIE) and branch != _COOKIE:
        return (branch, f"{via.host} {request.call_id}", via.port, method)
    return _key_without_cookie(request, method, request.to_tag)


def _key_without_cookie(request: Request, method: str, to_tag: str | None) -> TransactionKey:
    value = request.octets("via") or b""
    parts = (value[: request.top_via.length], request.raw_uri, request.octets("call-id") or b"")
    tags = f"{request.from_tag or ''}\0{to_tag or ''}".encode("utf-8", "surrogateescape")
    return (b"\0".join((*parts, tags)), "", request.cseq_number, method)


def client_key(response: Response) -> TransactionKey:
    """The key of the client transaction that a response is for: branch and sent-by of its top Via (17.1.3, 18.1.2),
    method of CSeq. A port that is left out is the transport's own. Raises ParseError.
    """
    via = response.top_via
    return (via.branch or b"", via.host, via.port or default_port(via.transport), response.cseq_method)


class TransactionTable:
    """All transactions of one engine, their timers, and the queue of what they give out.

    `clients` and `servers` by key; `over_flow` has both by the key of their flow, in the order in which they began.
    `unanswered` counts the server transactions without a final response.
    """

    __slots__ = ("clients", "effects", "over_flow", "servers", "timers", "unanswered", "values")

    def __init__(self, values: TimerValues) -> None:
        self.values = values
        self.timers = Timers()
        self.effects: list[Effect] = []
        self.clients: dict[TransactionKey, Transaction] = {}
        self.servers: dict[TransactionKey, Transaction] = {}
        self.over_flow: dict[str, dict[Transaction, None]] = {}
        self.unanswered = 0

    def add_client(self, transaction: Transaction) -> None:
        """Take in a client transaction."""
        self.clients[transaction.key] = transaction
        self._bind(transaction)

    def add_server(self, transaction: Transaction) -> None:
        """Take in a server transaction."""
        self.unanswered += 1
        self.servers[transaction.key] = transaction
        self._bind(transaction)

    def move(self, transaction: Transaction, flow: Flow) -> None:
        """Let a transaction go on over another flow."""
        self._release(transaction)
        transaction.flow = flow
        self._bind(transaction)

    def match_request(self, request: Request) -> Transaction | None:
        """The server transaction that a request belongs to (17.2.3). Raises ParseError."""
        method = request.method
        key = server_key(request, "INVITE" if method == "ACK" else method)
        found = self.servers.get(key)
        if key[1] or method != "ACK":
            return found
        # An RFC 2543 peer: the To tag of an ACK is that of the response, which the INVITE need not have.
        found = found or self.servers.get(_key_without_cookie(request, "INVITE", None))
        answer = None if found is None else found.response
        return found if answer is not None and answer.to_tag == request.to_tag else None

    def match_response(self, response: Response) -> Transaction | None:
        """The client transaction that a response belongs to (17.1.3). Raises ParseError."""
        return self.clients.get(client_key(response))

    def not_sent(self, data: bytes, flow: Flow, reason: str, now: Moment) -> None:
        """A datagram could not be sent for what it is, such as too large; of others over its flow that tells nothing.

        The client transaction that it is the request of has failed (RFC 3261 8.1.3.1, 18.4). A response is lost.
        """
        before = len(self.effects)
        for transaction in list(self.over_flow.get(flow.key, ())):
            if self.clients.get(transaction.key) is transaction and transaction.request.serialize() == data:
                transaction.fire(Event.TRANSPORT_ERROR, None, now)
        self.explain(before, reason)

    def explain(self, before: int, reason: str) -> None:
        """Give the reason to the transactions that have ended since `before` effects were queued."""
        for position in range(before, len(self.effects)):
            effect = self.effects[position]
            if isinstance(effect, Ended):
                effect.reason = reason

    # For the machines

    def transmit(self, transaction: Transaction, message: Message) -> None:
        """Send a message over the transaction's flow."""
        self.effects.append(Transmit(message.serialize(), transaction.flow))

    def start_timers(
        self, transaction: Transaction, delay: float, event: str, timeout: float, end_event: str, now: Moment
    ) -> None:
        """Start the timer for an event after `delay`; unless its state ends before, `end_event` is due at the time-out.

        In the place of whatever runs. Without a delay below the time-out nothing else is waited for.
        """
        self.stop_timers(transaction)
        if 0 < delay < timeout:
            transaction.deadline = now.monotonic + timeout
            transaction.end_event = end_event
            transaction.timer = self.timers.start(delay, transaction, event, now)
        else:
            transaction.timer = self.timers.start(timeout, transaction, end_event, now)

    def repeat_after(self, delay: float, transaction: Transaction, event: str, now: Moment) -> None:
        """Once the timer has fired: start it again, or wait for the time-out, whichever comes first."""
        if now.monotonic + delay < transaction.deadline:
            transaction.timer = self.timers.start(delay, transaction, event, now)
        else:
            self.stop_repeating(transaction)

    def end_after(self, delay: float, transaction: Transaction, event: str, now: Moment) -> None:
        """Let the timer that ends the state take the place of what runs; with no delay its event happens now."""
        self.stop_timers(transaction)
        if delay > 0:
            transaction.timer = self.timers.start(delay, transaction, event, now)
        else:
            transaction.fire(event, None, now)

    def stop_repeating(self, transaction: Transaction) -> None:
        """Wait for the time-out alone, if there is one."""
        if transaction.timer is not None:
            self.timers.cancel(transaction.timer)
            transaction.timer = None
        if transaction.deadline < NEVER:
            transaction.timer = self.timers.start_at(transaction.deadline, transaction, transaction.end_event)
            transaction.deadline = NEVER

    def stop_timers(self, transaction: Transaction) -> None:
        """Wait for nothing."""
        timer = transaction.timer
        if timer is not None:
            self.timers.cancel(timer)
            transaction.timer = None
            transaction.deadline = NEVER

    def finish(self, transaction: Transaction, client: bool, cause: str, reason: str = "") -> None:
        """Take a terminated transaction out of the table (RFC 3261 17.1.1.2: destroyed at once) and tell its user."""
        self.stop_timers(transaction)
        table = self.clients if client else self.servers
        if table.get(transaction.key) is transaction:
            del table[transaction.key]
            self._release(transaction)
        self.effects.append(Ended(transaction, cause, reason))

    # Within

    def _bind(self, transaction: Transaction) -> None:
        over = self.over_flow.get(transaction.flow.key)
        if over is None:
            self.over_flow[transaction.flow.key] = {transaction: None}
        else:
            over[transaction] = None

    def _release(self, transaction: Transaction) -> None:
        flow_key = transaction.flow.key
        over = self.over_flow.get(flow_key)
        if over is not None:
            over.pop(transaction, None)
            if not over:
                del self.over_flow[flow_key]
