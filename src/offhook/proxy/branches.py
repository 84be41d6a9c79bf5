"""Forking and what comes back (RFC 3261 16.6 to 16.10).

Budget on CPython 3.11, parser and engine included: 30 us for a response (`python -m bench.engine --only
call`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.clock import Moment
from offhook.errors import InvalidState, ParseError, ProtocolError
from offhook.flow import Target
from offhook.proxy.context import Branch, ResponseContext
from offhook.proxy.forwarding import Forwarder
from offhook.proxy.responses import best_branch, final_response
from offhook.proxy.settings import ProxySettings
from offhook.proxy.target_uri import TargetUri
from offhook.proxy.targets import as_sip, by_preference, is_among
from offhook.proxy.watch import Watch
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft, reply, without_top_via
from offhook.stack import Stack
from offhook.transaction.effects import Cancelled, Effect, Ended, Resolved, ResponseReceived, TimerFired
from offhook.transaction.failover import LARGEST_DATAGRAM, calls_for_next
from offhook.transaction.machine import State

__all__ = ["Branches"]

TIMER_C: Final = "Timer C"
_VIA_ROOM: Final = 90
"""Octets of a Via of ours, about, without its sent-by."""
_MOST_TARGETS: Final = 100
"""How many targets one request may have in all: a user could register others for as long as it rings."""


class Branches:
    """Sends the copies of a request and decides what of their answers goes back.

    `unreachable` is called with a request for which a next hop is an unknown host or cannot be reached, and why.
    """

    __slots__ = ("_forwarder", "_settings", "_stack", "unreachable", "watch")

    def __init__(self, stack: Stack, forwarder: Forwarder, settings: ProxySettings) -> None:
        self.watch = Watch()
        self.unreachable: Callable[[Request, str, Moment], None] = _nobody
        self._stack = stack
        self._forwarder = forwarder
        self._settings = settings

    # 16.6: forwarding

    def launch(self, context: ResponseContext, now: Moment) -> None:
        """Fork to the waiting targets of the highest preference, all at once; 440 when Max-Breadth forbids it."""
        targets = context.waiting
        if len(targets) > 1:
            targets = [target for target in targets if target.q == targets[0].q]
        context.waiting = context.waiting[len(targets) :]
        free = context.free_breadth()
        if len(targets) > free:
            context.waiting = []
            self._settle(context, 440, now)
            return
        self._fork(context, targets, free, now)

    def join(self, context: ResponseContext, targets: list[TargetUri], now: Moment) -> None:
        """Add what became known while the request is under way to the target set, each URI once (16.5).

        A URI that is tried already is none the newer for another flow.
        """
        if context.closed or len(context.branches) + len(context.waiting) >= _MOST_TARGETS:
            return
        tried = [branch.target for branch in context.branches]
        new = [target for target in targets if not is_among(target, tried + context.waiting)]
        if new:
            context.waiting = by_preference(context.waiting + new)
            self._fork_to_joined(context, now)

    def _fork_to_joined(self, context: ResponseContext, now: Moment) -> None:
        """Let targets that joined late ring beside those of their preference, as far as Max-Breadth has room."""
        least = min([branch.target.q for branch in context.branches])
        free = context.free_breadth()
        joined = [target for target in context.waiting if target.q >= least][:free]
        if joined:
            context.waiting = context.waiting[len(joined) :]
            self._fork(context, joined, free, now)

    def _fork(self, context: ResponseContext, targets: list[TargetUri], free: int, now: Moment) -> None:
        # The parts differ by one at most and add up to what is free.
        branches = [
            Branch(context, target, (free + position) // len(targets)) for position, target in enumerate(targets)
        ]
        context.branches += branches
        for branch in branches:
            self._resolve(branch, now)

    def _resolve(self, branch: Branch, now: Moment) -> None:
        """Step 7: the next hop, at once or when the answer of RFC 3263 is there."""
        context = branch.context
        target = branch.target
        flow = target.flow
        if flow is not None and (flow.secure or not target.secure):
            branch.next_hops = [self._stack.target_over(flow)]
        else:
            try:
                query = self._forwarder.next_hop(context.request, target, context.routed)
            except (ParseError, ProtocolError) as error:
                self._conclude(branch, error.status, None, now)
                return
            hops = self._stack.resolve(query, branch, None)
            if hops is None:
                return
            branch.next_hops = self._available(branch, hops, now)
        self._try_next(branch, 503, now)

    def _available(self, branch: Branch, hops: list[Target], now: Moment) -> list[Target]:
        """The addresses without servers that want no requests now (21.5.4); within a dialog there is no other.

        Those that have died come last.
        """
        if branch.context.request.to_tag is not None:
            return self._stack.unavailable.dead_last(hops, now)
        return self._stack.unavailable.without(hops, now)

    def _try_next(self, branch: Branch, status: int, now: Moment) -> None:
        """Send to the next resolved address; `status` is the branch's answer when none is left (RFC 3263 4.3)."""
        if not branch.next_hops or branch.context.done:
            self._conclude(branch, status, None, now)
            return
        hop = branch.next_hops.pop(0)
        try:
            self._send(branch, hop, now)
        except (ParseError, ProtocolError) as error:
            self._conclude(branch, error.status, None, now)

    def _send(self, branch: Branch, hop: Target, now: Moment) -> None:
        """Steps 1 to 11 for one branch and one address."""
        context = branch.context
        draft = self._draft(branch, hop)
        stream = None if hop is branch.put_back else hop.stream
        is_large = draft.size + len(hop.sent_by) + _VIA_ROOM > LARGEST_DATAGRAM
        if stream is not None and is_large and not self._stack.unavailable.is_dead(stream, now):
            # 18.1.1: too large for a datagram, which is only tried when the peer takes no connection. That it took none
            # lately counts too, which deviates from it: no connection would come about.
            branch.next_hops.insert(0, hop)
            branch.put_back = hop
            hop = stream
            draft = self._draft(branch, hop)
        branch.transaction = self._stack.send(draft, hop, now, branch, context.mark)
        if context.request.method == "INVITE":
            branch.heard = now.monotonic
            if branch.timer_c is None:
                self._start_timer_c(branch, self._settings.timer_c, now)

    def _draft(self, branch: Branch, hop: Target) -> Draft:
        return self._forwarder.draft(branch.context, branch.target, branch.breadth, hop)

    def _start_timer_c(self, branch: Branch, seconds: float, now: Moment) -> None:
        """Step 11. What starts it again (16.7 step 2) is only noted, and looked at when it fires."""
        branch.timer_c = self._stack.start_timer(seconds, branch, TIMER_C, now)

    # 16.7 to 16.10: what comes back

    def receive(self, event: Effect, now: Moment) -> None:
        """Take an event whose user is a branch or a response context."""
        if isinstance(event, ResponseReceived):
            branch = event.transaction.user
            if isinstance(branch, Branch) and branch.transaction is event.transaction:
                self._response(branch, event.response, now)
        elif isinstance(event, Ended):
            self._ended(event, now)
        elif isinstance(event, Resolved):
            self._resolved(event, now)
        elif isinstance(event, TimerFired):
            if isinstance(event.user, Branch):
                self._timer_c(event.user, now)
        elif isinstance(event, Cancelled):
            context = event.transaction.user
            if isinstance(context, ResponseContext):
                self.cancel(context, event.request.text("Reason"), now)

    def _resolved(self, event: Resolved, now: Moment) -> None:
        branch = event.user
        if not isinstance(branch, Branch) or branch.status:
            return
        if event.error is not None:
            self.unreachable(branch.context.request, str(event.error), now)
        branch.next_hops = self._available(branch, event.targets, now)
        self._try_next(branch, 503, now)

    def _response(self, branch: Branch, response: Response, now: Moment) -> None:
        """Response processing (16.7)."""
        context = branch.context
        status = response.status
        if status < 200:
            if status > 100:
                self._provisional(branch, response, now)
        elif status < 300:
            self._success(branch, response, now)
        elif calls_for_next(status) and branch.next_hops and not context.cancelled and not context.done:
            # RFC 3263 4.3: an overloaded next hop is passed over, with a transaction of its own for the next.
            self._try_next(branch, status, now)
        elif not self._has_upstream(response):
            self._conclude(branch, 502, None, now)
        elif status != 416 or not self._tries_as_sip(branch, now):
            self._conclude(branch, status, response, now)

    def _tries_as_sip(self, branch: Branch, now: Moment) -> bool:
        """Step 4: whether a SIP URI takes the place of one whose scheme was not understood; the 416 is forgotten."""
        context = branch.context
        target = None if context.closed else as_sip(branch.target, context.request)
        if target is None or is_among(target, [other.target for other in context.branches] + context.waiting):
            return False
        branch.target = target
        self._resolve(branch, now)
        return True

    def _provisional(self, branch: Branch, response: Response, now: Moment) -> None:
        """Steps 2 and 5: Timer C starts again, the response goes back."""
        context = branch.context
        branch.heard = now.monotonic
        if not context.done and context.request.method == "INVITE":
            upstream = without_top_via(response)
            if upstream is not None:
                self._send_back(context, upstream, now)

    def _success(self, branch: Branch, response: Response, now: Moment) -> None:
        """Steps 5, 9 and 10: every 2xx to an INVITE goes back at once, also a second one; nobody rings on after it."""
        context = branch.context
        upstream = without_top_via(response)
        if upstream is None:
            self._conclude(branch, 502, None, now)
            return
        if not context.done or context.request.method == "INVITE":
            self._send_back(context, upstream, now)
        self._finish(context)
        self._end(branch, response.status, None)
        if len(context.branches) > 1 or context.waiting:
            self._cancel_others(context, now)
        # The transactions stay for half a minute; the messages of a call that stands need not.
        remains = context.request.remains()
        context.request = remains
        context.server.shed(remains)
        if branch.transaction is not None:
            branch.transaction.shed(remains)

    def _has_upstream(self, response: Response) -> bool:
        """Step 3: whether another Via than ours is left."""
        return response.top_via.more or len(response.places("via")) > 1

    def _conclude(self, branch: Branch, status: int, response: Response | None, now: Moment) -> None:
        """A branch has failed: try what is left, or answer when it was the last (steps 5 to 9)."""
        context = branch.context
        if branch.status:
            return
        self._end(branch, status, response)
        if status >= 600:
            context.waiting = []
            self._cancel_others(context, now)
        if context.done:
            return
        if context.pending:
            if context.waiting:
                self._fork_to_joined(context, now)
            return
        if context.waiting and not context.cancelled:
            self.launch(context, now)
            return
        best = best_branch(context)
        if best is not None:
            self._finish(context)
            self._send_back(context, final_response(context, best, self._tag(context)), now)

    def _finish(self, context: ResponseContext) -> None:
        context.done = True
        self.watch.end(context)

    def _end(self, branch: Branch, status: int, response: Response | None) -> None:
        branch.status = status
        branch.response = response
        if branch.timer_c is not None:
            self._stack.cancel_timer(branch.timer_c)
            branch.timer_c = None

    def _ended(self, event: Ended, now: Moment) -> None:
        """16.9 and time-outs: a transport failure counts as 503, a time-out as 408."""
        transaction = event.transaction
        user = transaction.user
        transaction.user = None
        if isinstance(user, ResponseContext):
            # Too late for any answer (RFC 4320 4.2): nothing goes back any more.
            self._finish(user)
            user.release()
        elif isinstance(user, Branch) and user.transaction is transaction:
            user.transaction = None
            if not user.status:
                if event.cause == "transport":
                    self.unreachable(user.context.request, event.reason, now)
                status = 487 if user.context.cancelled else 408 if event.cause == "timeout" else 503
                self._try_next(user, status, now)
            user.context.release()

    def _timer_c(self, branch: Branch, now: Moment) -> None:
        """Processing Timer C (16.8): a branch that got a provisional response is cancelled, another counts as 408."""
        branch.timer_c = None
        transaction = branch.transaction
        if branch.status or transaction is None:
            return
        left = branch.heard + self._settings.timer_c - now.monotonic
        if left > 0:
            self._start_timer_c(branch, left, now)
            return
        branch.next_hops = []
        self._stack.cancel(transaction, now)
        if transaction.state is not State.PROCEEDING:
            self._conclude(branch, 408, None, now)

    def cancel(self, context: ResponseContext, reason: str | None, now: Moment) -> None:
        """CANCEL processing (16.10): all pending branches are cancelled; without any the answer is 487."""
        if context.done or context.cancelled:
            return
        context.cancelled = True
        context.waiting = []
        self.watch.end(context)
        if not context.pending:
            self._settle(context, 487, now)
            return
        for branch in context.branches:
            self._cancel_branch(branch, reason, now)

    def _cancel_others(self, context: ResponseContext, now: Moment) -> None:
        """Step 10: no other branch shall ring on after a 2xx or a 6xx, nor be tried at another address (step 5).

        A CANCEL is for INVITE alone (9.1): of other requests the answers are waited for.
        """
        context.waiting = []
        for branch in context.branches:
            self._cancel_branch(branch, None, now)

    def _cancel_branch(self, branch: Branch, reason: str | None, now: Moment) -> None:
        if branch.status:
            return
        branch.next_hops = []
        if branch.transaction is not None:
            self._stack.cancel(branch.transaction, now, reason)
        else:
            self._conclude(branch, 487, None, now)

    # Answers of our own

    def refuse(
        self,
        context: ResponseContext,
        status: int,
        now: Moment,
        headers: tuple[tuple[str, str], ...] = (),
        reason: str | None = None,
    ) -> None:
        """Answer a request that is forwarded nowhere; `reason` is the phrase where it is not the registered one."""
        self._finish(context)
        draft = reply(context.request, status, reason, self._tag(context))
        for name, value in headers:
            draft.add(name, value)
        self._send_back(context, draft.response(), now)

    def _settle(self, context: ResponseContext, status: int, now: Moment) -> None:
        if not context.done and not context.pending:
            self.refuse(context, status, now)

    def _tag(self, context: ResponseContext) -> str:
        """The To tag of an answer of our own; after a CANCEL, that of its answer (9.2)."""
        tag = context.server.to_tag
        return self._stack.ids.tag() if tag is None else tag

    def _send_back(self, context: ResponseContext, response: Response, now: Moment) -> None:
        """Step 9; an answer that comes too late for its transaction is dropped (RFC 4320 4.2, RFC 6026 7.3)."""
        if response.status == 408 and context.request.method != "INVITE":
            return
        try:
            self._stack.respond(context.server, response, now)
        except InvalidState:
            return


def _nobody(request: Request, reason: str, now: Moment) -> None:
    """Stands where nobody wants to know which next hop cannot be reached."""
