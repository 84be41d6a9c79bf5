"""The response context (RFC 3261 16.2): one request that came in, its branches, and what they answered."""

from __future__ import annotations

from offhook.clock import Timer
from offhook.flow import Flow, Target
from offhook.proxy.passage import Passage
from offhook.proxy.record_route import OwnRoute
from offhook.proxy.settings import ProxyDomain
from offhook.proxy.target_uri import TargetUri
from offhook.sip.message import Request, Response
from offhook.stack import ServerTransaction
from offhook.transaction.machine import Transaction

__all__ = ["Branch", "ResponseContext"]


class Branch:
    """One target that the request is forwarded to.

    `next_hops` are the resolved addresses of its next hop, tried one after the other (RFC 3263 4.3); `put_back` the one
    that waits there for TCP to fail. `heard` is the monotonic second of its last sign of life, from which Timer C
    counts. `status` is its final answer, received or made up (408, 503), 0 while it is pending; `response` the received
    one.
    """

    __slots__ = (
        "breadth",
        "context",
        "heard",
        "next_hops",
        "put_back",
        "response",
        "status",
        "target",
        "timer_c",
        "transaction",
    )

    def __init__(self, context: ResponseContext, target: TargetUri, breadth: int) -> None:
        self.context = context
        self.target = target
        self.breadth = breadth
        self.next_hops: list[Target] = []
        self.put_back: Target | None = None
        self.transaction: Transaction | None = None
        self.timer_c: Timer | None = None
        self.heard = 0.0
        self.status = 0
        self.response: Response | None = None


class ResponseContext(Passage):
    """`server` is the server transaction of a request that passes with state.

    `waiting` are targets of lower preference that are tried when those before have failed. `breadth` is what all
    branches under way may have of Max-Breadth together. `domain` is the served domain that is called, None where the
    route decides or somebody else's is. `claimed`: it is within a dialog of ours, but its sender has to show first who
    it is.
    """

    __slots__ = (
        "branches",
        "breadth",
        "cancelled",
        "claimed",
        "domain",
        "done",
        "mark",
        "server",
        "waiting",
        "watched",
    )

    def __init__(self, request: Request, server: ServerTransaction, arrival: Flow, routed: OwnRoute, mark: str) -> None:
        super().__init__(request, arrival, routed)
        self.server = server
        self.mark = mark
        self.branches: list[Branch] = []
        self.waiting: list[TargetUri] = []
        self.breadth = 0
        self.domain: ProxyDomain | None = None
        self.claimed = False
        self.watched = ""
        self.cancelled = False
        self.done = False
        """Whether a final response was forwarded."""

    @property
    def pending(self) -> bool:
        """Whether a branch has no final answer yet."""
        return any(not branch.status for branch in self.branches)

    @property
    def closed(self) -> bool:
        """Whether no further branch may be made: after a final response, a CANCEL or a 6xx (16.7 step 5, 16.10)."""
        return self.done or self.cancelled or any(branch.status >= 600 for branch in self.branches)

    def release(self) -> None:
        """Let go of the branches once all transactions have ended (16.7 step 9), so that nothing points in circles."""
        if not self.server.terminated:
            return
        for branch in self.branches:
            if branch.transaction is not None:
                return
        self.branches = []
        self.waiting = []

    def free_breadth(self) -> int:
        """What is left of Max-Breadth: a branch gives its part back with its final answer (RFC 5393 5.3.3.1)."""
        free = self.breadth
        for branch in self.branches:
            if not branch.status:
                free -= branch.breadth
        return free
