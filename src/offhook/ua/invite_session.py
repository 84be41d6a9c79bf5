"""One session: a dialog, its INVITE usage and its offers and answers (RFC 3261 12 to 15).

A fork of an INVITE makes several. What comes in the dialog is answered by modules of their own, one for each act.
"""

from __future__ import annotations

from typing import Protocol

from offhook.clock import Moment
from offhook.dialog.dialog import Dialog, DialogState
from offhook.dialog.invite import InviteUsage, UsageEvent, UsageState
from offhook.dialog.offer_answer import OfferAnswer
from offhook.dialog.reliable import ReliableResponses
from offhook.errors import ParseError, ProtocolError, TransportFailed
from offhook.flow import Target
from offhook.sdp.fields import Connection, Origin
from offhook.sdp.negotiate import Capabilities
from offhook.sdp.session import SessionDescription
from offhook.security.digest_client import DigestClient
from offhook.sip.headers.reason import Reason
from offhook.sip.host import bare_host, is_ip_address
from offhook.sip.message import Message, Request, Response
from offhook.stack import ServerTransaction
from offhook.transaction.machine import State, Table, Transaction
from offhook.ua.acceptance import Acceptance
from offhook.ua.acknowledgement import Acknowledgement
from offhook.ua.body import session_description
from offhook.ua.bye import Bye
from offhook.ua.context import Context
from offhook.ua.events import CallEnd, EndCause
from offhook.ua.media import MediaPort
from offhook.ua.transaction_user import TransactionUser

__all__ = ["Change", "InviteSession", "SessionUser", "media_hosts"]


class SessionUser(Protocol):
    """Whose session it is."""

    def on_session_changed(self, session: InviteSession, now: Moment) -> None:
        """Offer and answer have agreed on something new."""

    def on_session_ended(self, session: InviteSession, now: Moment) -> None:
        """The session is over; `session.end` says why."""

    def on_usage_ended(self, session: InviteSession, now: Moment) -> None:
        """Nothing is left of the session."""


class Change(Protocol):
    """A change of the session that we want, under way."""

    @property
    def pending(self) -> bool:
        """Whether an INVITE of ours is without its final answer."""

    def proceed(self, now: Moment) -> None:
        """Something that stood in the way may be gone."""

    def stop(self, now: Moment) -> None:
        """The session is over."""


def media_hosts(target: Target) -> tuple[str, str]:
    """The address where media for a peer is bound, and the one that our description shows: what Via says of us too."""
    local = target.local[0]
    sent_by = bare_host(target.sent_by.rpartition(":")[0] or target.sent_by)
    return local, sent_by if is_ip_address(sent_by) else local


