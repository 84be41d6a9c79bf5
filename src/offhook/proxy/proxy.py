"""The proxy (RFC 3261 16): a role of the engine, without I/O.

A request goes through `validation` (16.3), access control, route preprocessing (16.4) and the target set (16.5) here;
`branches` forwards it (16.6) and takes what comes back (16.7 to 16.10).

Budget on CPython 3.11, parser and engine included: 110 us for an INVITE, 60 us for a request within a dialog
(`python -m bench.engine --only call`).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError
from offhook.flow import Flow
from offhook.location.base import address_of_record
from offhook.proxy.access import Access, Standing
from offhook.proxy.branches import Branches
from offhook.proxy.context import ResponseContext
from offhook.proxy.forwarding import Forwarder
from offhook.proxy.loop import loop_mark
from offhook.proxy.own import OwnNames
from offhook.proxy.passage import Passage
from offhook.proxy.preprocessing import preprocess
from offhook.proxy.record_route import OwnRoute, RecordRoutes
from offhook.proxy.settings import ProxyDomain, ProxySettings
from offhook.proxy.standing import Standings
from offhook.proxy.stateless import StatelessForward, StatelessForwarding
from offhook.proxy.target_uri import TargetUri
from offhook.proxy.targets import Lookups, as_asked, by_preference, fallback_target, itself
from offhook.proxy.validation import Refusal, validate
from offhook.sip.host import host_key
from offhook.sip.message import Request
from offhook.sip.status import NOT_REGISTERED, SIPS_NOT_ALLOWED
from offhook.sip.uri import SipUri, TelUri, parse_uri
from offhook.stack import Stack
from offhook.transaction.effects import Effect, Resolved

__all__ = ["Proxy"]

_LONGEST_REMEMBERED: Final = 128
_NO_DIALOG: Final = frozenset(
    ("ACK", "BYE", "CANCEL", "INFO", "MESSAGE", "OPTIONS", "PRACK", "PUBLISH", "REGISTER", "UPDATE")
)
"""Methods that set up no dialog. Any other may, also one that nobody here knows (16.6 step 4; NOTIFY: RFC 6665 4.3).

