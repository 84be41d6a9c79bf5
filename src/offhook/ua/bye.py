"""Sending BYE (RFC 3261 15.1.1)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.clock import Moment
from offhook.dialog.dialog import Dialog
from offhook.security.digest_client import DigestClient
from offhook.sip.message import Response
from offhook.transaction.machine import Transaction
from offhook.ua.context import Context
from offhook.ua.events import Failure
from offhook.ua.in_dialog import DialogRequest

__all__ = ["Bye"]


class Bye(DialogRequest):
    """One BYE; `reason` is the value of its Reason header (RFC 3326).

    `on_answered` is called when the peer has answered, or will not. `on_ended` is called when the transaction has
    ended: the dialog is over then, whatever the answer was (15.1.1).
    """

    def __init__(
        self,
        context: Context,
        dialog: Dialog,
        digest: DigestClient,
        on_answered: Callable[[], None],
        on_ended: Callable[[Moment], None],
        reason: str | None = None,
    ) -> None:
        super().__init__(context, dialog, digest, "BYE", () if reason is None else (("Reason", reason),))
        self._on_answered = on_answered
        self._on_ended = on_ended

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        self._on_answered()

    def on_failure(self, failure: Failure, now: Moment) -> None:
        self._on_answered()

    def on_over(self, now: Moment) -> None:
        self._on_ended(now)
