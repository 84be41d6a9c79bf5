"""Modifying a session with a re-INVITE of ours, for hold and resume (RFC 3261 14.1, RFC 3264 8)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Final

from offhook.clock import Moment, Timer
from offhook.dialog.invite import UsageState
from offhook.dialog.reliable import ProvisionalOrder, Sequence
from offhook.errors import InvalidState, ParseError, ProtocolError, SipError
from offhook.flow import Target
from offhook.sip.headers.durations import RetryAfter
from offhook.sip.message import Message, Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import Uri
from offhook.transaction.machine import Machine, Table, Transaction
from offhook.ua.acknowledgement import Acknowledgement
from offhook.ua.body import SDP, session_description
from offhook.ua.client import ClientRequest
from offhook.ua.events import CallEnd, EndCause, Failure
from offhook.ua.invite_session import InviteSession, media_hosts
from offhook.ua.prack import Prack
from offhook.ua.transaction_user import TransactionUser

__all__ = ["MAX_TRIES", "Modification", "ModifyEvent", "ModifyState"]

MAX_TRIES: Final = 8
"""How often a re-INVITE is sent that meets the peer's own each time."""

LONGEST_WAIT: Final = 32
"""Seconds that a Retry-After may make us wait, at most."""

PATIENCE: Final = 60.0
"""Seconds after which a re-INVITE without a final response is cancelled: nobody has to be asked for most of them."""


class ModifyState(StrEnum):
    """Where a modification stands."""

    BLOCKED = "Blocked"
    CALLING = "Calling"
    BACKING_OFF = "Backing off"
    DONE = "Done"


class ModifyEvent(StrEnum):
    """What moves a modification on."""

    PROCEED = "nothing is in the way"
    SUCCESS = "2xx"
    GLARE = "491, or 500 with Retry-After"
    FAILURE = "other 3xx-6xx"
    GONE = "408, 481 or no answer"
    TIMER = "waited long enough"
    LATE = "no final response for too long"
    STOP = "session over"


class Modification(TransactionUser):
    """One change that we want: `session.holding` as it is now, offered to the peer.

    The media go along where we are reached by another address than before (RFC 3264 8.3.1).

    `on_done` is called once: with None when the peer has taken it, else with what went wrong; the session is then as
    it was before (14.1).
    """

    def __init__(self, session: InviteSession, on_done: Callable[[SipError | None, Moment], None]) -> None:
        self.machine = Machine(TRANSITIONS, ModifyState.BLOCKED, self)
        self._session = session
        self._on_done = on_done
        self._hosts = session.hosts
        self._request: ClientRequest | None = None
        self._offer = b""
        self._acknowledgement: Acknowledgement | None = None
        self._failure: SipError = InvalidState("the call is over")
        self._timer: Timer | None = None
        self._patience: Timer | None = None
        self._wait = 0.0
        self._tries = 0
        self._order = ProvisionalOrder()

    def start(self, now: Moment) -> None:
        """Send the re-INVITE, or wait until nothing is in its way (14.1)."""
        self._session.change = self
        self.proceed(now)

    @property
    def pending(self) -> bool:
        return self.machine.state is ModifyState.CALLING

    def proceed(self, now: Moment) -> None:
        session = self._session
        blocked = session.usage.state is not UsageState.ESTABLISHED or session.acknowledgement_pending
        if self.machine.state is not ModifyState.BLOCKED or blocked or not session.exchange.stable:
            return
        if session.refusal_pending:
            # The ACK to a refusal ends in the transaction, which tells nobody of it.
            self._stop_timers()
            stack = session.context.stack
            self._timer = stack.start_timer(stack.transactions.values.t1, self, ModifyEvent.TIMER, now)
        else:
            self.machine.fire(ModifyEvent.PROCEED, None, now)

    def stop(self, now: Moment) -> None:
        if self.machine.state is not ModifyState.DONE:
            self.machine.fire(ModifyEvent.STOP, None, now)

    def on_timer(self, event: str, now: Moment) -> None:
        self.machine.fire(event, None, now)

    # The request (RequestUser)

    def next_cseq(self) -> int:
        return self._session.dialog.next_cseq()

    def draft(self, uri: Uri, target: Target, number: int) -> Draft:
        session = self._session
        context = session.context
        if session.exchange.stable:
            session.hosts = media_hosts(target)
            self._offer = session.exchange.offer(session.capabilities()).serialize()
        draft = session.dialog.draft("INVITE", number).add("Contact", session.contact(target))
        draft.add("Allow", context.allow).add("Supported", context.supported)
        return draft.add("User-Agent", context.settings.user_agent).body(self._offer, SDP)

    def on_provisional(self, response: Response, transaction: Transaction, now: Moment) -> None:
        try:
            if ProvisionalOrder.is_reliable(response) and self._order.take(response) is Sequence.NEXT:
                try:
                    # The answer may come with a later one (13.2.1).
                    self._take_answer(response, False, now)
                finally:
                    Prack(self._session, response, InviteSession.lose).send(now)
        except (ParseError, ProtocolError):
            # What a provisional response says wrongly, the final one can still say rightly.
            return

    def on_retry(self, now: Moment) -> None:
        self._order = ProvisionalOrder()

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        if self._acknowledgement is not None:
            self._acknowledgement.repeat(now)
            return
        session = self._session
        with suppress(ParseError):
            session.dialog.refresh_target(response)
        self._acknowledgement = Acknowledgement(
            session.context, session.dialog, transaction.request, b"", self._acknowledged
        )
        self._acknowledgement.start(now)
        self.machine.fire(ModifyEvent.SUCCESS, response, now)

    def on_failure(self, failure: Failure, now: Moment) -> None:
        self._failure = failure.exception
        self._take_back()
        wait = self._backoff(failure)
        if wait is not None and self._tries < MAX_TRIES:
            self._wait = wait
            self.machine.fire(ModifyEvent.GLARE, None, now)
        else:
            self.machine.fire(ModifyEvent.GONE if failure.ends_dialog else ModifyEvent.FAILURE, None, now)

    def on_over(self, now: Moment) -> None:
        pass

    # Within

    def _backoff(self, failure: Failure) -> float | None:
        """Seconds to wait before the next try; None when it would be of no use (14.1)."""
        number = self._session.context.stack.ids.number
        if failure.status == 491:
            # In units of 10 ms: the owner of the Call-ID waits 2.1 to 4 s, the other 0 to 2 s.
            return 0.01 * ((210 + number(191)) if self._session.dialog.owner else number(201))
        if failure.status != 500 or failure.response is None:
            return None
        try:
            after = failure.response.header("Retry-After")
        except ParseError:
            return None
        return float(min(after.seconds, LONGEST_WAIT)) if isinstance(after, RetryAfter) else None

    def _take_answer(self, response: Response, required: bool, now: Moment) -> None:
        exchange = self._session.exchange
        answer = session_description(response)
        if answer is not None and exchange.offering:
            if exchange.take_answer(answer, True):
                self._session.changed(now)
        elif required and exchange.offering and not exchange.settle():
            raise ProtocolError("the 2xx has no answer", clause="RFC 3261 13.2.1")

    def _acknowledged(self, now: Moment) -> None:
        pass

    def _take_back(self) -> None:
        """Our offer is void."""
        self._session.exchange.reject()
        self._session.hosts = self._hosts

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._patience):
            if timer is not None:
                self._session.context.stack.cancel_timer(timer)
        self._timer = self._patience = None

    def _finish(self, error: SipError | None, now: Moment) -> None:
        self._stop_timers()
        if self._session.change is self:
            self._session.change = None
        self._on_done(error, now)


