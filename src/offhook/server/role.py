"""Which role a message is for: the one dispatch of the server.

A request that names the server or one of its domains without a user is the registrar's or is answered here; one for a
user goes to the proxy or the redirect server, as the domain's mode says. What follows from a request goes to whoever
began it. All of it is synchronous and without I/O, so that a whole server runs in virtual time.
"""

from __future__ import annotations

import structlog

from offhook.accounts.base import Account
from offhook.accounts.base import Pending as PendingAccount
from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError
from offhook.flow import Flow
from offhook.location.base import LocationService
from offhook.proxy import OwnNames, Proxy
from offhook.proxy.validation import Refusal
from offhook.redirect import Redirect
from offhook.registrar import Registrar
from offhook.server.access import AccessControl, Later
from offhook.sip.message import Request
from offhook.sip.uri import SipUri
from offhook.stack import Stack
from offhook.transaction.effects import Effect, RequestReceived, TimerFired

__all__ = ["ServerRole"]

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, MESSAGE, INFO, REFER, PRACK, UPDATE, PUBLISH"
SWEEP = "sweep"

_log = structlog.get_logger("offhook.server")


class ServerRole:
    """Registrar, proxy and redirect server over one engine.

    `redirected` are the domains in redirect mode. `start` begins the sweep of expired bindings.
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

    def start(self, now: Moment) -> None:
        """Begin what goes on by itself."""
        self._sweep(now)

    def receive(self, event: Effect, now: Moment) -> None:
        """Take one event of the engine."""
        if isinstance(event, RequestReceived):
            try:
                self._request(event.request, event.flow, now)
            except (ParseError, ProtocolError) as error:
                self._refuse(event.request, event.flow, error.status, str(error))
        elif isinstance(event, TimerFired) and event.user is self:
            self._sweep(now)
        else:
            if self.redirected:
                self.redirect.receive(event, now)
            self.proxy.receive(event, now)

    def _request(self, request: Request, flow: Flow, now: Moment) -> None:
        uri = request.uri
        method = request.method
        if isinstance(uri, SipUri) and self._ends_here(request):
            if method == "REGISTER" and (self.own.domain_of(uri) is not None or self.own.is_listener(uri)):
                self._register(request, flow, now)
                return
            if uri.user is None and self.own.is_listener(uri):
                self._own_request(request, flow)
                return
            if self.own.domain_of(uri) in self.redirected and method != "ACK":
                self._redirect(request, flow, now)
                return
        self.proxy.request(request, flow, now)

    def _ends_here(self, request: Request) -> bool:
        """Whether no Route leads past us: there is none, or a phone named us as its outbound proxy (16.4)."""
        if "route" not in request.keys:
            return True
        if request.to_tag is not None:
            return False
        return all(isinstance(route.uri, SipUri) and self.own.is_listener(route.uri) for route in request.routes)

    def _redirect(self, request: Request, flow: Flow, now: Moment) -> None:
        """A domain in redirect mode: the same access control as the proxy's, then 8.3."""
        if request.method == "CANCEL":
            self.stack.refuse(request, flow, 481)
            return
        verdict = self.access.check(request, flow, False, now)
        if isinstance(verdict, Refusal):
            self.stack.refuse(request, flow, verdict.status, verdict.headers)
        elif verdict is None:
            self.redirect.request(request, flow, now)
        else:
            # Accounts that take their time: the caller tries again, and finds them in the store's memory.
            self.stack.refuse(request, flow, 500, (("Retry-After", "1"),))

    def _register(self, request: Request, flow: Flow, now: Moment) -> None:
        found = self.access.register(request, flow, now)
        if isinstance(found, PendingAccount):
            self._later(self.access.wait_register(request, flow, now), _Registration(self, request, flow).answered)
        else:
            self.registered_by(request, flow, found, now)

    def registered_by(self, request: Request, flow: Flow, found: Account | Refusal | None, now: Moment) -> None:
        """Go on with a REGISTER once it is known who it is from; None for a trusted network."""
        if isinstance(found, Refusal):
            self.stack.refuse(request, flow, found.status, found.headers)
        else:
            self.registrar.request(request, flow, now, None if found is None else found.aor)

    def _own_request(self, request: Request, flow: Flow) -> None:
        """A request for the server itself: OPTIONS tells what it can (RFC 3261 11.2), nothing else is served."""
        method = request.method
        if method == "OPTIONS":
            self.stack.refuse(request, flow, 200, (("Allow", ALLOW), ("Accept", ""), ("Supported", "path, outbound")))
        elif method == "CANCEL":
            self.stack.refuse(request, flow, 481)
        else:
            self.stack.refuse(request, flow, 405, (("Allow", "OPTIONS, REGISTER"),))

    def _refuse(self, request: Request, flow: Flow, status: int, reason: str) -> None:
        _log.info("refused", status=status, reason=reason, method=request.method, source=flow.remote[0])
        try:
            self.stack.refuse(request, flow, status)
        except ParseError:
            return

    def _sweep(self, now: Moment) -> None:
        self.stack.start_timer(self.location.sweep(now), self, SWEEP, now)


class _Registration:
    """A REGISTER whose account is being looked up."""

    __slots__ = ("_flow", "_request", "_role")

    def __init__(self, role: ServerRole, request: Request, flow: Flow) -> None:
        self._role = role
        self._request = request
        self._flow = flow

    def answered(self, outcome: object, now: Moment) -> None:
        found: Account | Refusal | None
        if isinstance(outcome, Account | Refusal) or outcome is None:
            found = outcome
        else:
            _log.error("accounts cannot be read", call_id=self._request.call_id, error=str(outcome))
            found = Refusal(500)
        self._role.registered_by(self._request, self._flow, found, now)