class InviteSession(TransactionUser):
    """One session. `table` is CALLER or CALLEE of `dialog.invite`; `hosts` are those of `media_hosts`.

    `contact` is our Contact in what made the dialog.
    `end` says why it ended. `holding`: we want the peer on hold. `parting`: our BYE has no answer yet. `invite` is the
    INVITE of ours that a 2xx answered, `peer_invite` the last re-INVITE of the peer's; `reliable` holds the reliable
    provisional responses of a callee.
    """

    def __init__(
        self,
        context: Context,
        dialog: Dialog,
        table: Table,
        user: SessionUser,
        media: MediaPort,
        hosts: tuple[str, str],
        digest: DigestClient,
        contact: str,
    ) -> None:
        self.context = context
        self.dialog = dialog
        self.usage = InviteUsage(table, self)
        self.exchange = OfferAnswer()
        self.media = media
        self.hosts = hosts
        self.digest = digest
        self.end: CallEnd | None = None
        self.holding = False
        self.parting = False
        self.invite: Request | None = None
        self.change: Change | None = None
        self.peer_invite: ServerTransaction | None = None
        self.reliable: ReliableResponses | None = None
        self._acceptances: list[Acceptance] = []
        self._user = user
        self._contact = contact
        self._reached = hosts
        self._ack: Acknowledgement | None = None
        self._bye: Transaction | None = None
        dialog.usages.append(self)
        context.dialogs.add(dialog)

    # What the user asks for

    def hang_up(self, now: Moment, end: CallEnd) -> bool:
        """End the session with BYE, as soon as one may be sent (15). False when there is none to end."""
        if not self.usage.confirmed:
            return False
        if self.end is None:
            self.end = end
        if self.usage.state is not UsageState.LEAVING:
            self.usage.fire(UsageEvent.HANG_UP, None, now)
        return True

    def lose(self, now: Moment) -> None:
        """A request of ours found that the peer no longer has the dialog (12.2.1.2): BYE, to be sure."""
        self.hang_up(now, CallEnd(EndCause.LOST))

    def leave(self, now: Moment, end: CallEnd) -> None:
        """End an early session with BYE, which the caller alone may do (15)."""
        self.end = end
        self.usage.fire(UsageEvent.HANG_UP, None, now)

    def capabilities(self) -> Capabilities:
        """What we can and want to do now. Raises TransportFailed."""
        capabilities = self.media.capabilities(*self.hosts)
        return capabilities.held if self.holding else capabilities

    @property
    def expects_offer(self) -> bool:
        """Whether nobody has made an offer yet, so that the peer has to: the INVITE had none (13.2.1)."""
        return self.exchange.stable and self.exchange.session is None

    def answer_offer(self, offer: SessionDescription) -> tuple[bytes, bool]:
        """Our answer to an offer that cannot be refused, and whether it takes anything (RFC 6337 5.2.4).

        What we cannot take is answered with port zero. Raises ProtocolError for an offer that cannot be made now.
        """
        self.exchange.take_offer(offer)
        try:
            capabilities = self.capabilities()
        except TransportFailed:
            # The call is over, and its media with it.
            shown = self.hosts[1]
            capabilities = Capabilities(Origin.of(shown, 1, 1), (Connection.to(shown),), ())
        answer = self.exchange.answer(capabilities, True, may_refuse=False)
        return answer.serialize(), any(media.port for media in answer.media)

    def contact(self, target: Target) -> str:
        """Our Contact in this dialog: the same all the time, unless we are reached by another address (12.2.1.1)."""
        reached = media_hosts(target)
        if reached != self._reached:
            self._reached = reached
            self._contact = self.context.contact(target, self._contact.startswith("<sips:"))
        return self._contact

    def changed(self, now: Moment) -> None:
        """Offer and answer have agreed on something new."""
        self._user.on_session_changed(self, now)

    def accept(self, acceptance: Acceptance, now: Moment) -> None:
        """Send a 2xx to an INVITE and repeat it until its ACK. One before it may still wait for its own."""
        self._acceptances = [earlier for earlier in self._acceptances if earlier.waiting]
        self._acceptances.append(acceptance)
        acceptance.start(now)

    @property
    def acknowledgement_pending(self) -> bool:
        """Whether the ACK to a 2xx of ours is still to come."""
        return any(acceptance.waiting for acceptance in self._acceptances)

    @property
    def refusal_pending(self) -> bool:
        """Whether the ACK to our refusal of a re-INVITE is still to come (14.1)."""
        return self.peer_invite is not None and self.peer_invite.state is State.COMPLETED

    # What the peer sends

    def receive_ack(self, ack: Request, now: Moment) -> None:
        """Take an ACK in the dialog."""
        if any(acceptance.number == ack.cseq_number for acceptance in self._acceptances):
            for acceptance in self._acceptances:
                acceptance.receive(ack, now)
            self._proceed(now)

    def receive_bye(self, request: Request, transaction: ServerTransaction, now: Moment) -> None:
        """Take a BYE (15.1.2)."""
        self.context.refuse(transaction, 200, now)
        if self.end is None:
            self.end = CallEnd(EndCause.PEER_HUNG_UP, None, _reason(request))
        transaction.user = self
        self._bye = transaction
        self.usage.fire(UsageEvent.BYE, request, now)

    def on_ended(self, transaction: Transaction, cause: str, reason: str, now: Moment) -> None:
        if transaction is self._bye:
            self.usage.fire(UsageEvent.BYE_ENDED, None, now)

    # What the machine decides (UsageOwner)

    def acknowledge(self, response: Message | None, now: Moment) -> None:
        if self._ack is not None:
            self._ack.repeat(now)
        elif isinstance(response, Response) and self.invite is not None:
            self._confirm(response)
            answer = b""
            if self.expects_offer:
                agreed, answer = self._take_final_offer(response, now)
            else:
                agreed = self._take_final_answer(response, now)
            self._ack = Acknowledgement(self.context, self.dialog, self.invite, answer, self._acknowledged)
            self._ack.start(now)
            if not agreed:
                self.hang_up(now, CallEnd(EndCause.NO_MEDIA))

    def acknowledged(self, ack: Message | None, now: Moment) -> None:
        if not self.exchange.offering or not isinstance(ack, Request):
            return
        try:
            answer = session_description(ack)
            if answer is None:
                raise ProtocolError("the ACK has no answer", clause="RFC 3261 13.2.1")
            self.exchange.take_answer(answer, True)
        except (ParseError, ProtocolError) as error:
            self.hang_up(now, CallEnd(EndCause.NO_MEDIA, None, str(error)))
            return
        self.changed(now)

    def send_bye(self, now: Moment) -> None:
        reason = _REASONS.get(EndCause.HUNG_UP if self.end is None else self.end.cause)
        self.parting = True
        Bye(self.context, self.dialog, self.digest, self._bye_answered, self._bye_over, reason).send(now)

    def end_session(self, now: Moment) -> None:
        for acceptance in self._acceptances:
            acceptance.stop(now)
        if self.change is not None:
            self.change.stop(now)
        self._user.on_session_ended(self, now)

    def end_usage(self, now: Moment) -> None:
        self.dialog.usages.remove(self)
        self.dialog.terminate()
        self.context.dialogs.remove(self.dialog)
        self._user.on_usage_ended(self, now)

    # Within

    def _confirm(self, response: Response) -> None:
        try:
            self.dialog.confirm(response)
        except (ParseError, ProtocolError):
            # The call is answered, and only what the early dialog knew is left to send the ACK by.
            self.dialog.state = DialogState.CONFIRMED

    def _take_final_answer(self, response: Response, now: Moment) -> bool:
        """Take the answer that a 2xx has to bring (13.2.1); False when there is none to go by."""
        if not self.exchange.offering:
            return self._is_of_use()
        try:
            answer = session_description(response)
            if answer is None:
                # Some send it in a provisional response alone, and not reliably: it is the first one, and counts.
                return self.exchange.settle() and self._is_of_use()
            if self.exchange.take_answer(answer, True):
                self.changed(now)
        except (ParseError, ProtocolError):
            self.exchange.reject()
            return False
        return self._is_of_use()

    def _is_of_use(self) -> bool:
        """Whether any stream that the peer takes has a format that was offered, as it must (RFC 3264 6.1).

        A peer that takes none does without media, and the call stands.
        """
        agreed = self.exchange.session
        if agreed is None:
            return False
        taken = [stream for stream, media in zip(agreed.streams, agreed.remote.media, strict=True) if media.port]
        return not taken or any(stream.enabled for stream in taken)

    def _take_final_offer(self, response: Response, now: Moment) -> tuple[bool, bytes]:
        """Take the offer that a 2xx has to bring (13.2.2.4): whether there is anything to go by, and our answer."""
        try:
            offer = session_description(response)
            if offer is None:
                return False, b""
            answer, agreed = self.answer_offer(offer)
        except (ParseError, ProtocolError):
            return False, b""
        if agreed:
            self.changed(now)
        return agreed, answer

    def _acknowledged(self, now: Moment) -> None:
        self.usage.fire(UsageEvent.ACK, None, now)
        self._proceed(now)

    def _proceed(self, now: Moment) -> None:
        if self.change is not None:
            self.change.proceed(now)

    def _bye_answered(self) -> None:
        self.parting = False
        self.context.settled()

    def _bye_over(self, now: Moment) -> None:
        self.usage.fire(UsageEvent.BYE_ENDED, None, now)


_REASONS = {
    EndCause.NOT_ACKNOWLEDGED: Reason.build("SIP", 408, "no ACK").serialize(),
    EndCause.NO_MEDIA: Reason.build("SIP", 488, "no media could be agreed on").serialize(),
    EndCause.TOO_LONG: Reason.build("SIP", 480, "longest time for a call is over").serialize(),
    EndCause.CANCELLED: Reason.build("SIP", 487, "the call was cancelled").serialize(),
}
"""The Reason of a BYE that no person asked for (RFC 3326)."""


def _reason(request: Request) -> str | None:
    try:
        value = request.header("Reason")
    except ParseError:
        return None
    return value.text or value.serialize() if isinstance(value, Reason) else None