Within a dialog they get no Record-Route, which deviates from that step: no UA makes a dialog anew from them.
"""


class Proxy:
    """Decides for requests that are not for this server itself.

    `domains` by name; `own` are our names; `secret` keys the MACs in Record-Route and is the same in all workers.
    """

    def __init__(
        self,
        stack: Stack,
        domains: dict[str, ProxyDomain],
        own: OwnNames,
        lookups: Lookups,
        access: Access,
        secret: bytes,
        settings: ProxySettings | None = None,
    ) -> None:
        self.stack = stack
        self.domains = domains
        self.own = own
        self.lookups = lookups
        self.access = access
        self.settings = ProxySettings() if settings is None else settings
        self.record_routes = RecordRoutes(secret, own)
        self.forwarder = Forwarder(self.record_routes, self.settings.realms, self.settings.record_route)
        self.standings = Standings(stack, self.forwarder, own)
        self.branches = Branches(stack, self.forwarder, self.settings)
        self.stateless = StatelessForwarding(stack, self.forwarder)

    def request(self, request: Request, flow: Flow, now: Moment) -> None:
        """Take a request that matches no transaction. Raises ParseError and ProtocolError when it is to be refused."""
        received = request
        request = preprocess(received, flow, self.own, self.stack)
        method = request.method
        if method == "ACK":
            self._ack(request, flow, now)
            return
        mark = loop_mark(request)
        refusal = validate(request, mark, self.own)
        if refusal is not None:
            self.stack.refuse(request, flow, refusal.status, refusal.headers)
            return
        routed = self.record_routes.read(request)
        domain = None if routed.decides else self._domain(request)
        stateless = routed.stateless or (domain is not None and domain.stateless)
        if method == "CANCEL":
            # 16.10 would forward it; but what this proxy forwarded with state, it would know, and nothing may be
            # forwarded for nobody knows whom, as a CANCEL cannot be challenged (22.1).
            known = not routed.stateless or self._belongs(request, flow, routed, now)
            if not stateless or not known or not self._forward_stateless(request, domain, routed, flow, now):
                self.stack.refuse(request, flow, 481)
            return
        standing = self.standings.of(request, flow, routed)
        verdict = self.access.check(request, flow, standing, now)
        if isinstance(verdict, Refusal):
            self.stack.refuse(request, flow, verdict.status, verdict.headers)
            return
        if verdict is None and stateless and self._forward_stateless(request, domain, routed, flow, now, standing):
            return
        context = ResponseContext(request, self.stack.accept(received, flow, now), flow, routed, mark)
        context.server.user = context
        context.breadth = self._breadth(request)
        context.domain = domain
        context.claimed = standing is Standing.CLAIMED
        self._know(context, standing)
        if verdict is None:
            self._let_pass(context, now)
        else:
            self.access.start(request, flow, context, now)

    def admitted(self, context: ResponseContext, refusal: Refusal | None, now: Moment) -> None:
        """The verdict of a check that took time."""
        if context.done or context.cancelled:
            return
        if refusal is None:
            self._let_pass(context, now)
        else:
            self.branches.refuse(context, refusal.status, now, refusal.headers)

    def located(self, context: ResponseContext, targets: list[TargetUri] | None, now: Moment) -> None:
        """The answer of a look-up; None when it failed. A late one forks nothing once the request was cancelled."""
        if context.done or context.cancelled:
            return
        if targets is None:
            self.branches.refuse(context, 500, now)
            return
        uri = context.request.uri
        if not isinstance(uri, SipUri):
            self.branches.refuse(context, 404, now)
            return
        found = targets or self._fallback(context.request, uri, context.domain)
        wanted = as_asked(found, uri.secure)
        context.callee_ours = True
        if wanted:
            context.waiting = by_preference(wanted)
            self.branches.launch(context, now)
            # Any other request wants its answer soon (RFC 4320), and waits for nobody who may come.
            if context.domain is not None and context.request.method == "INVITE" and context.pending:
                self.branches.watch.begin(_watched(_aor(context.request), context.domain), context)
        elif found:
            # RFC 5630 5.3: from sips nobody is led to less.
            warning = ("Warning", f'380 offhook "{SIPS_NOT_ALLOWED}"')
            self.branches.refuse(context, 480, now, (warning,), SIPS_NOT_ALLOWED)
        else:
            status, reason = self._absent(context.request, context.arrival, context.domain, now)
            self.branches.refuse(context, status, now, (), reason)

    def seeks(self, aor: str) -> bool:
        """Whether new bindings of an address-of-record are of interest to a call that is under way."""
        if not len(self.branches.watch):
            return False
        domain = self.domains.get(host_key(aor.rpartition("@")[2]))
        return domain is not None and self.branches.watch.holds(_watched(aor, domain))

    def registered(self, aor: str, targets: list[TargetUri], now: Moment) -> None:
        """Take the targets that an address-of-record has now: new ones join calls that are under way (16.5)."""
        domain = self.domains.get(host_key(aor.rpartition("@")[2]))
        contexts = [] if domain is None else self.branches.watch.of(_watched(aor, domain))
        for context in contexts:
            uri = context.request.uri
            secure = isinstance(uri, SipUri) and uri.secure
            self.branches.join(context, by_preference(as_asked(targets, secure)), now)

    def receive(self, event: Effect, now: Moment) -> None:
        """Take an event that concerns a branch or a response context."""
        if isinstance(event, Resolved) and isinstance(event.user, StatelessForward):
            try:
                self.stateless.resolved(event)
            except (ParseError, ProtocolError):
                return  # what waited was an ACK, which nobody answers
        else:
            self.branches.receive(event, now)

    # Within

    def _breadth(self, request: Request) -> int:
        """Incoming Max-Breadth (RFC 5393 5.3.3): 60 without one, and never more than is allowed here."""
        if not request.holds("max-breadth"):
            return self.settings.max_breadth
        given = request.octets("max-breadth") or b""
        if not given.isdigit() or len(given) > 9:
            return self.settings.max_breadth
        return min(int(given), self.settings.max_breadth)

    def _domain(self, request: Request) -> ProxyDomain | None:
        """The served domain that is called; a maddr that is left leads elsewhere, whatever the domain (16.5)."""
        uri = request.uri
        if not isinstance(uri, SipUri) or uri.maddr:
            return None
        return self.domains.get(self.own.domain_of(uri) or "")

    def _living(self, flow: Flow | None) -> Flow | None:
        return flow if flow is not None and self.stack.is_open(flow) else None

    def _let_pass(self, context: ResponseContext, now: Moment) -> None:
        if context.claimed:
            self.standings.vouch(context.request, context.arrival)
        self._determine_targets(context, now)

    def _determine_targets(self, context: ResponseContext, now: Moment) -> None:
        """Determining request targets (16.5): the Request-URI itself, unless a domain of ours is called.

        Who wrote a Route beyond us wants the request to go there first, as it is.
        """
        request = context.request
        uri = request.uri
        routed = context.routed
        if isinstance(uri, TelUri) and not routed.decides:
            # Whoever lets its users dial numbers has a gateway behind its fallback.
            domain = self.domains.get(self._caller_domain(request) or "")
            gateways = fallback_target(uri, domain)
            context.callee_ours = bool(gateways)
            context.waiting = gateways or [itself(request)]
            self.branches.launch(context, now)
            return
        if context.domain is None or not isinstance(uri, SipUri):
            context.waiting = [itself(request, self._living(routed.flow))]
            self.branches.launch(context, now)
            return
        aor = _aor(request)
        all_one = self._is_all_one(request, context.domain)
        targets = self.lookups.targets_now(aor, now, all_one)
        if targets is None:
            self.lookups.start(aor, context, now, all_one)
        else:
            self.located(context, targets, now)

    def _caller_domain(self, request: Request) -> str | None:
        uri = request.from_uri
        return self.own.domain_of(uri) if isinstance(uri, SipUri) else None

    def _absent(self, request: Request, flow: Flow, domain: ProxyDomain | None, now: Moment) -> tuple[int, str | None]:
        """What is answered for a user without any target (16.5): there is none, or nobody is there (21.4.18).

        Whom the domain hides its users from gets 480 either way, which deviates from 16.5.
        """
        hidden = self._hides(request, domain)
        known = hidden or self.lookups.is_known(_aor(request))
        if hidden or not known:
            self.access.absent(request, flow, 480 if hidden else 404, now)
        return (480, NOT_REGISTERED) if known else (404, None)

    def _hides(self, request: Request, domain: ProxyDomain | None) -> bool:
        """Whether a request is from a stranger, who is not to learn which users its domain has."""
        return domain is not None and domain.hide_users and not self.own.is_served(request.from_uri)

    def _falls_back(self, request: Request, domain: ProxyDomain) -> bool:
        """Whether the domain's fallback is there for this caller: of a trunk, a stranger would call whom he likes."""
        if domain.fallback is None:
            return False
        return domain.fallback_for_strangers or self.own.is_served(request.from_uri)

    def _fallback(self, request: Request, uri: SipUri, domain: ProxyDomain | None) -> list[TargetUri]:
        return fallback_target(uri, domain) if domain is not None and self._falls_back(request, domain) else []

    def _is_all_one(self, request: Request, domain: ProxyDomain) -> bool:
        """Whether it makes no difference to a caller if a user without a binding exists."""
        return self._falls_back(request, domain) or self._hides(request, domain)

    def _ack(self, request: Request, flow: Flow, now: Moment) -> None:
        """The ACK to a 2xx passes by its Routes without state; to a stateless domain, by its Request-URI.

        Any other belongs to nothing and is dropped, as is one that goes where no ACK of its dialog would.
        """
        if request.max_forwards == 0:
            return
        routed = self.record_routes.read(request)
        if routed.proven:
            if self._belongs(request, flow, routed, now):
                target = itself(request, self._living(routed.flow))
                self.stateless.when_resolved(StatelessForward(request, flow, routed, target, self._breadth(request)))
            return
        domain = None if routed.decides else self._domain(request)
        if domain is not None and domain.stateless:
            self._forward_stateless(request, domain, routed, flow, now)

    def _belongs(self, request: Request, flow: Flow, routed: OwnRoute, now: Moment) -> bool:
        """Whether a request that cannot be challenged comes from within its dialog, or is let in as it is."""
        return self.access.check(request, flow, self.standings.of(request, flow, routed), now) is None

    def _know(self, passage: Passage, standing: Standing) -> None:
        """Find out what our Record-Route will say.

        Of a request within a dialog too: a UA that lost its route set finds us again (16.6 step 4).
        """
        request = passage.request
        passage.dialog_forming = request.method not in _NO_DIALOG
        if passage.dialog_forming:
            passage.came_to = self.stack.sent_by(passage.arrival)
            passage.caller_ours = standing is Standing.KNOWN or (
                standing is not Standing.BOUND and self.own.is_served(request.from_uri)
            )
            passage.callee_ours = passage.routed.proven and self._is_bound(passage)

    def _is_bound(self, passage: Passage) -> bool:
        """Whether a request goes to the other side of its dialog; one that leads nowhere does not.

        It may have its transaction already: whoever then looks for the next hop answers it (16.6 step 7).
        """
        try:
            return self.standings.is_bound(passage.request, passage.routed)
        except ProtocolError:
            return False

    def _forward_stateless(
        self,
        request: Request,
        domain: ProxyDomain | None,
        routed: OwnRoute,
        flow: Flow,
        now: Moment,
        standing: Standing = Standing.OUTSIDE,
    ) -> bool:
        """Forward to one target, chosen by the message and the location service alone (16.11); False if that cannot be.

        A request that is refused counts as forwarded.
        """
        if domain is None:
            target = itself(request, self._living(routed.flow))
        else:
            uri = request.uri
            all_one = self._is_all_one(request, domain)
            targets = self.lookups.targets_now(_aor(request), now, all_one) if isinstance(uri, SipUri) else None
            if targets is None or not isinstance(uri, SipUri):
                return False
            found = targets or self._fallback(request, uri, domain)
            wanted = by_preference(as_asked(found, uri.secure))
            if not wanted:
                status, reason = (480, SIPS_NOT_ALLOWED) if found else self._absent(request, flow, domain, now)
                self.stack.refuse(request, flow, status, (), reason)
                return True
            target = wanted[0]
        # It says nothing in a CANCEL (RFC 5393 5.4.1).
        breadth = 0 if request.method == "CANCEL" else self._breadth(request)
        forward = StatelessForward(request, flow, routed, target, breadth)
        self._know(forward, standing)
        forward.callee_ours = forward.callee_ours or domain is not None
        return self.stateless.at_once(forward)


def _watched(aor: str, domain: ProxyDomain) -> str:
    """An address-of-record under the one name of its domain."""
    return f"{aor.rpartition('@')[0]}@{domain.name}"


def _aor(request: Request) -> str:
    """The address-of-record that a request calls."""
    text = request.request_uri
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else _aor_of(text)


# The same users are called again and again.
@lru_cache(maxsize=4096)
def _remembered(text: str) -> str:
    return _aor_of(text)


def _aor_of(text: str) -> str:
    uri = parse_uri(text)
    return address_of_record(uri) if isinstance(uri, SipUri) else text
