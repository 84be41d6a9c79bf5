"""Stateless forwarding (RFC 3261 16.11): one target, nothing kept, the same again for what comes again.

Whatever would have to be remembered makes a request stateful instead: a choice that chance has a part in (RFC 3263
4.4), and a change of transport, where reliable delivery ends or TLS does (16.1).

Budget on CPython 3.11, parser and engine included: 80 us for an INVITE, 40 us for any other request
(`python -m bench.engine --only "stateless call"`).
"""

from __future__ import annotations

from typing import Final

from offhook.flow import Flow, Query, Target
from offhook.proxy.forwarding import Forwarder
from offhook.proxy.passage import Passage
from offhook.proxy.record_route import OwnRoute
from offhook.proxy.target_uri import TargetUri
from offhook.sip.message import Request, size_of
from offhook.sip.serializer import Draft
from offhook.stack import Stack
from offhook.transaction.effects import Resolved
from offhook.transaction.failover import LARGEST_DATAGRAM, VIA_ROOM

__all__ = ["StatelessForward", "StatelessForwarding"]

_FOLLOWING: Final = frozenset(("ACK", "CANCEL"))
"""They go the way of their INVITE, whatever their size."""


class StatelessForward(Passage):
    """A request with the one target that it goes to; `breadth` is its Max-Breadth, 0 for none."""

    __slots__ = ("breadth", "target")

    def __init__(self, request: Request, arrival: Flow, routed: OwnRoute, target: TargetUri, breadth: int) -> None:
        super().__init__(request, arrival, routed)
        self.stateless = True
        self.target = target
        self.breadth = breadth


class StatelessForwarding:
    """Sends on what needs no transaction. Every act may raise ParseError and ProtocolError."""

    __slots__ = ("_forwarder", "_stack")

    def __init__(self, stack: Stack, forwarder: Forwarder) -> None:
        self._stack = stack
        self._forwarder = forwarder

    def at_once(self, forward: StatelessForward) -> bool:
        """Forward a request that needs no look-up and stays on its transport; False when it has to be stateful.

        So it has to be where there is a second server, for when the first does not answer (RFC 3263 4.4), and where it
        is too large for a datagram (18.1.1). An ACK is answered by nobody, and has no other way.
        """
        hop = self._way(forward.target)
        if hop is None:
            hops = self._stack.resolve_now(self._next_hop(forward))
            if not hops or (len(hops) > 1 and forward.request.method != "ACK"):
                return False
            hop = hops[0]
        if hop.transport != forward.arrival.transport:
            return False
        request = forward.request
        bound = hop.stream is not None and request.method not in _FOLLOWING
        # What is too large as it came is known to be without a copy.
        if bound and size_of(request.lines, request.body) + VIA_ROOM > LARGEST_DATAGRAM:
            return False
        draft = self._draft(forward, hop)
        if bound and draft.size + VIA_ROOM > LARGEST_DATAGRAM:
            return False
        self._stack.forward_stateless(draft, request, hop, forward.arrival)
        return True

    def when_resolved(self, forward: StatelessForward) -> None:
        """Forward a request that nobody answers, such as the ACK to a 2xx, as soon as its next hop is known."""
        hop = self._way(forward.target)
        hops = self._stack.resolve(self._next_hop(forward), forward, None) if hop is None else [hop]
        if hops:
            self._send(forward, hops[0])

    def resolved(self, event: Resolved) -> None:
        """Take the answer that a request waited for. Without one there is nobody to tell."""
        forward = event.user
        if isinstance(forward, StatelessForward) and event.targets:
            self._stack.forward_stateless(
                self._draft(forward, event.targets[0]), forward.request, event.targets[0], forward.arrival
            )

    def _way(self, target: TargetUri) -> Target | None:
        flow = target.flow
        return self._stack.target_over(flow) if flow is not None and (flow.secure or not target.secure) else None

    def _next_hop(self, forward: StatelessForward) -> Query:
        return self._forwarder.next_hop(forward.request, forward.target, forward.routed)

    def _send(self, forward: StatelessForward, hop: Target) -> None:
        self._stack.forward_stateless(self._draft(forward, hop), forward.request, hop, forward.arrival)

    def _draft(self, forward: StatelessForward, hop: Target) -> Draft:
        return self._forwarder.draft(forward, forward.target, forward.breadth, hop)
