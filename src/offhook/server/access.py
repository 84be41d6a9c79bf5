"""Who may do what: no open relay, and nobody in another's name (RFC 3261 16.3 step 6, 22, 26.3.2).

Requests within a dialog pass when our own Route proves the dialog, and they come from one of ours or go to one of ours,
where it was when the dialog was set up. Of the others, a caller of a served domain has to show who it is before
anything is looked up; a foreign caller reaches served domains only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final, Protocol, TypeVar

import structlog

from offhook.accounts.authenticator import Authenticator, Proven, Realm, Unproven
from offhook.accounts.base import Account, Pending
from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.flow import Flow, default_port
from offhook.location.base import address_of_record
from offhook.location.outage import Outage
from offhook.proxy.access import PENDING, Standing
from offhook.proxy.access import Pending as PendingVerdict
from offhook.proxy.context import ResponseContext
from offhook.proxy.own import OwnNames
from offhook.proxy.validation import Refusal
from offhook.registrar.aor import aor_of, host_of
from offhook.security.domain_cert import same_domain
from offhook.server.aliases import Aliases
from offhook.server.security_events import SecurityEvents
from offhook.sip.message import Request
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import Stack
from offhook.transport.log_limit import LogLimit

__all__ = ["AccessControl", "DomainAccess", "Later"]

T = TypeVar("T")

_REMEMBERED: Final = 10_000

_log = structlog.get_logger("offhook.access")


class Later(Protocol):
    """Has something awaited: the second is called with what came of the first, an exception if it failed."""

    def __call__(self, work: Awaitable[T], done: Callable[[T | Exception, Moment], None], /) -> None: ...


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


class AccessControl:
    """The verdict on each request that begins something.

    `domains` by each of their hosts. `sources` are the (host, port) that the server itself sends from. `events` hears
    of all who are refused. `admitted` is called with verdicts for the proxy that took time.
    """

    def __init__(
        self,
        stack: Stack,
        domains: dict[str, DomainAccess],
        aliases: Aliases,
        own: OwnNames,
        authenticator: Authenticator,
        later: Later,
        events: SecurityEvents,
    ) -> None:
        self._stack = stack
        self._domains = domains
        self._aliases = aliases
        self._own = own
        self._authenticator = authenticator
        self._later = later
        self._limit = LogLimit()
        self.events = events
        self.sources = events.own
        self._outage = Outage(_log, "the accounts cannot be read", "the accounts can be read again")
        self.admitted: Callable[[ResponseContext, Refusal | None, Moment], None] = _nobody

    # For the proxy and the redirect server

    def check(self, request: Request, flow: Flow, standing: Standing, now: Moment) -> Refusal | PendingVerdict | None:
        """The verdict on a request. Raises ParseError."""
        if standing is Standing.KNOWN or standing is Standing.BOUND:
            return None
        claimed = standing is Standing.CLAIMED
        if request.to_tag is not None and not claimed:
            return self._refused(request, flow, 403, "within a dialog that did not come through here", now)
        domain = self._domain_named(request.from_uri)
        if domain is None:
            if claimed:
                return self._refused(request, flow, 403, "a stranger's way out of a dialog to somewhere else", now)
            return self._check_foreign(request, flow, now)
        if domain.trusts(flow.remote[0]) or (not claimed and self._spirals(request, flow)):
            return None
        if request.method == "ACK":
            # It cannot be challenged, but what let its INVITE pass lets it pass too (22.1).
            account = self._authenticator.check_ack(request, domain.realm, "Proxy-Authorization", now)
            if account is not None and self._is_from(request, account):
                return None
            return self._refused(request, flow, 403, "an ACK out of a dialog to somewhere else", now)
        found = self._authenticator.check(request, domain.realm, "Proxy-Authorization", now)
        if isinstance(found, Pending):
            # Whoever says to be one of ours and has not shown it yet is a stranger until then.
            if self._is_crowded(request) and not self.events.prefers(flow.remote):
                return self._turned_away(request, flow, now)
            return PENDING
        return self._judge(request, flow, domain, found, now)

    async def wait(self, request: Request, flow: Flow, now: Moment) -> Refusal | None:
        """The verdict of a check that was PENDING. Raises StorageError."""
        domain = self._domain_named(request.from_uri)
        if domain is None:
            return None
        found = await self._authenticator.wait(request, domain.realm, "Proxy-Authorization", now)
        return self._judge(request, flow, domain, found, now)

    def start(self, request: Request, flow: Flow, context: ResponseContext, now: Moment) -> None:
        """Go on with a check of the proxy's that was PENDING."""
        self._later(self.wait(request, flow, now), partial(self._admit, request, context))

    def _admit(
        self, request: Request, context: ResponseContext, verdict: Refusal | Exception | None, now: Moment
    ) -> None:
        self.admitted(context, self.verdict_of(request, verdict, now), now)

    def verdict_of(self, request: Request, outcome: T | Exception, now: Moment) -> T | Refusal:
        """What was awaited; when it failed, the refusal that the request gets."""
        if isinstance(outcome, Exception):
            self._outage.failed(outcome, now, call_id=request.call_id)
            return Refusal(500, (("Retry-After", "10"),))
        self._outage.worked(now)
        return outcome

    def absent(self, request: Request, flow: Flow, status: int, now: Moment) -> None:
        """Take note of a caller who asked for a user that is not there; from a foreign one it may be a search."""
        if self._domain_named(request.from_uri) is None:
            self.events.refused(request, flow, status, "nobody there", now)

    # For the registrar

    def register(self, request: Request, flow: Flow, now: Moment) -> Account | Refusal | Pending | None:
        """Who a REGISTER is from: an account, or None when its source is trusted. Raises ParseError."""
        domain = self._domain_registered_at(request)
        if domain is None:
            return self._refused(request, flow, 403, "registration at a foreign domain", now)
        if domain.trusts(flow.remote[0]):
            return None
        found = self._authenticator.check(request, domain.realm, "Authorization", now)
        return found if isinstance(found, Pending) else self._known(request, flow, domain, found, now)

    async def wait_register(self, request: Request, flow: Flow, now: Moment) -> Account | Refusal | None:
        """The same, when the account store takes time. Raises StorageError."""
        domain = self._domain_registered_at(request)
        if domain is None:
            return None
        found = await self._authenticator.wait(request, domain.realm, "Authorization", now)
        return self._known(request, flow, domain, found, now)

    # Within

    def _domain_registered_at(self, request: Request) -> DomainAccess | None:
        return self._domains.get(host_of(aor_of(request.octets("to"))))

    def _domain_named(self, uri: object) -> DomainAccess | None:
        """The served domain that somebody says to be of; no port makes him a stranger."""
        return self._domains.get(uri.host_key) if isinstance(uri, SipUri) else None

    def _check_foreign(self, request: Request, flow: Flow, now: Moment) -> Refusal | None:
        """A foreign caller reaches our users, and nobody else by us."""
        uri = request.uri
        if not isinstance(uri, SipUri) or self._own.domain_of(uri) is None:
            return self._refused(request, flow, 403, "a foreign caller for a foreign domain", now)
        if uri.maddr is not None and not self._own.is_maddr(uri):
            # That is where the request would go (16.5). One of ours leads to another port or transport of ours (16.4).
            return self._refused(request, flow, 403, "a foreign caller's maddr to somewhere else", now)
        routes = request.routes if request.holds("route") else []
        if not all(isinstance(route.uri, SipUri) and self._own.is_listener(route.uri) for route in routes):
            return self._refused(request, flow, 403, "a foreign caller's Route to somewhere else", now)
        self._compare(request, flow, now)
        return self._fit_in(request, flow, uri, now)

    def _fit_in(self, request: Request, flow: Flow, uri: SipUri, now: Moment) -> Refusal | None:
        """Half of what the engine can hold is kept for those who are known: no flood of calls shuts our users out."""
        if not self._is_crowded(request):
            return None
        called = self._domain_named(uri)
        if called is not None and called.trusts(flow.remote[0]):
            return None
        return self._turned_away(request, flow, now)

    def _is_crowded(self, request: Request) -> bool:
        """Whether a stranger's request has to wait until there is more room."""
        stack = self._stack
        return stack.capacity.is_half_full(stack.transactions) and request.method not in ("ACK", "CANCEL")

    def _turned_away(self, request: Request, flow: Flow, now: Moment) -> Refusal:
        stack = self._stack
        stack.counters.turned_away += 1
        self.events.turned_away(request, flow, now)
        return Refusal(503, (stack.retry_after(),))

    def _compare(self, request: Request, flow: Flow, now: Moment) -> None:
        """Tell of a caller whom the peer's certificate does not name (26.3.2.2); a peer may relay for others."""
        caller = request.from_uri
        if not flow.domains or not isinstance(caller, SipUri):
            return
        host = caller.bare_host
        if not any(same_domain(domain, host) for domain in flow.domains) and self._limit.admits(now):
            named = ", ".join(flow.domains)
            _log.warning("a caller of another domain", caller=host, certificate=named, **self._limit.remark)

    def _spirals(self, request: Request, flow: Flow) -> bool:
        """Whether a request comes back from ourselves: it was checked when it came, and its nonce-count is used up.

        A datagram shows it by its source. A connection's port says nothing: there it is the branch of a request that
        we are waiting on, which nobody else at our addresses knows.
        """
        if flow.remote in self.sources:
            return not flow.reliable
        if not flow.reliable or all(host != flow.remote[0] for host, _ in self.sources):
            return False
        via = request.top_via
        port = via.port or default_port(via.transport)
        return (via.branch or b"", via.host, port, request.method) in self._stack.transactions.clients

    def _judge(
        self, request: Request, flow: Flow, domain: DomainAccess, found: Proven | Unproven, now: Moment
    ) -> Refusal | None:
        if isinstance(found, Unproven):
            return self._challenge(request, flow, domain, found, 407, now)
        if not self._is_from(request, found.account):
            return self._refused(request, flow, 403, "a From that is not the caller's own", now)
        self.events.proven(flow)
        return None

    def _is_from(self, request: Request, account: Account) -> bool:
        caller = request.from_uri
        return isinstance(caller, SipUri) and self._aliases.canonical(address_of_record(caller)) == account.aor

    def _known(
        self, request: Request, flow: Flow, domain: DomainAccess, found: Proven | Unproven, now: Moment
    ) -> Account | Refusal:
        """Who registers, if the digest was made for a request to us (RFC 8760 2.6 item 6)."""
        if isinstance(found, Unproven):
            return self._challenge(request, flow, domain, found, 401, now)
        if found.digest_uri != request.request_uri and not self._is_ours(found.digest_uri):
            return self._refused(request, flow, 400, "a digest that was made for somewhere else", now)
        self.events.proven(flow)
        return found.account

    def _is_ours(self, text: str) -> bool:
        try:
            uri = parse_uri(text)
        except ParseError:
            return False
        return isinstance(uri, SipUri) and self._own.is_ours(uri)

    def _challenge(
        self, request: Request, flow: Flow, domain: DomainAccess, found: Unproven, status: int, now: Moment
    ) -> Refusal:
        if found.username is None or found.stale:
            self.events.challenged(flow, now)
        else:
            self.events.failed(request, flow, status, found.username, now)
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        return Refusal(status, self._authenticator.challenges(domain.realm, name, found.stale, now))

    def _refused(self, request: Request, flow: Flow, status: int, reason: str, now: Moment) -> Refusal:
        self.events.refused(request, flow, status, reason, now)
        return Refusal(status)


def _nobody(context: ResponseContext, refusal: Refusal | None, now: Moment) -> None:
    """Stands where a proxy has not yet been connected."""
