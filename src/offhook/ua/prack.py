"""PRACK, sent and received (RFC 3262)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.clock import Moment
from offhook.flow import Target
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import Uri
from offhook.stack import ServerTransaction
from offhook.ua.body import SDP, session_description
from offhook.ua.events import Failure
from offhook.ua.in_dialog import DialogRequest
from offhook.ua.invite_session import InviteSession

__all__ = ["Prack", "receive_prack"]


class Prack(DialogRequest):
    """The PRACK to one reliable provisional response (RFC 3262 4); `answer` to an offer in it, or empty.

    `lose` is called when nobody answers it: the dialog is lost then (RFC 3261 12.2.1.2). That a 481 says the same we
    do not take from there, which is a deviation: to a PRACK it says that no such response waits for it any more
    (RFC 3262 3), as when the final one crosses it.
    """

    def __init__(
        self,
        session: InviteSession,
        response: Response,
        lose: Callable[[InviteSession, Moment], None],
        answer: bytes = b"",
    ) -> None:
        acknowledged = f"{response.number('RSeq')} {response.cseq_number} {response.cseq_method}"
        super().__init__(session.context, session.dialog, session.digest, "PRACK", (("RAck", acknowledged),))
        self._session = session
        self._lose = lose
        self._answer = answer

    def draft(self, uri: Uri, target: Target, number: int) -> Draft:
        draft = super().draft(uri, target, number)
        return draft.body(self._answer, SDP) if self._answer else draft

    def on_failure(self, failure: Failure, now: Moment) -> None:
        if failure.status == 408:
            self._lose(self._session, now)


def receive_prack(session: InviteSession, request: Request, transaction: ServerTransaction, now: Moment) -> None:
    """Take a PRACK: 200 when it acknowledges what is under way, with the answer to its offer; else 481.

    Raises ParseError, and ProtocolError for an offer or answer that does not fit.
    """
    context = session.context
    reliable = session.reliable
    if reliable is None or not reliable.matches(request):
        context.refuse(transaction, 481, now)
        return
    description = session_description(request)
    draft = context.reply(transaction, 200)
    if description is not None:
        if session.exchange.offering:
            session.exchange.take_answer(description, True)
        else:
            # A PRACK that matches cannot be refused (RFC 3262 3).
            draft.body(session.answer_offer(description)[0], SDP)
    context.respond(transaction, draft, now)
    if description is not None:
        session.changed(now)
    reliable.acknowledge(now)
