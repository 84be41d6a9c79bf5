"""Calling: the INVITE that makes a session, from the caller's side (RFC 3261 13.2, 9.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.clock import Moment, Timer
from offhook.dialog.dialog import Dialog, asks_with_sips
from offhook.dialog.invite import CALLER, UsageEvent, UsageState
from offhook.dialog.reliable import ProvisionalOrder, Sequence
from offhook.errors import ParseError, ProtocolError
from offhook.flow import Target
from offhook.sdp.negotiate import make_offer
from offhook.sdp.session import SessionDescription
from offhook.sip.headers.durations import parse_expires
from offhook.sip.headers.reason import Reason
from offhook.sip.message import Response
from offhook.sip.serializer import Draft, field
from offhook.sip.status import phrase
from offhook.sip.uri import Uri
from offhook.transaction.machine import Transaction
from offhook.ua.body import ACCEPT, SDP, session_description
from offhook.ua.client import ClientRequest
from offhook.ua.context import Context
from offhook.ua.events import CallEnd, CallEvent, EndCause, Failure, Progress
from offhook.ua.forming import form
from offhook.ua.invite_call import InviteCall
from offhook.ua.invite_session import InviteSession, media_hosts
from offhook.ua.media import MediaPort
from offhook.ua.prack import Prack

__all__ = ["ClientInvite"]

RING_TIME = "ring time"
MOST_FORKS: Final = 128
"""Dialogs that the provisional responses to one INVITE may make: whoever is called may answer it with any To tags.

