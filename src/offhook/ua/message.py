"""MESSAGE, sent and received (RFC 3428)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.flow import Target
from offhook.sip.headers.address import NameAddr
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import Uri
from offhook.stack import ServerTransaction
from offhook.transaction.machine import Transaction
from offhook.ua.context import Context
from offhook.ua.events import Failure
from offhook.ua.standalone import StandaloneRequest

__all__ = ["LARGEST_MESSAGE", "ClientMessage", "ReceivedMessage", "receive_message"]

LARGEST_MESSAGE: Final = 1300
"""Octets (RFC 3428 8): the path may have a hop that does not control congestion."""

NOBODY_TAKES_MESSAGES: Final = "Nobody Takes Messages"
"""The phrase of a 480 (RFC 3261 21.4.18)."""


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that came. `content_type` is its media type without parameters, `text` the body as text."""

    sender: NameAddr
    content_type: str
    body: bytes

    @property
    def text(self) -> str:
        """The body as text; octets that are not UTF-8 are replaced."""
        return self.body.decode("utf-8", "replace")


class ClientMessage(StandaloneRequest):
    """One MESSAGE of ours. `on_done` is called once: with None after a 2xx, else with the failure.

    Raises InvalidState for a text that is too long for it.
    """

    def __init__(
        self,
        context: Context,
        uri: Uri,
        body: bytes,
        content_type: str,
        on_done: Callable[[Failure | None, Moment], None],
    ) -> None:
        if len(body) > LARGEST_MESSAGE:
            raise InvalidState(f"a message of {len(body)} octets; {LARGEST_MESSAGE} can be sent at most (RFC 3428 8)")
        super().__init__(context, "MESSAGE", uri, uri, context.routes())
        self._body = body
        self._content_type = content_type
        self._on_done = on_done

    def complete(self, draft: Draft, uri: Uri, target: Target) -> Draft:
        # Contact has no place in a MESSAGE (RFC 3428 4).
        return draft.body(self._body, self._content_type)

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        self._on_done(None, now)

    def on_failure(self, failure: Failure, now: Moment) -> None:
        self._on_done(failure, now)


def receive_message(
    context: Context,
    request: Request,
    transaction: ServerTransaction,
    take: Callable[[ReceivedMessage], bool],
    now: Moment,
) -> None:
    """Hand a MESSAGE to `take` and answer 200 once it is taken, 480 when it is not (RFC 3428 7). Raises ParseError."""
    sender = NameAddr(request.from_.uri, request.from_.display_name)
    message = ReceivedMessage(sender, request.content_type or "text/plain", request.body)
    taken = take(message)
    # No Contact and no body in the answer (RFC 3428 7).
    if taken:
        context.refuse(transaction, 200, now)
    else:
        context.refuse(transaction, 480, now, reason=NOBODY_TAKES_MESSAGES)
