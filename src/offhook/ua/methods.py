"""The methods that a user agent has machines for: one row per method, which needs its act besides and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from offhook.clock import Moment
from offhook.sip.message import Request
from offhook.stack import ServerTransaction
from offhook.ua.context import MESSAGE, Context
from offhook.ua.invite_session import InviteSession
from offhook.ua.media import MediaProvider
from offhook.ua.message import ReceivedMessage, receive_message
from offhook.ua.options import receive_options
from offhook.ua.prack import receive_prack
from offhook.ua.reinvite import receive_reinvite
from offhook.ua.update import receive_update

__all__ = ["METHODS", "SERVED", "Callee", "Method"]


class Callee(Protocol):
    """The user agent as those see it who answer what comes outside of a dialog."""

    @property
    def context(self) -> Context: ...

    @property
    def media(self) -> MediaProvider: ...

    def invite_status(self) -> int:
        """What an INVITE would get now (RFC 3261 11.2)."""

    def receive_invite(self, request: Request, transaction: ServerTransaction, now: Moment) -> None:
        """Take a call."""

    def take_message(self, message: ReceivedMessage) -> bool:
        """Take a message; false where nobody does."""


Within = Callable[[InviteSession, Request, ServerTransaction, Moment], None]
Outside = Callable[[Callee, Request, ServerTransaction, Moment], None]


class Method:
    """`within` takes a request within a dialog; without it such a request is answered as if it had come outside.

    `outside` takes one that comes outside of any dialog; without it there is none that could be meant.

    `described`: its body is a session description for us. Whoever takes our messages takes them of any type. A BYE ends
    its call whatever body comes with it, which deviates from 8.2.3: a refusal would keep the call alive at one end.
    """

    __slots__ = ("described", "outside", "within")

    def __init__(self, described: bool, within: Within | None = None, outside: Outside | None = None) -> None:
        self.described = described
        self.within = within
        self.outside = outside


def _call(callee: Callee, request: Request, transaction: ServerTransaction, now: Moment) -> None:
    callee.receive_invite(request, transaction, now)


def _options(callee: Callee, request: Request, transaction: ServerTransaction, now: Moment) -> None:
    # Within a dialog it is always 200: what is asked for is another INVITE of the same call (11.2).
    status = callee.invite_status() if request.to_tag is None else 200
    receive_options(callee.context, request, transaction, status, callee.media, now)


def _message(callee: Callee, request: Request, transaction: ServerTransaction, now: Moment) -> None:
    receive_message(callee.context, request, transaction, callee.take_message, now)


METHODS: Final = {
    "INVITE": Method(True, receive_reinvite, _call),
    "ACK": Method(True),
    "CANCEL": Method(False),
    "BYE": Method(False, InviteSession.receive_bye),
    "OPTIONS": Method(True, None, _options),
    "PRACK": Method(True, receive_prack),
    "UPDATE": Method(True, receive_update),
    MESSAGE: Method(False, None, _message),
}
"""In the order in which Allow names them (RFC 3261 20.5)."""

SERVED: Final = {name: method.described for name, method in METHODS.items()}
"""What a `Context` has to know of them."""