As many more may come with a 2xx each, which is acknowledged and ended.
"""


class ClientInvite(InviteCall):
    """One call attempt of ours, and the call that comes of it.

    A fork may bring several sessions: the first 2xx counts, those of other branches are acknowledged and ended at
    once. `failure` is set when there was no 2xx. `headers` are added to the INVITE, before those that the URI asks for;
    an Expires among them is kept to. Without `offer` the callee makes it, and the answer goes in the ACK, or in the
    PRACK before that (13.2.1). Raises ParseError for an Expires that is none, and for a URI that no INVITE can be
    formed from (19.1.5); InvalidState for a header field that cannot be written.
    """

    def __init__(
        self,
        context: Context,
        uri: Uri,
        media: MediaPort,
        notify: Callable[[CallEvent], None],
        headers: tuple[tuple[str, str], ...] = (),
        offer: bool = True,
    ) -> None:
        formed = form(uri, "INVITE")
        for name, value in headers:
            field(name, value)
        given = {name.lower() for name, _ in headers}
        wanted = tuple([(name, value) for name, value in formed.headers if name.lower() not in given])
        self._ring_time = _ring_time((*headers, *wanted), context.settings.ring_time)
        super().__init__(context, media, notify)
        self.uri = formed.uri
        self.call_id = context.stack.ids.call_id()
        self.failure: Failure | None = None
        self._tag = context.stack.ids.tag()
        self._headers = headers
        self._offers = offer
        self._digest = context.keyring.client(uri)
        self._routes = context.routes()
        self._cseq = 0
        self._offer: SessionDescription | None = None
        self._hosts = ("", "")
        self._past: list[InviteSession] = []
        self._orders: dict[str, ProvisionalOrder] = {}
        self._cancelled: CallEnd | None = None
        self._ring_timer: Timer | None = None
        self._open = True
        next_hop = self._routes[0].uri if self._routes else self.uri
        self._request = ClientRequest(context, self.uri, next_hop, self, self._digest, follow=True, headers=wanted)

    def start(self, now: Moment) -> None:
        """Send the INVITE."""
        self._ring_timer = self.context.stack.start_timer(self._ring_time, self, RING_TIME, now)
        self._request.start(now)

    def hang_up(self, now: Moment) -> None:
        if self.session is not None:
            self.session.hang_up(now, CallEnd(EndCause.HUNG_UP))
        else:
            self._cancel(CallEnd(EndCause.CANCELLED), now)

    def on_timer(self, event: str, now: Moment) -> None:
        if event == RING_TIME:
            self._ring_timer = None
            self._cancel(CallEnd(EndCause.NOT_ANSWERED, 408, "Request Timeout"), now)
        else:
            super().on_timer(event, now)

    # The request (RequestUser)

    def next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def draft(self, uri: Uri, target: Target, number: int) -> Draft:
        context = self.context
        draft = context.request("INVITE", uri, self.uri, self.call_id, self._tag, number, self._routes)
        draft.add("Contact", context.contact(target, asks_with_sips(uri, self._routes)))
        draft.add("Allow", context.allow).add("Supported", context.supported).add("Accept", ACCEPT)
        for name, value in self._headers:
            draft.add(name, value)
        # Without an offer too: a port that cannot be had is better missed before anybody's phone rings.
        description = self._describe(target)
        return draft.body(description.serialize(), SDP) if self._offers else draft

    def on_provisional(self, response: Response, transaction: Transaction, now: Moment) -> None:
        if response.status == 100:
            return
        early_media = False
        try:
            if response.to_tag is not None and self._cancelled is None:
                session = self._session_of(response, transaction)
                if self._is_out_of_order(response):
                    return
                session.usage.fire(UsageEvent.PROVISIONAL, response, now)
                early_media = self._take_early_description(session, response, now)
        except (ParseError, ProtocolError):
            # Such a response makes no early dialog; the call itself may still be answered.
            early_media = False
        if self.session is None and self.end is None:
            self.notify(Progress(response.status, response.reason, early_media))

    def on_retry(self, now: Moment) -> None:
        # The early dialogs of an INVITE end with it (12.3).
        self._end_early(now)
        self._past.clear()
        self._orders.clear()

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        self._stop_ringing()
        try:
            session = self._session_of(response, transaction)
        except (ParseError, ProtocolError) as error:
            # No dialog can be made of it, so it can be neither acknowledged nor ended: the callee will give up.
            if self.session is None:
                self._fail(Failure(502, "Bad Gateway", response, ProtocolError(str(error), status=502)), now)
            return
        first = session.invite is None
        session.invite = transaction.request
        session.usage.fire(UsageEvent.SUCCESS, response, now)
        if not first:
            return
        if session.end is not None:
            if self.session is None:
                status = 488 if session.end.cause is EndCause.NO_MEDIA else 487
                self._fail(Failure(status, phrase(status)), now, session.end)
        elif self.session is None and self.end is None:
            self._begin(session, now)
        else:
            # The CANCEL was too late (9.1, 15), another branch was faster (13.2.2.4), or its 2xx was of no use.
            session.hang_up(now, CallEnd(EndCause.CANCELLED))

    def on_failure(self, failure: Failure, now: Moment) -> None:
        self._stop_ringing()
        self._end_early(now)
        self._fail(failure, now)
        self.context.settled()

    def on_over(self, now: Moment) -> None:
        # 64*T1 after the first 2xx no other one will come (13.2.2.4).
        self._open = False
        self._past.clear()
        self._end_early(now)
        self._forget()

    @property
    def parting(self) -> bool:
        return self._request.open or super().parting

    @property
    def _transactions_open(self) -> bool:
        return self._open

    def on_usage_ended(self, session: InviteSession, now: Moment) -> None:
        # Its 2xx may still come again, and wants its ACK.
        if self._open:
            self._past.append(session)
        super().on_usage_ended(session, now)

    # Within

    def _describe(self, target: Target) -> SessionDescription:
        """The offer; the same one for each try, as long as we are reached by the same address."""
        hosts = media_hosts(target)
        if self._offer is None or hosts != self._hosts:
            self._hosts = hosts
            self._offer = make_offer(self.media.capabilities(*hosts))
        return self._offer

    def _session_of(self, response: Response, transaction: Transaction) -> InviteSession:
        """The session of a response, a new one for a To tag that was not seen before (12.1.2).

        Raises ParseError, and ProtocolError when there are too many.
        """
        tag = response.to_tag or ""
        for session in (*self._sessions, *self._past):
            if session.dialog.remote_tag == tag:
                return session
        if len(self._sessions) + len(self._past) >= (MOST_FORKS if response.status < 200 else 2 * MOST_FORKS):
            raise ProtocolError("too many dialogs came of one INVITE", clause="RFC 3261 12.1.2")
        request = transaction.request
        dialog = Dialog.as_uac(request, response, transaction.flow)
        contact = request.text("Contact") or ""
        session = InviteSession(self.context, dialog, CALLER, self, self.media, self._hosts, self._digest, contact)
        if self._offers and self._offer is not None:
            session.exchange.offered(self._offer)
        self._sessions.append(session)
        return session

    def _is_out_of_order(self, response: Response) -> bool:
        """Whether a reliable provisional response is not the next one: then it is dropped (RFC 3262 4)."""
        if not ProvisionalOrder.is_reliable(response):
            return False
        order = self._orders.setdefault(response.to_tag or "", ProvisionalOrder())
        return order.take(response) is not Sequence.NEXT

    def _take_early_description(self, session: InviteSession, response: Response, now: Moment) -> bool:
        """Take the session description of a provisional response, and acknowledge a reliable one."""
        reliable = ProvisionalOrder.is_reliable(response)
        description = session_description(response)
        answer = b""
        try:
            if description is None:
                return False
            if session.exchange.offering:
                if session.exchange.take_answer(description, reliable):
                    session.changed(now)
            elif session.expects_offer:
                if not reliable:
                    return False
                answer = session.answer_offer(description)[0]
                session.changed(now)
            return True
        finally:
            if reliable:
                Prack(session, response, self._lose, answer).send(now)

    def _cancel(self, end: CallEnd, now: Moment) -> None:
        if self._cancelled is not None or not self._request.open:
            return
        self._cancelled = end
        self._stop_ringing()
        self._request.cancel(now, _TIMED_OUT if end.cause is EndCause.NOT_ANSWERED else None)
        # For the user the call is over now; what the CANCEL brings is the core's own business.
        self._fail(Failure(end.status or 487, end.reason or "Request Terminated"), now, end)

    def _lose(self, session: InviteSession, now: Moment) -> None:
        """The peer of a dialog is gone (12.2.1.2): BYE to it while others ring (15), else CANCEL gives up the call."""
        if session.usage.state is not UsageState.EARLY:
            session.lose(now)
        elif any(other.usage.state is UsageState.EARLY for other in self._sessions if other is not session):
            session.leave(now, CallEnd(EndCause.LOST))
        else:
            self._cancel(CallEnd(EndCause.LOST, 408, phrase(408)), now)

    def _fail(self, failure: Failure, now: Moment, end: CallEnd | None = None) -> None:
        if self.failure is None and self.session is None:
            self.failure = failure
        self._finish(end or self._cancelled or CallEnd(EndCause.FAILED, failure.status, failure.reason), now)

    def _end_early(self, now: Moment) -> None:
        for session in list(self._sessions):
            if not session.usage.confirmed and not session.usage.over:
                session.usage.fire(UsageEvent.FAILURE, None, now)

    def _stop_ringing(self) -> None:
        if self._ring_timer is not None:
            self.context.stack.cancel_timer(self._ring_timer)
            self._ring_timer = None


def _ring_time(headers: tuple[tuple[str, str], ...], longest: float) -> float:
    """Seconds after which an INVITE is cancelled: when it expires, if that is sooner (13.2.1)."""
    return min([longest, *(float(parse_expires(value)) for name, value in headers if name.lower() == "expires")])


_TIMED_OUT = Reason.build("SIP", 408, "nobody answered").serialize()
