"""A peer for tests that does what it is told: it answers by a script and remembers everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.flow import Target
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft, new_request, reply
from offhook.stack import ServerTransaction, Stack
from offhook.transaction.effects import (
    Cancelled,
    Effect,
    Ended,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
    TimerFired,
)
from offhook.transaction.machine import Transaction

__all__ = ["ScriptedPeer"]

Script = Callable[[Request], Sequence[tuple[float, int]]]


class ScriptedPeer:
    """A role that answers each request by `script(request)`: pairs of seconds to wait and a status.

    Responses bear `tag`, `contact`, the request's Record-Route and the fields of `extra`. A final answer that comes
    after a CANCEL is left out, the INVITE gets 487 instead. What was seen is in `requests`, `responses`, `cancelled`,
    `ended` and `closed`, in order.
    """

    def __init__(self, stack: Stack, contact: str, script: Script | None = None, tag: str = "peer") -> None:
        self.stack = stack
        self.contact = contact
        self.script: Script = (lambda request: [(0.0, 200)]) if script is None else script
        self.tag = tag
        self.extra: list[tuple[str, str]] = []
        self.requests: list[Request] = []
        self.responses: list[Response] = []
        self.ended: list[str] = []
        self.closed: list[str] = []
        self.cancelled: list[Request] = []

    def receive(self, event: Effect, now: Moment) -> None:
        """Take one event of the engine."""
        if isinstance(event, RequestReceived):
            self.requests.append(event.request)
            if event.request.method != "ACK":
                self._answer(event, now)
        elif isinstance(event, ResponseReceived) and event.transaction.user is self:
            self.responses.append(event.response)
        elif isinstance(event, TimerFired) and isinstance(event.user, _Answer):
            self._respond(event.user.transaction, event.user.status, now)
        elif isinstance(event, Cancelled):
            self.cancelled.append(event.request)
            transaction = event.transaction
            if transaction.user is self:
                self._respond(transaction, 487, now)
        elif isinstance(event, Ended) and event.transaction.user is self:
            self.ended.append(f"{event.transaction.request.method} {event.cause}")
        elif isinstance(event, FlowClosed):
            self.closed.append(event.reason)

    def request(self, method: str, uri: str, call_id: str = "c1", cseq: int = 1, to_tag: str = "") -> Draft:
        """A draft of a request from this peer, with all that a request needs but its Via."""
        draft = new_request(method, uri).add("From", f"<{self.contact}>;tag={self.tag}")
        draft.add("To", f"<{uri}>;tag={to_tag}" if to_tag else f"<{uri}>")
        draft.add("Call-ID", call_id).add("CSeq", f"{cseq} {method}").add("Max-Forwards", "70")
        return draft.add("Contact", f"<{self.contact}>")

    def send(self, draft: Draft, target: Target, now: Moment) -> Transaction:
        """Send a request in a client transaction."""
        return self.stack.send(draft, target, now, self)

    def statuses(self) -> list[int]:
        """The status codes received, in order."""
        return [response.status for response in self.responses]

    def _answer(self, event: RequestReceived, now: Moment) -> None:
        transaction = self.stack.accept(event.request, event.flow, now, self)
        for delay, status in self.script(event.request):
            if delay:
                self.stack.start_timer(delay, _Answer(transaction, status), "answer", now)
            else:
                self._respond(transaction, status, now)

    def _respond(self, transaction: Transaction, status: int, now: Moment) -> None:
        if not isinstance(transaction, ServerTransaction):
            return
        request = transaction.request
        draft = reply(request, status, None, self.tag)
        if status < 300 and status != 100:
            draft.copy("Record-Route", request).add("Contact", f"<{self.contact}>")
        for name, value in self.extra:
            draft.add(name, value)
        try:
            self.stack.respond(transaction, draft.response(), now)
        except InvalidState:
            return


class _Answer:
    """An answer that is due later."""

    __slots__ = ("status", "transaction")

    def __init__(self, transaction: ServerTransaction, status: int) -> None:
        self.transaction = transaction
        self.status = status
