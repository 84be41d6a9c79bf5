"""A request of ours outside of any dialog (RFC 3261 8.1.1): its Call-ID, tag, numbers and routes."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.flow import Flow, Target
from offhook.sip.headers.address import NameAddr
from offhook.sip.message import Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import Uri
from offhook.transaction.machine import Transaction
from offhook.ua.client import ClientRequest
from offhook.ua.context import Context
from offhook.ua.events import Failure
from offhook.ua.forming import form

__all__ = ["StandaloneRequest"]


class StandaloneRequest:
    """One request, and those that repeat it with credentials or elsewhere. Each kind has a class of its own.

    `uri` is the Request-URI, `to` the URI in To, `routes` those that are loaded before (8.1.2). `flow` is what an
    earlier request of the same kind went over, to a server that is tried first then. Raises ParseError for a URI that
    no such request can be formed from (19.1.5).
    """

    def __init__(self, context: Context, method: str, uri: Uri, to: Uri, routes: list[NameAddr]) -> None:
        formed = form(uri, method)
        self.context = context
        self.uri = formed.uri
        self.routes = routes
        self.flow: Flow | None = None
        self._method = method
        self._to = to
        self._headers = formed.headers
        self._call_id = context.stack.ids.call_id()
        self._tag = context.stack.ids.tag()
        self._digest = context.keyring.client(to)
        self._cseq = 0

    def send(self, now: Moment) -> None:
        """Send it."""
        next_hop = self.routes[0].uri if self.routes else self.uri
        request = ClientRequest(self.context, self.uri, next_hop, self, self._digest, True, self.flow, self._headers)
        request.start(now)

    def complete(self, draft: Draft, uri: Uri, target: Target) -> Draft:
        """Add what this kind of request to `uri` has besides (Contact, body)."""
        raise NotImplementedError

    # RequestUser

    def next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def draft(self, uri: Uri, target: Target, number: int) -> Draft:
        draft = self.context.request(self._method, uri, self._to, self._call_id, self._tag, number, self.routes)
        return self.complete(draft, uri, target)

    def on_provisional(self, response: Response, transaction: Transaction, now: Moment) -> None:
        """Nothing is made of it."""

    def on_retry(self, now: Moment) -> None:
        """Nothing had begun."""

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        raise NotImplementedError

    def on_failure(self, failure: Failure, now: Moment) -> None:
        raise NotImplementedError

    def on_over(self, now: Moment) -> None:
        """Nothing is left to be done."""
