"""The answers to REGISTER requests that were examined (RFC 3261 10.3 step 8, RFC 3327 5.3, RFC 5626 6)."""

from __future__ import annotations

from typing import Final

import structlog

from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError
from offhook.flow import Flow
from offhook.location.base import Outcome
from offhook.location.binding import Binding
from offhook.location.outage import Outage
from offhook.sip.headers.date import SipDate
from offhook.sip.message import Request
from offhook.sip.serializer import Draft, reply
from offhook.sip.status import phrase_for
from offhook.stack import ServerTransaction, Stack
from offhook.transaction.stateless import StatelessBranches

__all__ = ["Answer", "Answers", "local_status"]

RETRY_SECONDS: Final = 10

_log = structlog.get_logger("offhook.registrar")


def local_status(status: int) -> int:
    """The status of a refusal, whatever a location service of somebody else's says: a registrar knows of its own
    bindings alone and never answers for everybody, with 6xx (10.3)."""
    return status if status < 600 else 500


class Answers:
    """What all answers share. `secret` keys the tags of those without a transaction."""

    __slots__ = ("_date", "_second", "_tags", "outage", "stack")

    def __init__(self, stack: Stack, secret: bytes) -> None:
        self.stack = stack
        self._tags = StatelessBranches(secret)
        self.outage = Outage(_log, "registrations cannot be kept", "registrations are kept again")
        self._second = -1
        self._date = b""

    def reply(self, request: Request, status: int, reason: str | None = None) -> Draft:
        """A draft of an answer; its To tag is the same for each retransmission (8.2.7)."""
        return reply(request, status, reason, self._tags.tag(request))

    def date(self, now: Moment) -> bytes:
        """The value of Date (20.17)."""
        second = int(now.wall)
        if second != self._second:
            self._second = second
            self._date = SipDate.at(second).serialize().encode("ascii")
        return self._date


class Answer:
    """The answer that one REGISTER waits for. `asked`: when that came.

    `transaction` is there when the location service takes its time; without one the answer is sent as it is made.
    `outbound`: its contact was bound to the flow.
    """

    __slots__ = ("_answers", "_asked", "_flow", "_request", "outbound", "transaction")

    def __init__(self, answers: Answers, request: Request, flow: Flow, asked: Moment) -> None:
        self._answers = answers
        self._asked = asked
        self._request = request
        self._flow = flow
        self.outbound = False
        self.transaction: ServerTransaction | None = None

    def complete(self, outcome: Outcome, now: Moment) -> None:
        """Step 8 with the bindings that there are now; or what the request comes to when there are none to tell."""
        if isinstance(outcome, list):
            self._ok(outcome, now)
        elif isinstance(outcome, ProtocolError | ParseError):
            self._send(self._answers.reply(self._request, local_status(outcome.status), phrase_for(outcome)), now)
        else:
            self.failed(outcome, now)

    def failed(self, error: Exception, now: Moment) -> None:
        """The location service failed, and nothing was kept: 500 (10.3 step 7)."""
        self._answers.outage.failed(error, now, call_id=self._request.call_id)
        draft = self._answers.reply(self._request, 500)
        self._send(draft.add("Retry-After", str(RETRY_SECONDS)), now)

    def _ok(self, bindings: list[Binding], now: Moment) -> None:
        request = self._request
        draft = self._answers.reply(request, 200)
        # Step 7: no longer than was asked for, though the wall clock was set back while the service took its time.
        wall = self._asked.wall + (now.monotonic - self._asked.monotonic)
        for binding in bindings:
            # The service may have taken so long that one has ended meanwhile.
            if binding.expires > wall:
                draft.add("Contact", binding.contact_value(wall, binding.params))
        if request.holds("path"):
            draft.copy("Path", request)
        if self.outbound:
            draft.add("Require", "outbound")
        self._send(draft.add("Date", self._answers.date(now)), now)

    def _send(self, draft: Draft, now: Moment) -> None:
        stack = self._answers.stack
        transaction = self.transaction
        if transaction is None:
            stack.reply_stateless(draft.response(), self._request, self._flow)
        elif not transaction.answered:
            # Else the service took so long that nobody waits any more.
            stack.respond(transaction, draft.response(), now)
