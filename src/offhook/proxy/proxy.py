"""The proxy (RFC 3261 16): a role of the engine, without I/O.

A request goes through `validation` (16.3), access control, route preprocessing (16.4) and the target set (16.5) here;
`branches` forwards it (16.6) and takes what comes back (16.7 to 16.10).
"""

from __future__ import annotations

from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.flow import Flow, Target
from offhook.location.base import address_of_record
from offhook.proxy.access import Access, Pending
from offhook.proxy.branches import Branches
from offhook.proxy.context import ResponseContext
from offhook.proxy.forwarding import Forwarder, query_of
from offhook.proxy.loop import loop_mark
from offhook.proxy.own import OwnNames
from offhook.proxy.preprocessing import preprocess
from offhook.proxy.record_route import OwnRoute, RecordRoutes
from offhook.proxy.settings import ProxyDomain, ProxySettings
from offhook.proxy.target_uri import TargetUri
from offhook.proxy.targets import Lookups, by_preference, fallback_target
from offhook.proxy.validation import Refusal, validate
from offhook.sip.message import Request
from offhook.sip.serializer import reply
from offhook.sip.uri import SipUri
from offhook.stack import ServerTransaction, Stack
from offhook.transaction.effects import Effect, Resolved

__all__ = ["Proxy"]

_DIALOG_FORMING = frozenset(("INVITE", "SUBSCRIBE", "REFER"))


