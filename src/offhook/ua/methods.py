"""The methods that a user agent has machines for: one row per method.

A method that lives in dialogs needs its row and its act alone. Those that begin something outside of a dialog are told
apart by `offhook.ua.core`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.clock import Moment
from offhook.sip.message import Request
from offhook.stack import ServerTransaction
from offhook.ua.context import MESSAGE
from offhook.ua.invite_session import InviteSession
from offhook.ua.prack import receive_prack
from offhook.ua.reinvite import receive_reinvite
from offhook.ua.update import receive_update

__all__ = ["METHODS", "SERVED", "Method"]

Act = Callable[[InviteSession, Request, ServerTransaction, Moment], None]


class Method:
    """`within` takes a request within a dialog; without it such a request is answered as if it had come outside.

    `described`: its body is a session description for us. Whoever takes our messages takes them of any type. A BYE ends
    its call whatever body comes with it, which deviates from 8.2.3: a refusal would keep the call alive at one end.
    """

    __slots__ = ("described", "within")

    def __init__(self, described: bool, within: Act | None = None) -> None:
        self.described = described
        self.within = within


METHODS: Final = {
    "INVITE": Method(True, receive_reinvite),
    "ACK": Method(True),
    "CANCEL": Method(False),
    "BYE": Method(False, InviteSession.receive_bye),
    "OPTIONS": Method(True),
    "PRACK": Method(True, receive_prack),
    "UPDATE": Method(True, receive_update),
    MESSAGE: Method(False),
}
"""In the order in which Allow names them (RFC 3261 20.5)."""

SERVED: Final = {name: method.described for name, method in METHODS.items()}
"""What a `Context` has to know of them."""