def _send(self: Modification, _message: Message | None, now: Moment) -> None:
    self._stop_timers()
    self._tries += 1
    session = self._session
    self._order = ProvisionalOrder()
    self._patience = session.context.stack.start_timer(PATIENCE, self, ModifyEvent.LATE, now)
    dialog = session.dialog
    uri, secure = dialog.remote_target, dialog.secure
    self._request = ClientRequest(session.context, uri, dialog.next_hop, self, session.digest, secure=secure)
    self._request.start(now)


def _succeed(self: Modification, message: Message | None, now: Moment) -> None:
    session = self._session
    try:
        if isinstance(message, Response):
            self._take_answer(message, True, now)
    except (ParseError, ProtocolError) as error:
        # The peer believes that something was agreed on, and nobody knows what.
        self._take_back()
        self._finish(ProtocolError(str(error), status=488), now)
        session.hang_up(now, CallEnd(EndCause.NO_MEDIA, None, str(error)))
        return
    self._finish(None, now)


def _cancel(self: Modification, _message: Message | None, now: Moment) -> None:
    self._patience = None
    if self._request is not None:
        self._request.cancel(now)


def _back_off(self: Modification, _message: Message | None, now: Moment) -> None:
    self._stop_timers()
    self._timer = self._session.context.stack.start_timer(self._wait, self, ModifyEvent.TIMER, now)


def _try_again(self: Modification, _message: Message | None, now: Moment) -> None:
    self._timer = None
    self.proceed(now)


def _fail(self: Modification, _message: Message | None, now: Moment) -> None:
    self._finish(self._failure, now)


def _lose(self: Modification, _message: Message | None, now: Moment) -> None:
    self._finish(self._failure, now)
    self._session.lose(now)


def _stop(self: Modification, _message: Message | None, now: Moment) -> None:
    self._failure = InvalidState("the call is over")
    self._take_back()
    self._finish(self._failure, now)


def _abandon(self: Modification, message: Message | None, now: Moment) -> None:
    # A peer that has gone after its 1xx would leave the transaction without an end (9.1 gives it one).
    _stop(self, message, now)
    _cancel(self, message, now)


TRANSITIONS: Table = {
    ModifyState.BLOCKED: {
        ModifyEvent.PROCEED: (_send, ModifyState.CALLING),
        ModifyEvent.TIMER: (_try_again, ModifyState.BLOCKED),
        ModifyEvent.STOP: (_stop, ModifyState.DONE),
    },
    ModifyState.CALLING: {
        ModifyEvent.SUCCESS: (_succeed, ModifyState.DONE),
        ModifyEvent.GLARE: (_back_off, ModifyState.BACKING_OFF),
        ModifyEvent.FAILURE: (_fail, ModifyState.DONE),
        ModifyEvent.GONE: (_lose, ModifyState.DONE),
        ModifyEvent.LATE: (_cancel, ModifyState.CALLING),
        ModifyEvent.STOP: (_abandon, ModifyState.DONE),
    },
    ModifyState.BACKING_OFF: {
        ModifyEvent.TIMER: (_try_again, ModifyState.BLOCKED),
        ModifyEvent.STOP: (_stop, ModifyState.DONE),
    },
    ModifyState.DONE: {
        # A 2xx for a session that ended meanwhile: it has its ACK, and nothing else follows (RFC 5407 3.2.3).
        ModifyEvent.SUCCESS: (None, ModifyState.DONE),
        ModifyEvent.FAILURE: (None, ModifyState.DONE),
        ModifyEvent.GLARE: (None, ModifyState.DONE),
        ModifyEvent.GONE: (None, ModifyState.DONE),
    },
}
"""RFC 3261 14.1."""
