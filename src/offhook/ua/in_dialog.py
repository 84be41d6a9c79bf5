"""A request of ours within a dialog, other than INVITE (RFC 3261 12.2.1)."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.dialog.dialog import Dialog
from offhook.flow import Target
from offhook.security.digest_client import DigestClient
from offhook.sip.message import Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import Uri
from offhook.transaction.machine import Transaction
from offhook.ua.client import ClientRequest
from offhook.ua.context import Context
from offhook.ua.events import Failure

__all__ = ["DialogRequest"]


class DialogRequest:
    """One request with a header of its own; what becomes of it matters only to those who override."""

    def __init__(
        self, context: Context, dialog: Dialog, digest: DigestClient, method: str, headers: tuple[tuple[str, str], ...]
    ) -> None:
        self._context = context
        self._dialog = dialog
        self._digest = digest
        self._method = method
        self._headers = headers

    def send(self, now: Moment) -> None:
        """Send it."""
        dialog = self._dialog
        uri, secure = dialog.remote_target, dialog.secure
        ClientRequest(self._context, uri, dialog.next_hop, self, self._digest, secure=secure).start(now)

    # RequestUser

    def next_cseq(self) -> int:
        return self._dialog.next_cseq()

    def draft(self, uri: Uri, target: Target, number: int) -> Draft:
        draft = self._dialog.draft(self._method, number)
        for name, value in self._headers:
            draft.add(name, value)
        return draft.add("User-Agent", self._context.settings.user_agent)

    def on_provisional(self, response: Response, transaction: Transaction, now: Moment) -> None:
        """Nothing is made of it."""

    def on_retry(self, now: Moment) -> None:
        """Nothing had begun."""

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        """The peer took it."""

    def on_failure(self, failure: Failure, now: Moment) -> None:
        """The peer refused it, or did not answer."""

    def on_over(self, now: Moment) -> None:
        """The last transaction is over."""
