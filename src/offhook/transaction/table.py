"""The transaction table: matching (RFC 3261 17.1.3, 17.2.3), and what all transactions of an engine share."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment, Timers
from offhook.ids import MAGIC_COOKIE
from offhook.sip.message import Message, Request, Response
from offhook.transaction.effects import Effect, Ended, Transmit
from offhook.transaction.machine import Transaction, TransactionKey
from offhook.transaction.timers import TimerValues

__all__ = ["TransactionTable", "client_key", "server_key"]

_COOKIE: Final = MAGIC_COOKIE.encode("ascii")


def server_key(request: Request, method: str) -> TransactionKey:
    """The key under which a request's server transaction is kept; `method` is INVITE for an ACK or a CANCEL's target.

    With the magic cookie: branch, sent-by and method (17.2.3). Without it, from an RFC 2543 peer: Request-URI, From
    tag, Call-ID, CSeq number and the top Via whole; the To tag, which an ACK has and its INVITE has not, is left out:
    no peer uses one CSeq number twice with all of these equal. Raises ParseError.
    """
    via = request.top_via
    branch = via.branch
    if branch is not None and branch.startswith(_COOKIE):
        return (branch, via.host, via.port, method)
    value = request.octets("via") or b""
    parts = (value[: via.length], request.raw_uri, request.octets("call-id") or b"")
    tag = (request.from_tag or "").encode("utf-8", "surrogateescape")
    return (b"\0".join((*parts, tag)), "", request.cseq_number, method)


def client_key(branch: bytes, method: str) -> TransactionKey:
    """The key of a client transaction: the branch of the top Via and the method of CSeq (17.1.3)."""
    return (branch, "", 0, method)


class TransactionTable:
    """All transactions of one engine, their timers, and the queue of what they give out."""

    __slots__ = ("clients", "effects", "over_stream", "servers", "timers", "values")

    def __init__(self, values: TimerValues) -> None:
        self.values = values
        self.timers = Timers()
        self.effects: list[Effect] = []
        self.clients: dict[TransactionKey, Transaction] = {}
        self.servers: dict[TransactionKey, Transaction] = {}
        self.over_stream: dict[str, dict[TransactionKey, Transaction]] = {}

    def add_client(self, transaction: Transaction) -> None:
        """Take in a client transaction; one over a stream is found by its flow too."""
        self.clients[transaction.key] = transaction
        if transaction.flow.reliable:
            self.over_stream.setdefault(transaction.flow.key, {})[transaction.key] = transaction

    def match_request(self, request: Request) -> Transaction | None:
        """The server transaction that a request belongs to (17.2.3). Raises ParseError."""
        method = request.method
        return self.servers.get(server_key(request, "INVITE" if method == "ACK" else method))

    def match_response(self, response: Response) -> Transaction | None:
        """The client transaction that a response belongs to (17.1.3). Raises ParseError."""
        branch = response.top_via.branch
        if branch is None:
            return None
        return self.clients.get(client_key(branch, response.cseq_method))

    # For the machines

    def transmit(self, transaction: Transaction, message: Message) -> None:
        """Send a message over the transaction's flow."""
        self.effects.append(Transmit(message.serialize(), transaction.flow))

    def repeat_after(self, delay: float, transaction: Transaction, event: str, now: Moment) -> None:
        """Start the timer that sends again."""
        transaction.repeat_timer = self.timers.start(delay, transaction, event, now)

    def end_after(self, delay: float, transaction: Transaction, event: str, now: Moment) -> None:
        """Let the timer that ends the state take the place of both that run; with no delay its event happens now."""
        self.stop_timers(transaction)
        if delay > 0:
            transaction.end_timer = self.timers.start(delay, transaction, event, now)
        else:
            transaction.fire(event, None, now)

    def stop_repeating(self, transaction: Transaction) -> None:
        """Stop the timer that sends again."""
        if transaction.repeat_timer is not None:
            self.timers.cancel(transaction.repeat_timer)
            transaction.repeat_timer = None

    def stop_timers(self, transaction: Transaction) -> None:
        """Stop both timers."""
        self.stop_repeating(transaction)
        if transaction.end_timer is not None:
            self.timers.cancel(transaction.end_timer)
            transaction.end_timer = None

    def finish(self, transaction: Transaction, client: bool, cause: str, reason: str = "") -> None:
        """Take a terminated transaction out of the table (RFC 3261 17.1.1.2: destroyed at once) and tell its user."""
        self.stop_timers(transaction)
        key = transaction.key
        if not client:
            if self.servers.get(key) is transaction:
                del self.servers[key]
        elif self.clients.get(key) is transaction:
            del self.clients[key]
            flow_key = transaction.flow.key
            if transaction.flow.reliable and flow_key in self.over_stream:
                self.over_stream[flow_key].pop(key, None)
                if not self.over_stream[flow_key]:
                    del self.over_stream[flow_key]
        self.effects.append(Ended(transaction, cause, reason))