class StatelessForward:
    """A request that is forwarded without state once its next hop is known."""

    __slots__ = ("arrival", "own_routes", "request", "target")

    def __init__(self, request: Request, target: TargetUri, own_routes: int, arrival: Flow) -> None:
        self.request = request
        self.target = target
        self.own_routes = own_routes
        self.arrival = arrival


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
        self.forwarder = Forwarder(self.record_routes)
        self.branches = Branches(stack, self.forwarder, self.settings)

    def request(self, request: Request, flow: Flow, now: Moment) -> None:
        """Take a request that matches no transaction. Raises ParseError and ProtocolError when it is to be refused."""
        received = request
        request = preprocess(received, self.own)
        method = request.method
        if method == "ACK":
            self._ack(request, flow, now)
            return
        mark = loop_mark(request)
        refusal = validate(request, mark, self.own)
        if refusal is not None:
            self.stack.refuse(request, flow, refusal.status, refusal.headers)
            return
        routed = self._own_route(request)
        domain = None if routed.decides else self._domain(request)
        if method == "CANCEL" and (domain is None or not domain.stateless):
            # 16.10 would forward it; but what this proxy forwarded with state, it would know.
            self.stack.refuse(request, flow, 481)
            return
        verdict = None if method == "CANCEL" else self.access.check(request, flow, routed.proven, now)
        if isinstance(verdict, Refusal):
            self.stack.refuse(request, flow, verdict.status, verdict.headers)
        elif domain is not None and domain.stateless and not isinstance(verdict, Pending):
            self._forward_stateless(request, domain, routed.count, flow, now)
        else:
            context = self._context(request, self.stack.accept(received, flow, now), flow, mark, routed, now)
            if isinstance(verdict, Pending):
                self.access.start(request, flow, context, now)
            else:
                self._determine_targets(context, now)

    def admitted(self, context: ResponseContext, refusal: Refusal | None, now: Moment) -> None:
        """The verdict of a check that took time."""
        if context.done or context.cancelled:
            return
        if refusal is None:
            self._determine_targets(context, now)
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
        if not targets and isinstance(uri, SipUri):
            targets = fallback_target(uri, self.domains.get(self.own.domain_of(uri) or ""))
            if not targets:
                self.branches.refuse(context, 480 if self.lookups.is_known(address_of_record(uri)) else 404, now)
                return
        context.waiting = by_preference(targets)
        self.branches.launch(context, now)

    def receive(self, event: Effect, now: Moment) -> None:
        """Take an event that concerns a branch or a response context."""
        if isinstance(event, Resolved) and isinstance(event.user, StatelessForward):
            if event.targets:
                self._send_stateless(event.user, event.targets[0])
        else:
            self.branches.receive(event, now)

    # Within

    def _context(
        self, request: Request, server: ServerTransaction, flow: Flow, mark: str, routed: OwnRoute, now: Moment
    ) -> ResponseContext:
        context = ResponseContext(request, server, flow, mark)
        context.server.user = context
        context.breadth = self._breadth(request)
        context.own_routes = routed.count
        context.by_route = routed.decides
        context.way = routed.flow
        method = request.method
        context.record_route = self.settings.record_route and method in _DIALOG_FORMING and request.to_tag is None
        if method == "INVITE":
            # At once, so that the caller stops sending again while a look-up or a phone takes its time (16.2).
            self.stack.respond(context.server, reply(request, 100).response(), now)
        return context

    def _breadth(self, request: Request) -> int:
        """Incoming Max-Breadth (RFC 5393 5.3.3): 60 without one, and never more than is allowed here."""
        given = request.octets("max-breadth")
        if given is None or not given.isdigit() or len(given) > 9:
            return self.settings.max_breadth
        return min(int(given), self.settings.max_breadth)

    def _own_route(self, request: Request) -> OwnRoute:
        """Which of the topmost Routes are ours (16.4), and whether a MAC proves the dialog."""
        if "route" not in request.keys:
            return OwnRoute()
        return self.record_routes.read(request, request.routes)

    def _domain(self, request: Request) -> ProxyDomain | None:
        uri = request.uri
        return self.domains.get(self.own.domain_of(uri) or "") if isinstance(uri, SipUri) else None

    def _living(self, flow: Flow | None) -> Flow | None:
        return flow if flow is not None and self.stack.is_open(flow) else None

    def _determine_targets(self, context: ResponseContext, now: Moment) -> None:
        """Determining request targets (16.5): the Request-URI itself, unless a domain of ours is called.

        Who wrote a Route beyond us wants the request to go there first, as it is.
        """
        request = context.request
        uri = request.uri
        if context.by_route or not isinstance(uri, SipUri) or self.own.domain_of(uri) is None:
            context.waiting = [TargetUri(request.request_uri, self._living(context.way))]
            self.branches.launch(context, now)
            return
        aor = address_of_record(uri)
        targets = self.lookups.targets_now(aor, now)
        if targets is None:
            self.lookups.start(aor, context, now)
        else:
            self.located(context, targets, now)

    def _ack(self, request: Request, flow: Flow, now: Moment) -> None:
        """The ACK to a 2xx passes by its Routes without state; to a stateless domain, by its Request-URI.

        Any other belongs to nothing and is dropped.
        """
        if request.max_forwards == 0:
            return
        routed = self._own_route(request)
        if routed.proven:
            target = TargetUri(request.request_uri, self._living(routed.flow))
            self._send_when_resolved(StatelessForward(request, target, routed.count, flow))
            return
        domain = None if routed.decides else self._domain(request)
        if domain is not None and domain.stateless:
            self._forward_stateless(request, domain, routed.count, flow, now)

    def _forward_stateless(
        self, request: Request, domain: ProxyDomain, own_routes: int, flow: Flow, now: Moment
    ) -> None:
        """Stateless forwarding (16.11): one target, chosen by the message and the location service alone."""
        uri = request.uri
        if not isinstance(uri, SipUri):
            raise ProtocolError("not a SIP URI", status=416, clause="RFC 3261 16.3 step 2")
        found = self.lookups.targets_now(address_of_record(uri), now)
        targets = by_preference(found) if found else fallback_target(uri, domain)
        if targets:
            self._send_when_resolved(StatelessForward(request, targets[0], own_routes, flow))
        else:
            self.stack.refuse(request, flow, 480 if self.lookups.is_known(address_of_record(uri)) else 404)

    def _send_when_resolved(self, forward: StatelessForward) -> None:
        if forward.target.flow is not None:
            self._send_stateless(forward, self.stack.target_over(forward.target.flow))
            return
        uri = self.forwarder.next_hop(forward.request, forward.target, forward.own_routes)
        hops = self.stack.resolve(query_of(uri), forward, None)
        if hops:
            self._send_stateless(forward, hops[0])

    def _send_stateless(self, forward: StatelessForward, hop: Target) -> None:
        request = forward.request
        draft = self.forwarder.copy(request, forward.target, forward.own_routes, 0)
        self.forwarder.fix_strict_route(draft, request, forward.target, forward.own_routes)
        self.stack.forward_stateless(draft, request, hop, forward.arrival)
