"""The ACK to a 2xx, which the user agent's core sends itself (RFC 3261 13.2.2.4)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.clock import Moment
from offhook.dialog.dialog import Dialog
from offhook.errors import SipError
from offhook.flow import Flow, Target
from offhook.sip.message import Request
from offhook.sip.serializer import Draft
from offhook.transaction.failover import VIA_ROOM, widen
from offhook.ua.context import Context
from offhook.ua.transaction_user import TransactionUser

__all__ = ["Acknowledgement"]


class Acknowledgement(TransactionUser):
    """The ACK to one 2xx, sent for the first time by `start` and again for each repetition of the 2xx.

    `invite` is what is acknowledged, for its number and its credentials; `answer` a session description or empty.
    `on_sent` is called once, also when there is no way to send it. What is too large for a datagram goes by TCP, and
    again by UDP where the peer takes no connection (18.1.1).
    """

    def __init__(
        self, context: Context, dialog: Dialog, invite: Request, answer: bytes, on_sent: Callable[[Moment], None]
    ) -> None:
        self._context = context
        self._dialog = dialog
        self._invite = invite
        self._answer = answer
        self._on_sent = on_sent
        self._targets: list[Target] = []
        self._request: Request | None = None
        self._flow: Flow | None = None

    def start(self, now: Moment) -> None:
        """Send the ACK as soon as its target is known."""
        try:
            dialog = self._dialog
            query = self._context.query(dialog.next_hop, dialog.remote_target, dialog.secure)
            targets = self._context.stack.resolve(query, self, None)
        except SipError:
            targets = []
        if targets is not None:
            self.on_resolved(None, targets, None, now)

    def repeat(self, now: Moment) -> None:
        """The 2xx came again: the ACK was lost, or was too slow."""
        stack = self._context.stack
        if self._request is None:
            return
        if len(self._targets) > 1 and self._flow is not None and not stack.is_open(self._flow):
            self._targets.pop(0)
            self._send()
        else:
            stack.transmit(self._request, self._targets[0])

    def on_resolved(self, token: object, targets: list[Target], error: Exception | None, now: Moment) -> None:
        if targets:
            self._targets = widen(targets[:1], self._draft().size + VIA_ROOM)
            self._send()
        self._on_sent(now)

    def _draft(self) -> Draft:
        draft = self._dialog.draft("ACK", self._invite.cseq_number)
        # The same credentials as the INVITE, for an ACK cannot be challenged (RFC 3261 22.1).
        draft.copy("Authorization", self._invite).copy("Proxy-Authorization", self._invite)
        draft.add("User-Agent", self._context.settings.user_agent)
        return draft.body(self._answer, "application/sdp") if self._answer else draft

    def _send(self) -> None:
        stack = self._context.stack
        self._flow = stack.flow_to(self._targets[0])
        self._request = stack.send_ack(self._draft(), self._targets[0])
