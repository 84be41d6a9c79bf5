"""The redirect server (RFC 3261 8.3): a role of the engine, without I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError
from offhook.flow import Flow
from offhook.location.base import Later, LocationService, Outcome, address_of_record
from offhook.location.binding import Binding
from offhook.location.outage import Outage
from offhook.sip.message import Request
from offhook.sip.serializer import reply
from offhook.sip.status import NOT_REGISTERED, SIPS_NOT_ALLOWED
from offhook.sip.uri import SipUri
from offhook.stack import ServerTransaction, Stack
from offhook.transaction.effects import Cancelled, Effect, Ended

__all__ = ["Redirect"]

NO_SIPS: Final = f'380 offhook "{SIPS_NOT_ALLOWED}"'

_log = structlog.get_logger("offhook.redirect")


class Redirect:
    """Answers requests for the domains that are redirected with the contacts of whom they ask for.

    `is_known` tells whether there is such a user, reachable or not: 480 and 404 differ by this. `hides` tells whether
    a caller is not to learn it: it gets 480 either way, and `bindings` alone, which knows no users, is asked. `absent`
    hears of each who asked in vain for nobody, or for somebody who is hidden.
    """

    def __init__(
        self,
        stack: Stack,
        location: LocationService,
        later: Later,
        is_known: Callable[[str], bool],
        bindings: LocationService | None = None,
    ) -> None:
        self.stack = stack
        self.location = location
        self.bindings = location if bindings is None else bindings
        self.later = later
        self.is_known = is_known
        self.hides: Callable[[Request], bool] = _nobody_is_hidden
        self.absent: Callable[[Request, Flow, int, Moment], None] = _untold
        self.outage = Outage(_log, "users cannot be looked up", "users can be looked up again")

    def request(self, request: Request, flow: Flow, now: Moment, transaction: ServerTransaction | None = None) -> None:
        """Take a request that matches no transaction, of any method but REGISTER; or, with its transaction, one that
        had to wait for something else before.

        What it requires of a server, and headers that are not known, do not matter (8.3). A binding that is reached
        over its flow or a Path alone is told by its contact all the same: only a proxy can go that way. Raises
        ParseError, and ProtocolError 416 for a Request-URI that is no SIP URI.
        """
        method = request.method
        if method == "ACK":
            return
        if method == "CANCEL":
            # The engine has answered one whose INVITE it knows (9.2).
            self.stack.refuse(request, flow, 481)
            return
        uri = request.uri
        if not isinstance(uri, SipUri):
            raise ProtocolError("not a SIP URI", status=416, clause="RFC 3261 8.2.2.1")
        if transaction is None:
            transaction = self.stack.accept(request, flow, now)
        redirection = _Redirection(self, request, uri, transaction)
        location = self.bindings if redirection.hidden else self.location
        bindings = location.lookup_now(redirection.aor, now)
        if bindings is None:
            self.later(location.lookup(redirection.aor, now), redirection.located)
        else:
            redirection.located(bindings, now)

    def receive(self, event: Effect, now: Moment) -> None:
        """Take an event that concerns a request of ours."""
        if isinstance(event, Cancelled):
            redirection = event.transaction.user
            if isinstance(redirection, _Redirection):
                redirection.answer(487, now)
        elif isinstance(event, Ended) and isinstance(event.transaction.user, _Redirection):
            event.transaction.user = None


class _Redirection:
    """One request that waits for its look-up."""

    __slots__ = ("_redirect", "_request", "_transaction", "_uri", "aor", "hidden")

    def __init__(self, redirect: Redirect, request: Request, uri: SipUri, transaction: ServerTransaction) -> None:
        self._redirect = redirect
        self._request = request
        self._uri = uri
        self._transaction = transaction
        self.aor = address_of_record(uri)
        self.hidden = redirect.hides(request)
        transaction.user = self

    def located(self, outcome: Outcome, now: Moment) -> None:
        """The bindings of the user, or why there is no telling."""
        if isinstance(outcome, list):
            self._redirect.outage.worked(now)
            self._redirect_to(outcome, now)
        elif isinstance(outcome, ProtocolError):
            # The service knows that there is no such user.
            self._refuse(outcome.status, now)
        else:
            self._redirect.outage.failed(outcome, now, call_id=self._request.call_id)
            self.answer(500, now)

    def _redirect_to(self, bindings: list[Binding], now: Moment) -> None:
        if not bindings:
            self._refuse(480 if self.hidden or self._redirect.is_known(self.aor) else 404, now)
            return
        others = [binding for binding in bindings if not self._is_request_uri(binding)]
        if not others:
            # 8.3: nobody is redirected to where he asked.
            self.answer(404, now)
            return
        if self._uri.secure:
            others = [binding for binding in others if binding.contact[:5].lower() == "sips:"]
            if not others:
                # RFC 5630 5.4: a caller who asked for security is not sent to where there is none.
                self.answer(480, now, [("Warning", NO_SIPS)], SIPS_NOT_ALLOWED)
                return
        others.sort(key=_preference, reverse=True)
        # Two flows of one phone have one contact.
        contacts = list({binding.contact: binding.contact_value(now.wall) for binding in others}.values())
        self.answer(302 if len(contacts) == 1 else 300, now, [("Contact", value) for value in contacts])

    def _refuse(self, status: int, now: Moment) -> None:
        if self.hidden or status == 404:
            self._redirect.absent(self._request, self._transaction.arrival, status, now)
        self.answer(status, now, reason=NOT_REGISTERED if status == 480 else None)

    def _is_request_uri(self, binding: Binding) -> bool:
        try:
            return bool(binding.uri == self._uri)
        except ParseError:
            return False

    def answer(
        self, status: int, now: Moment, headers: list[tuple[str, str]] | None = None, reason: str | None = None
    ) -> None:
        """Send the final response, unless the request was cancelled or is given up."""
        stack = self._redirect.stack
        transaction = self._transaction
        if transaction.answered:
            return
        if transaction.to_tag is None:
            transaction.to_tag = stack.ids.tag()
        draft = reply(self._request, status, reason, transaction.to_tag)
        for name, value in headers or ():
            draft.add(name, value)
        stack.respond(transaction, draft.response(), now)


def _preference(binding: Binding) -> float:
    return binding.preference


def _nobody_is_hidden(request: Request) -> bool:
    """Stands where all may know of all."""
    return False


def _untold(request: Request, flow: Flow, status: int, now: Moment) -> None:
    """Stands where nobody wants to know who asked in vain."""
