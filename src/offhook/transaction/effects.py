"""What the engine gives out: effects for the driver, events for a role.

They queue in the order in which they arose and are taken by `Stack.drain`. `kind` tells them apart without a chain
of isinstance.
"""

from __future__ import annotations

from typing import Final

from offhook.flow import Flow, Query, Target
from offhook.sip.message import Request, Response
from offhook.transaction.machine import Transaction

__all__ = [
    "CANCELLED",
    "CLOSE",
    "CONNECT",
    "ENDED",
    "FLOW_CLOSED",
    "REQUEST",
    "RESOLVE",
    "RESOLVED",
    "RESPONSE",
    "RESPONSE_LOST",
    "TIMER",
    "TRANSMIT",
    "Cancelled",
    "Close",
    "Connect",
    "Effect",
    "Ended",
    "FlowClosed",
    "RequestReceived",
    "Resolve",
    "Resolved",
    "ResponseLost",
    "ResponseReceived",
    "TimerFired",
    "Transmit",
]

TRANSMIT: Final = 0
CONNECT: Final = 1
CLOSE: Final = 2
RESOLVE: Final = 3
REQUEST: Final = 4
RESPONSE: Final = 5
CANCELLED: Final = 6
ENDED: Final = 7
TIMER: Final = 8
RESOLVED: Final = 9
FLOW_CLOSED: Final = 10
RESPONSE_LOST: Final = 11


class Effect:
    """Anything that the engine gives out. Kinds up to RESOLVE are for the driver, the others for the role."""

    __slots__ = ("kind",)

    kind: int


class Transmit(Effect):
    """Send `data` over `flow`. Octets for a flow that is still connecting wait in the driver."""

    __slots__ = ("data", "flow")

    def __init__(self, data: bytes, flow: Flow) -> None:
        self.kind = TRANSMIT
        self.data = data
        self.flow = flow


class Connect(Effect):
    """Open a connection to `target`; it is `flow` from now on, whether it comes about or not."""

    __slots__ = ("flow", "target")

    def __init__(self, flow: Flow, target: Target) -> None:
        self.kind = CONNECT
        self.flow = flow
        self.target = target


class Close(Effect):
    """Close a connection once what was given for it is written."""

    __slots__ = ("flow",)

    def __init__(self, flow: Flow) -> None:
        self.kind = CLOSE
        self.flow = flow


class Resolve(Effect):
    """Find the targets of `query` (RFC 3263) and call `Stack.resolved` with them or the error."""

    __slots__ = ("query",)

    def __init__(self, query: Query) -> None:
        self.kind = RESOLVE
        self.query = query


class Resolved(Effect):
    """The answer to a Resolve that `user` asked for with `token`; `error` is set when there is no target."""

    __slots__ = ("error", "targets", "token", "user")

    def __init__(self, user: object, token: object, targets: list[Target], error: Exception | None) -> None:
        self.kind = RESOLVED
        self.user = user
        self.token = token
        self.targets = targets
        self.error = error


class RequestReceived(Effect):
    """A request that matches no transaction (an ACK to a 2xx is one; one that comes over an Accepted INVITE server
    transaction names it). The role accepts it, replies without state, forwards without state, or drops it.

    A role that has to wait before it can answer accepts first: until then, what is sent again is told again.
    """

    __slots__ = ("flow", "request", "transaction")

    def __init__(self, request: Request, flow: Flow, transaction: Transaction | None = None) -> None:
        self.kind = REQUEST
        self.request = request
        self.flow = flow
        self.transaction = transaction


class ResponseReceived(Effect):
    """A response that a client transaction passes to its user."""

    __slots__ = ("response", "transaction")

    def __init__(self, response: Response, transaction: Transaction) -> None:
        self.kind = RESPONSE
        self.response = response
        self.transaction = transaction


class Cancelled(Effect):
    """An INVITE server transaction without a final response was cancelled; the CANCEL has its 200 (RFC 3261 9.2)."""

    __slots__ = ("request", "transaction")

    def __init__(self, request: Request, transaction: Transaction) -> None:
        self.kind = CANCELLED
        self.request = request
        self.transaction = transaction


class Ended(Effect):
    """A transaction is over. `cause`: "timeout" or "transport" when its user has to act, "terminated" otherwise."""

    __slots__ = ("cause", "reason", "transaction")

    def __init__(self, transaction: Transaction, cause: str, reason: str = "") -> None:
        self.kind = ENDED
        self.transaction = transaction
        self.cause = cause
        self.reason = reason


class ResponseLost(Effect):
    """What a server transaction sent could not be delivered (RFC 3261 17.2.4); the transaction goes on (RFC 6026 8.8).

    Nothing has to be done: a response that matters is asked for again, and the FlowClosed that follows says why.
    """

    __slots__ = ("transaction",)

    def __init__(self, transaction: Transaction) -> None:
        self.kind = RESPONSE_LOST
        self.transaction = transaction


class TimerFired(Effect):
    """A timer that a role started with `Stack.start_timer` is due."""

    __slots__ = ("event", "user")

    def __init__(self, user: object, event: str) -> None:
        self.kind = TIMER
        self.user = user
        self.event = event


class FlowClosed(Effect):
    """A stream has ended, or an address cannot be reached; bindings and dialogs over it may care."""

    __slots__ = ("flow", "reason")

    def __init__(self, flow: Flow, reason: str) -> None:
        self.kind = FLOW_CLOSED
        self.flow = flow
        self.reason = reason
