"""An UPDATE of the peer's (RFC 3311 5.2, RFC 6337 4.3)."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.sip.message import Request
from offhook.stack import ServerTransaction
from offhook.ua.body import SDP, session_description
from offhook.ua.invite_session import InviteSession
from offhook.ua.unacceptable import refuse_offer

__all__ = ["receive_update"]


def receive_update(session: InviteSession, request: Request, transaction: ServerTransaction, now: Moment) -> None:
    """Answer an UPDATE at once, with or without an offer, in an early dialog or a confirmed one. Raises ParseError."""
    context = session.context
    exchange = session.exchange
    # Read before anything changes: a request that is refused changes nothing (RFC 3261 12.2.2).
    request.headers("Contact")
    offer = session_description(request)
    target = context.stack.target_over(transaction.arrival)
    draft = context.reply(transaction, 200).add("Contact", session.contact(target))
    draft.add("Allow", context.allow).add("Supported", context.supported)
    if offer is not None:
        try:
            exchange.take_offer(offer)
        except ProtocolError as error:
            # 491 while our own offer is open; 500 while another of the peer's is (RFC 3311 5.2).
            headers = (context.retry_after(),) if error.status == 500 else ()
            context.refuse(transaction, error.status, now, headers)
            return
        try:
            draft.body(exchange.answer(session.capabilities(), True).serialize(), SDP)
        except ProtocolError as error:
            exchange.reject()
            refuse_offer(context, transaction, error, now)
            return
    session.dialog.refresh_target(request)
    context.respond(transaction, draft, now)
    if offer is not None:
        session.changed(now)
