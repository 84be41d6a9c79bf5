"""Which role a message is for: the one dispatch of the server.

A request that names the server or one of its domains without a user is the registrar's or is answered here; one for a
user goes to the proxy or the redirect server, as the domain's mode says. What follows from a request goes to whoever
began it. All of it is synchronous and without I/O, so that a whole server runs in virtual time.
"""

from __future__ import annotations

from typing import Final

from offhook.accounts.base import Account
from offhook.accounts.base import Pending as PendingAccount
from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError
from offhook.flow import Flow
from offhook.location.base import LocationService
from offhook.proxy import OwnNames, Proxy
from offhook.proxy.access import Standing
from offhook.proxy.validation import Refusal
from offhook.redirect import Redirect
from offhook.registrar import Registrar
from offhook.registrar.body import refusal_of_body
from offhook.server.access import AccessControl, Later
from offhook.server.logs import AT_WORK
from offhook.sip.message import Request
from offhook.sip.method import is_known
from offhook.sip.serializer import reply
from offhook.sip.status import phrase_for
from offhook.sip.uri import SipUri
from offhook.stack import ServerTransaction, Stack
from offhook.transaction.effects import Cancelled, Effect, Ended, RequestReceived, ResponseReceived, TimerFired
from offhook.transaction.table import server_key

__all__ = ["ServerRole"]

CAPABILITIES: Final = (
    ("Accept", ""),
    ("Accept-Encoding", "identity"),
    ("Accept-Language", "en"),
    ("Supported", "path, outbound"),
)
"""What OPTIONS is told; no Allow, for a proxy passes every method on (RFC 3261 11.2)."""

ALLOW_HERE: Final = "ACK, CANCEL, OPTIONS, REGISTER"
"""What the server itself takes: no INVITE, but what may come in the train of one is understood (20.5)."""

SWEEP: Final = "sweep"

MOST_REGISTERING: Final = 1000
"""How many REGISTERs may wait for their accounts at once; one more gets 503 and when to come again."""


