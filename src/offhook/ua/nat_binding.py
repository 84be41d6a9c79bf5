"""The binding of an INVITE at a NAT, which may age long before anybody answers (RFC 3581 3)."""

from __future__ import annotations

from typing import Final

from offhook.clock import Moment, Timer
from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.sip.host import bracketed_host, canonical_host
from offhook.sip.message import Response
from offhook.stack import Stack
from offhook.transaction.machine import State, Transaction
from offhook.ua.transaction_user import TransactionUser

__all__ = ["NatBinding", "is_translated"]

REFRESH: Final = 20.0
"""Seconds after which an INVITE is sent again: most bindings of UDP last for a minute."""


class NatBinding(TransactionUser):
    """Sends an INVITE again while its callee rings, when its provisional response tells of a NAT on the way.

    The server absorbs the repetition; what it answers is the provisional response that is there already.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._transaction: Transaction | None = None
        self._timer: Timer | None = None

    def heard(self, response: Response, transaction: Transaction, now: Moment) -> None:
        """A provisional response came."""
        if self._timer is None and transaction.request.method == "INVITE" and is_translated(response, transaction.flow):
            self._transaction = transaction
            self._start(now)

    def end(self) -> None:
        """The final response is there."""
        if self._timer is not None:
            self._stack.cancel_timer(self._timer)
            self._timer = None

    def on_timer(self, event: str, now: Moment) -> None:
        self._timer = None
        transaction = self._transaction
        if transaction is not None and transaction.state is State.PROCEEDING:
            self._stack.transmit(transaction.request, self._stack.target_over(transaction.flow))
            self._start(now)

    def _start(self, now: Moment) -> None:
        self._timer = self._stack.start_timer(REFRESH, self, "NAT binding", now)


def is_translated(response: Response, flow: Flow) -> bool:
    """Whether a response over datagrams says that our request came from elsewhere than where we sent it from."""
    try:
        vias = [] if flow.reliable else response.vias[:1]
    except ParseError:
        return False
    host, port = flow.local
    return any(
        via.received is not None
        and via.rport is not None
        and (via.rport != port or _canonical(via.received) != _canonical(host))
        for via in vias
    )


def _canonical(host: str) -> str:
    return canonical_host(bracketed_host(host))
