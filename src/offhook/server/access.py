"""Who may do what: no open relay, and nobody in another's name (RFC 3261 16.3 step 6, 22, 26.3.2).

Requests within a dialog pass when our own Route proves the dialog. Of the others, a caller of a served domain has to
show who it is before anything is looked up; a foreign caller reaches served domains only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import IPv4Network, IPv6Network, ip_address

import structlog

from offhook.accounts.authenticator import Authenticator, Realm, Unproven
from offhook.accounts.base import Account, Pending
from offhook.clock import Moment
from offhook.flow import Flow
from offhook.location.base import address_of_record
from offhook.proxy.access import PENDING
from offhook.proxy.access import Pending as PendingVerdict
from offhook.proxy.context import ResponseContext
from offhook.proxy.own import OwnNames
from offhook.proxy.validation import Refusal
from offhook.sip.message import Request
from offhook.sip.uri import SipUri

__all__ = ["AccessControl", "DomainAccess", "Later"]

Later = Callable[[Awaitable[object], Callable[[object, Moment], None]], None]
"""Has something awaited: the second is called with what came of the first, an exception if it failed."""

_log = structlog.get_logger("offhook.access")


class DomainAccess:
    """How callers of one served domain show who they are; those in `trusted` networks need not."""

    __slots__ = ("_verdicts", "realm", "trusted")

    def __init__(self, realm: Realm, trusted: tuple[IPv4Network | IPv6Network, ...] = ()) -> None:
        self.realm = realm
        self.trusted = trusted
        self._verdicts: dict[str, bool] = {}

    def trusts(self, host: str) -> bool:
        """Whether a source address is in one of the trusted networks."""
        if not self.trusted:
            return False
        verdict = self._verdicts.get(host)
        if verdict is None:
            if len(self._verdicts) >= _REMEMBERED:
                self._verdicts.clear()
            address = ip_address(host.partition("%")[0])
            verdict = self._verdicts[host] = any(address in network for network in self.trusted)
        return verdict


_REMEMBERED = 10_000


class AccessControl:
    """The verdict on each request that begins something. `admitted` is called with verdicts that took time."""

    def __init__(
        self, domains: dict[str, DomainAccess], own: OwnNames, authenticator: Authenticator, later: Later
    ) -> None:
        self._domains = domains
        self._own = own
        self._authenticator = authenticator
        self._later = later
        self.admitted: Callable[[ResponseContext, Refusal | None, Moment], None] = _nobody

    def check(self, request: Request, flow: Flow, within_dialog: bool, now: Moment) -> Refusal | PendingVerdict | None:
        """The verdict on a request for the proxy. Raises ParseError."""
        if within_dialog:
            return None
        if request.to_tag is not None:
            return self._refused(request, flow, 403, "within a dialog that did not come through here")
        caller = request.from_.uri
        domain = self._domain_of(caller)
        if domain is None:
            if self._domain_of(request.uri) is None:
                return self._refused(request, flow, 403, "a foreign caller for a foreign domain")
            if self._leads_elsewhere(request):
                return self._refused(request, flow, 403, "a foreign caller's Route to somewhere else")
            return None
        if domain.trusts(flow.remote[0]) or flow.remote in self._own.hosts:
            # One that spirals back from ourselves was checked when it came, and its nonce-count is used up.
            return None
        found = self._authenticator.check(request, domain.realm, "Proxy-Authorization", now)
        if isinstance(found, Pending):
            return PENDING
        return self._judge(request, flow, domain, found, now)

    def start(self, request: Request, flow: Flow, context: ResponseContext, now: Moment) -> None:
        """Go on with a check that was PENDING."""
        domain = self._domain_of(request.from_.uri)
        if domain is None:
            self.admitted(context, None, now)
            return
        access = domain

        def answered(outcome: object, then: Moment) -> None:
            if isinstance(outcome, Account | Unproven):
                self.admitted(context, self._judge(request, flow, access, outcome, then), then)
            else:
                _log.error("accounts cannot be read", call_id=request.call_id, error=str(outcome))
                self.admitted(context, Refusal(500), then)

        self._later(self._authenticator.wait(request, domain.realm, "Proxy-Authorization", now), answered)

    def register(self, request: Request, flow: Flow, now: Moment) -> Account | Refusal | Pending | None:
        """Who a REGISTER is from: an account, or None when its source is trusted. Raises ParseError."""
        domain = self._domain_of(request.to.uri)
        if domain is None:
            return self._refused(request, flow, 403, "registration at a foreign domain")
        if domain.trusts(flow.remote[0]):
            return None
        found = self._authenticator.check(request, domain.realm, "Authorization", now)
        if isinstance(found, Unproven):
            return self._challenge(request, flow, domain, found, 401, now)
        return found

    async def wait_register(self, request: Request, flow: Flow, now: Moment) -> Account | Refusal | None:
        """The same, when the account store takes time. Raises StorageError."""
        domain = self._domain_of(request.to.uri)
        if domain is None:
            return None
        found = await self._authenticator.wait(request, domain.realm, "Authorization", now)
        if isinstance(found, Unproven):
            return self._challenge(request, flow, domain, found, 401, now)
        return found

    def _domain_of(self, uri: object) -> DomainAccess | None:
        if not isinstance(uri, SipUri):
            return None
        return self._domains.get(self._own.domain_of(uri) or "")

    def _leads_elsewhere(self, request: Request) -> bool:
        """Whether a Route would take a request past us to somebody else (16.6 step 7)."""
        routes = request.routes if "route" in request.keys else []
        return any(not isinstance(route.uri, SipUri) or not self._own.is_listener(route.uri) for route in routes)

    def _judge(
        self, request: Request, flow: Flow, domain: DomainAccess, found: Account | Unproven, now: Moment
    ) -> Refusal | None:
        if isinstance(found, Unproven):
            return self._challenge(request, flow, domain, found, 407, now)
        caller = request.from_.uri
        if not isinstance(caller, SipUri) or address_of_record(caller) != found.aor:
            return self._refused(request, flow, 403, "a From that is not the caller's own")
        return None

    def _challenge(
        self, request: Request, flow: Flow, domain: DomainAccess, found: Unproven, status: int, now: Moment
    ) -> Refusal:
        if found.username is not None and not found.stale:
            self._refused(request, flow, status, "wrong credentials")
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        return Refusal(status, self._authenticator.challenges(domain.realm, name, found.stale, now))

    def _refused(self, request: Request, flow: Flow, status: int, reason: str) -> Refusal:
        _log.warning(
            "refused",
            reason=reason,
            status=status,
            method=request.method,
            source=f"{flow.remote[0]}:{flow.remote[1]}",
            call_id=request.call_id,
        )
        return Refusal(status)


def _nobody(context: ResponseContext, refusal: Refusal | None, now: Moment) -> None:
    """Stands where a proxy has not yet been connected."""