class ServerRole:
    """Registrar, proxy and redirect server over one engine.

    `redirected` are the hosts of domains in redirect mode. `start` begins the sweep of expired bindings.
    """

    def __init__(
        self,
        stack: Stack,
        own: OwnNames,
        access: AccessControl,
        location: LocationService,
        registrar: Registrar,
        proxy: Proxy,
        redirect: Redirect,
        redirected: frozenset[str],
        later: Later,
    ) -> None:
        self.stack = stack
        self.own = own
        self.access = access
        self.location = location
        self.registrar = registrar
        self.proxy = proxy
        self.redirect = redirect
        self.redirected = redirected
        self._later = later
        self._registering: set[object] = set()
        stack.on_turned_away = access.events.turned_away

    def listens_at(self, sent_by: tuple[str, int], local: tuple[str, int]) -> None:
        """Take note of an address of ours: what Via calls it, and what is bound."""
        self.own.add(*sent_by)
        self.own.add(*local)
        self.access.sources.add(local)

    def start(self, now: Moment) -> None:
        """Begin what goes on by itself."""
        self._sweep(now)

    def receive(self, event: Effect, now: Moment) -> None:
        """Take one event of the engine."""
        try:
            if isinstance(event, RequestReceived):
                AT_WORK.message = event.request
                self._receive_request(event.request, event.flow, now)
            elif isinstance(event, ResponseReceived):
                AT_WORK.message = event.response
                self.proxy.receive(event, now)
            elif isinstance(event, TimerFired) and event.user is self:
                self._sweep(now)
            else:
                self._follow(event, now)
        finally:
            AT_WORK.message = None

    def _follow(self, event: Effect, now: Moment) -> None:
        """What becomes of a request goes to whoever has it."""
        if isinstance(event, (Cancelled, Ended)):
            AT_WORK.message = event.transaction.request
            waiting = event.transaction.user
            if isinstance(waiting, _Redirection):
                waiting.over(now)
                return
        if self.redirected:
            self.redirect.receive(event, now)
        self.proxy.receive(event, now)

    def _receive_request(self, request: Request, flow: Flow, now: Moment) -> None:
        try:
            self._request(request, flow, now)
        except (ParseError, ProtocolError) as error:
            self._refuse(request, flow, error, now)

    def _request(self, request: Request, flow: Flow, now: Moment) -> None:
        if self.access.events.bars(request, flow, now):
            return
        uri = request.uri
        method = request.method
        if isinstance(uri, SipUri) and self._ends_here(request):
            if method == "REGISTER" and self.own.is_ours(uri):
                self._register(request, flow, now)
                return
            if uri.user is None and self.own.is_listener(uri):
                self._own_request(request, flow)
                return
            if self.redirected and self.own.domain_of(uri) in self.redirected and method != "ACK":
                self._redirect(request, flow, now)
                return
        self.proxy.request(request, flow, now)

    def _ends_here(self, request: Request) -> bool:
        """Whether no Route leads past us: there is none, or a phone named us as its outbound proxy (16.4)."""
        if not request.holds("route"):
            return True
        if request.to_tag is not None:
            return False
        return all(isinstance(route.uri, SipUri) and self.own.is_listener(route.uri) for route in request.routes)

    def _redirect(self, request: Request, flow: Flow, now: Moment) -> None:
        """A domain in redirect mode: the same access control as the proxy's, then 8.3."""
        if request.method == "CANCEL":
            self.stack.refuse(request, flow, 481)
            return
        verdict = self.access.check(request, flow, Standing.OUTSIDE, now)
        if isinstance(verdict, Refusal):
            self.stack.refuse(request, flow, verdict.status, verdict.headers)
        elif verdict is None:
            self.redirect.request(request, flow, now)
        else:
            waiting = _Redirection(self, request, flow, self.stack.accept(request, flow, now))
            self._later(self.access.wait(request, flow, now), waiting.decided)

    def _register(self, request: Request, flow: Flow, now: Moment) -> None:
        key = server_key(request, "REGISTER")
        if key in self._registering:
            # Sent again while its account is being looked up: the one answer is on its way.
            return
        found = self.access.register(request, flow, now)
        if isinstance(found, PendingAccount) and len(self._registering) >= MOST_REGISTERING:
            self.stack.turn_away(request, flow, now)
        elif isinstance(found, PendingAccount):
            self._registering.add(key)
            waiting = _Registration(self, request, flow, key)
            self._later(self.access.wait_register(request, flow, now), waiting.answered)
        else:
            self.registered_by(request, flow, found, now)

    def registered_by(self, request: Request, flow: Flow, found: Account | Refusal | None, now: Moment) -> None:
        """Go on with a REGISTER once it is known who it is from; None for a trusted network."""
        if isinstance(found, Refusal):
            self.stack.refuse(request, flow, found.status, found.headers)
        else:
            self.registrar.request(request, flow, now, None if found is None else found.aor)

    def known(self, key: object) -> None:
        """The account of a REGISTER has been looked up."""
        self._registering.discard(key)

    def _own_request(self, request: Request, flow: Flow) -> None:
        """A request for the server itself: OPTIONS tells what it can (RFC 3261 11.2), nothing else is served."""
        method = request.method
        if request.to_tag is not None or method == "CANCEL":
            # No dialog or INVITE of the server's own is there to be meant (8.2.2.2, 9.2).
            self.stack.refuse(request, flow, 481)
        elif method != "OPTIONS":
            # 8.2.1, 21.5.2
            self.stack.refuse(request, flow, 405 if is_known(method) else 501, (("Allow", ALLOW_HERE),))
        elif required := request.tokens("Require"):
            # 8.2.2.3: there is nothing that an answer to OPTIONS could support.
            self.stack.refuse(request, flow, 420, (("Unsupported", ", ".join(required)),))
        elif refusal := refusal_of_body(request):
            self.stack.refuse(request, flow, 415, refusal)
        else:
            self.stack.refuse(request, flow, 200, CAPABILITIES)

    def _refuse(self, request: Request, flow: Flow, error: ParseError | ProtocolError, now: Moment) -> None:
        status, reason = error.status, str(error)
        self.access.events.refused(request, flow, status, reason, now)
        try:
            self.stack.refuse(request, flow, status, (), phrase_for(error))
        except ParseError:
            # Not even the way back can be read.
            return

    def _sweep(self, now: Moment) -> None:
        self.stack.start_timer(self.location.sweep(now), self, SWEEP, now)


class _Registration:
    """A REGISTER whose account is being looked up."""

    __slots__ = ("_flow", "_key", "_request", "_role")

    def __init__(self, role: ServerRole, request: Request, flow: Flow, key: object) -> None:
        self._role = role
        self._request = request
        self._flow = flow
        self._key = key

    def answered(self, outcome: Account | Refusal | Exception | None, now: Moment) -> None:
        """Who it is from is known, or cannot be."""
        self._role.known(self._key)
        found = self._role.access.verdict_of(self._request, outcome, now)
        self._role.registered_by(self._request, self._flow, found, now)


class _Redirection:
    """A request for a domain in redirect mode whose caller's account is being looked up."""

    __slots__ = ("_flow", "_request", "_role", "_transaction")

    def __init__(self, role: ServerRole, request: Request, flow: Flow, transaction: ServerTransaction) -> None:
        self._role = role
        self._request = request
        self._flow = flow
        self._transaction = transaction
        transaction.user = self

    def decided(self, outcome: Refusal | Exception | None, now: Moment) -> None:
        """The verdict is there, or cannot be."""
        verdict = self._role.access.verdict_of(self._request, outcome, now)
        if self._transaction.answered:
            return
        if verdict is None:
            self._role.redirect.request(self._request, self._flow, now, self._transaction)
        else:
            self._answer(verdict, now)

    def over(self, now: Moment) -> None:
        """It was cancelled (9.2), or nobody waits for its answer any more."""
        if not self._transaction.answered:
            self._answer(Refusal(487), now)

    def _answer(self, refusal: Refusal, now: Moment) -> None:
        stack = self._role.stack
        if self._transaction.to_tag is None:
            self._transaction.to_tag = stack.ids.tag()
        draft = reply(self._request, refusal.status, None, self._transaction.to_tag)
        for name, value in refusal.headers:
            draft.add(name, value)
        stack.respond(self._transaction, draft.response(), now)
