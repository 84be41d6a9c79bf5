"""A re-INVITE of the peer's (RFC 3261 14.2; RFC 5407 3.1.4, 3.1.5; RFC 6337 4.3)."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.dialog.invite import UsageState
from offhook.dialog.offer_answer import Exchange
from offhook.errors import ProtocolError
from offhook.sip.message import Request
from offhook.stack import ServerTransaction
from offhook.ua.acceptance import Acceptance
from offhook.ua.body import SDP, session_description
from offhook.ua.events import CallEnd, EndCause
from offhook.ua.invite_session import InviteSession
from offhook.ua.unacceptable import refuse_offer

__all__ = ["receive_reinvite"]


def receive_reinvite(session: InviteSession, request: Request, transaction: ServerTransaction, now: Moment) -> None:
    """Answer a re-INVITE at once: what it offers is taken as far as we can. Raises ParseError."""
    context = session.context
    usage = session.usage
    session.peer_invite = transaction
    if usage.state is UsageState.LEAVING:
        # We have hung up, and our BYE only waits for an ACK.
        context.refuse(transaction, 481, now)
        return
    if not usage.confirmed:
        # The INVITE that makes the dialog is still open: ours (14.2, glare), or the peer's own.
        if session.dialog.owner:
            context.refuse(transaction, 491, now)
        else:
            context.refuse(transaction, 500, now, (context.retry_after(),))
        return
    if session.change is not None and session.change.pending:
        context.refuse(transaction, 491, now)
        return
    # Read before anything changes: a request that is refused changes nothing (12.2.2).
    request.headers("Contact")
    description = _description(session, request, transaction, now)
    if description is None:
        return
    # The ACK to the INVITE of the call may still be on its way, or lost; until one comes we send no BYE (15, RFC 5407
    # 3.1.4).
    session.dialog.refresh_target(request)
    draft = context.reply(transaction, 200).add(
        "Contact", session.contact(context.stack.target_over(transaction.arrival))
    )
    draft.add("Allow", context.allow).add("Supported", context.supported).body(description, SDP)

    def acknowledged(ack: Request, now: Moment) -> None:
        session.acknowledged(ack, now)

    def lost(now: Moment) -> None:
        session.hang_up(now, CallEnd(EndCause.NOT_ACKNOWLEDGED))

    offered = session.exchange.offering
    session.accept(Acceptance(context, transaction, draft.response(), acknowledged, lost), now)
    if not offered:
        session.changed(now)


def _description(session: InviteSession, request: Request, transaction: ServerTransaction, now: Moment) -> bytes | None:
    """Our answer, or our offer where the peer makes none; None when the request was refused."""
    exchange = session.exchange
    offer = session_description(request)
    if not exchange.stable:
        # An offer of ours waits for its answer in an ACK (RFC 5407 3.1.5), or one of the peer's for ours.
        if exchange.state is Exchange.OFFER_SENT:
            session.context.refuse(transaction, 491, now)
        else:
            session.context.refuse(transaction, 500, now, (session.context.retry_after(),))
        return None
    if offer is None:
        return exchange.offer(session.capabilities()).serialize()
    exchange.take_offer(offer)
    try:
        return exchange.answer(session.capabilities(), True).serialize()
    except ProtocolError as error:
        exchange.reject()
        refuse_offer(session.context, transaction, error, now)
        return None
