"""Being called: an INVITE that makes a session, from the callee's side (RFC 3261 13.3, 9.2)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final, cast

from offhook.clock import Moment, Timer
from offhook.dialog.dialog import Dialog, answers_with_sips
from offhook.dialog.invite import CALLEE, UsageEvent
from offhook.dialog.reliable import OPTION_TAG, ReliableResponses
from offhook.errors import InvalidState, ParseError, ProtocolError, TransportFailed
from offhook.sdp.session import SessionDescription
from offhook.sip.headers.address import NameAddr
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft
from offhook.sip.status import phrase
from offhook.sip.uri import Uri
from offhook.stack import ServerTransaction
from offhook.transaction.machine import Transaction
from offhook.ua.acceptance import Acceptance
from offhook.ua.body import SDP, session_description
from offhook.ua.context import Context
from offhook.ua.events import CallEnd, CallEvent, EndCause
from offhook.ua.invite_call import InviteCall
from offhook.ua.invite_session import InviteSession, media_hosts
from offhook.ua.media import MediaPort
from offhook.ua.unacceptable import warning

__all__ = ["REFRESH", "ServerInvite"]

REFRESH: Final = 60.0
"""Seconds after which a provisional response is sent again, so that no proxy gives up (RFC 3261 13.3.1.1)."""

ANSWER_TIME: Final = "answer time"
NOBODY_ANSWERED: Final = "Nobody Answered"
"""The phrase of the 480 after the answer time (RFC 3261 21.4.18)."""

EXPIRES: Final = "Expires"
EXTEND: Final = "extend"


class ServerInvite(InviteCall):
    """One call to us, from the INVITE on.

    Raises ParseError and ProtocolError for an INVITE that makes no dialog or offers what we cannot read; the caller
    answers with their status.
    """

    def __init__(
        self,
        context: Context,
        request: Request,
        transaction: ServerTransaction,
        media: MediaPort,
        notify: Callable[[CallEvent], None],
    ) -> None:
        self.request = request
        self.transaction = transaction
        offer = session_description(request)
        expires = request.readable("Expires")
        arrival = transaction.arrival
        target = context.stack.target_over(arrival)
        if transaction.to_tag is None:
            transaction.to_tag = context.stack.ids.tag()
        dialog = Dialog.as_uas(request, transaction.to_tag, arrival)
        self._contact = context.contact(target, answers_with_sips(request))
        self._must_be_reliable = context.asks_for(request, OPTION_TAG)
        self._may_be_reliable = self._must_be_reliable or OPTION_TAG in [
            str(tag).lower() for tag in request.readable("Supported")
        ]
        super().__init__(context, media, notify)
        digest = context.keyring.client()
        session = InviteSession(context, dialog, CALLEE, self, media, media_hosts(target), digest, self._contact)
        if offer is not None:
            session.exchange.take_offer(offer)
        self._own = session
        self._sessions.append(session)
        self._timers: list[Timer] = []
        self._last: Draft | None = None
        self._accepting = False
        self._open = True
        transaction.user = self
        self._expires = float(cast("int", expires[0])) if expires else None

    def start(self, now: Moment) -> None:
        """Begin to wait for the user's decision."""
        start_timer = self.context.stack.start_timer
        self._extend(now)
        self._timers.append(start_timer(self.context.settings.answer_time, self, ANSWER_TIME, now))
        if self._expires is not None:
            self._timers.append(start_timer(self._expires, self, EXPIRES, now))

    @property
    def call_id(self) -> str:
        """The Call-ID of the INVITE."""
        return self.request.call_id

    @property
    def caller(self) -> NameAddr:
        """Who calls, as the INVITE's From says it: name and URI."""
        return NameAddr(self.request.from_.uri, self.request.from_.display_name)

    # What the user decides

    def ring(self, now: Moment, early_media: bool = False) -> None:
        """Tell the caller that the user is being alerted: 180, or 183 with our answer to play something already.

        Raises InvalidState once the call is answered or over, ProtocolError (488) when no media can be agreed on.
        """
        self._require_open()
        self._announce(183 if early_media else 180, early_media, now)

    def answer(self, now: Moment) -> None:
        """Answer the call (13.3.1.4).

        Raises InvalidState once it is answered or over. When no media can be agreed on the caller gets 488 and
        ProtocolError is raised; TransportFailed when no port can be had, and the call goes on waiting.
        """
        self._require_open()
        if self._own.reliable is not None and self._own.reliable.holds_back_success:
            # The PRACK that is on its way lets it go (RFC 3262 5).
            self._accepting = True
            return
        self._accept(now)

    def refuse(self, status: int, now: Moment, contacts: tuple[Uri, ...] = (), reason: str | None = None) -> None:
        """Refuse the call: 486, 603, 302 with contacts, or any other from 300 to 699 (13.3.1.2, 13.3.1.3).

        `reason` is the phrase where the registered one says too little (21.4.18). Raises InvalidState once the call is
        answered or over, and for a phrase of more than one line.
        """
        self._require_open()
        headers = tuple([("Contact", f"<{uri.serialize()}>") for uri in contacts])
        self._refuse(CallEnd(EndCause.REFUSED, status, reason or phrase(status)), status, now, headers)

    def hang_up(self, now: Moment) -> None:
        if self.session is not None:
            self.session.hang_up(now, CallEnd(EndCause.HUNG_UP))
        elif self.end is None:
            self._refuse(CallEnd(EndCause.REFUSED, 603, phrase(603)), 603, now)

    # What happens meanwhile

    def on_cancelled(self, transaction: Transaction, now: Moment) -> None:
        if self.end is None and self.session is None:
            self._refuse(CallEnd(EndCause.CANCELLED), 487, now)

    def on_timer(self, event: str, now: Moment) -> None:
        if event == EXTEND:
            self._extend_now(now)
        elif event == EXPIRES and self.session is None and self.end is None:
            self._refuse(CallEnd(EndCause.CANCELLED, None, "the invitation expired"), 487, now)
        elif event == ANSWER_TIME and self.session is None and self.end is None:
            self._refuse(CallEnd(EndCause.NOT_ANSWERED), 480, now, reason=NOBODY_ANSWERED)
        else:
            super().on_timer(event, now)

    def on_ended(self, transaction: Transaction, cause: str, reason: str, now: Moment) -> None:
        if transaction is self.transaction:
            self._open = False
            self._forget()

    def on_session_ended(self, session: InviteSession, now: Moment) -> None:
        if self.session is None and self.end is None:
            # A BYE came before the answer: the INVITE still has to get its own (15.1.2).
            self.context.refuse(self.transaction, 487, now)
            self._stop_waiting(now)
            self._finish(session.end or CallEnd(EndCause.CANCELLED), now)
        else:
            super().on_session_ended(session, now)

    @property
    def _transactions_open(self) -> bool:
        return self._open

    # Within

    def _require_open(self) -> None:
        if self.end is not None or self.session is not None or self._accepting:
            raise InvalidState("the call is answered already" if self.end is None else f"the call is over: {self.end}")

    def _response(self, status: int) -> Draft:
        """A response that makes the dialog (12.1.1)."""
        draft = self.context.reply(self.transaction, status).copy("Record-Route", self.request)
        draft.add("Contact", self._contact).add("Allow", self.context.allow)
        # In a provisional response Supported has no place (20 table 3).
        return draft.add("Supported", self.context.supported) if status >= 200 else draft

    def _describe(self, draft: Draft, reliable: bool) -> bool:
        """Put our answer into a response, or our offer where the INVITE had none; False when it needs nothing."""
        exchange = self._own.exchange
        description: SessionDescription
        if exchange.answering:
            description = exchange.answer(self._own.capabilities(), reliable)
        elif exchange.session is None and exchange.stable and reliable:
            description = exchange.offer(self._own.capabilities())
        else:
            return False
        draft.body(description.serialize(), SDP)
        return True

    def _announce(self, status: int, early_media: bool, now: Moment) -> None:
        draft = self._response(status)
        # The first reliable response to an INVITE without an offer has to bring ours (RFC 3262 5).
        offers = self._must_be_reliable and not self._own.exchange.answering
        described = (early_media or offers) and self._describe(draft, self._may_be_reliable)
        if self._may_be_reliable and (described or self._must_be_reliable):
            self._reliable().add(draft, described, now)
        else:
            self.context.respond(self.transaction, draft, now)
        self._own.usage.fire(UsageEvent.PROVISIONAL, None, now)
        if described:
            self.on_session_changed(self._own, now)

    def _accept(self, now: Moment) -> None:
        draft = self._response(200)
        try:
            self._describe(draft, True)
        except ProtocolError as error:
            end = CallEnd(EndCause.NO_MEDIA, error.status, error.reason)
            self._refuse(end, error.status, now, (warning(self.context, error.reason),))
            raise
        session = self._own
        self._stop_waiting(now)
        session.usage.fire(UsageEvent.SUCCESS, None, now)
        session.dialog.confirm()
        response = draft.response()
        session.accept(Acceptance(self.context, self.transaction, response, self._acked, self._unacked), now)
        self._begin(session, now)

    def _acked(self, ack: Request, now: Moment) -> None:
        self._own.usage.fire(UsageEvent.ACK, ack, now)

    def _unacked(self, now: Moment) -> None:
        session = self._own
        if session.end is None:
            session.end = CallEnd(EndCause.NOT_ACKNOWLEDGED)
        session.usage.fire(UsageEvent.NO_ACK, None, now)

    def _refuse(
        self,
        end: CallEnd,
        status: int,
        now: Moment,
        headers: tuple[tuple[str, str], ...] = (),
        reason: str | None = None,
    ) -> None:
        said = end.reason if end.status == status else reason
        self.context.refuse(self.transaction, status, now, headers, said)
        self._stop_waiting(now)
        self._finish(end, now)
        self._own.usage.fire(UsageEvent.FAILURE, None, now)

    def _stop_waiting(self, now: Moment) -> None:
        for timer in self._timers:
            self.context.stack.cancel_timer(timer)
        self._timers.clear()
        self._accepting = False
        if self._own.reliable is not None:
            self._own.reliable.stop(now)

    # Reliable provisional responses

    def _reliable(self) -> ReliableResponses:
        if self._own.reliable is None:
            stack = self.context.stack
            first = ReliableResponses.first_number(stack.ids.number(1 << 31))
            self._own.reliable = ReliableResponses(
                stack.transactions, self.request, first, self._send_provisional, self._unpracked, self._settled
            )
        return self._own.reliable

    def _send_provisional(self, response: Response, now: Moment) -> None:
        if not self.transaction.answered:
            self.context.stack.respond(self.transaction, response, now)

    def _unpracked(self, now: Moment) -> None:
        if self.end is None and self.session is None:
            # RFC 3262 3: a 5xx when no PRACK comes in 64*T1.
            self._refuse(CallEnd(EndCause.LOST, 504, phrase(504)), 504, now)

    def _settled(self, now: Moment) -> None:
        if self._accepting:
            self._accepting = False
            try:
                self._accept(now)
            except (ProtocolError, ParseError):
                # The refusal has gone, and the user was told by the call's end.
                return

    def _extend(self, now: Moment) -> None:
        self._timers.append(self.context.stack.start_timer(REFRESH, self, EXTEND, now))

    def _extend_now(self, now: Moment) -> None:
        """Ask the proxies on the way for more time (13.3.1.1): with what was sent last, or with 183."""
        if self.end is not None or self.session is not None:
            return
        self._extend(now)
        last = self.transaction.response
        if last is None or last.status == 100:
            with suppress(TransportFailed):
                self._announce(183, False, now)
        elif last.has("RSeq"):
            self._reliable().add(self._response(last.status), False, now)
        else:
            self.context.stack.respond(self.transaction, last, now)
