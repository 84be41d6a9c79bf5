"""OPTIONS, sent and received (RFC 3261 11)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.clock import Moment
from offhook.dialog.dialog import asks_with_sips
from offhook.errors import ParseError
from offhook.flow import Target
from offhook.sdp.negotiate import describe_capabilities
from offhook.sip.headers.content import MediaRange, MediaType
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import Uri
from offhook.stack import ServerTransaction
from offhook.transaction.machine import Transaction
from offhook.ua.body import ACCEPT, SDP
from offhook.ua.context import Context
from offhook.ua.events import Failure
from offhook.ua.invite_session import media_hosts
from offhook.ua.media import MediaProvider
from offhook.ua.standalone import StandaloneRequest

__all__ = ["ClientOptions", "accepts_descriptions", "receive_options"]

_SDP = MediaType("application", "sdp")


class ClientOptions(StandaloneRequest):
    """One OPTIONS of ours (11.1). `on_done` is called once, with the 2xx or with the failure.

    Any answer shows that somebody is there: a failure holds the response where there was one.
    """

    def __init__(
        self, context: Context, uri: Uri, on_done: Callable[[Response | None, Failure | None, Moment], None]
    ) -> None:
        super().__init__(context, "OPTIONS", uri, uri, context.routes())
        self._on_done = on_done

    def complete(self, draft: Draft, uri: Uri, target: Target) -> Draft:
        secure = asks_with_sips(uri, self.routes)
        return draft.add("Contact", self.context.contact(target, secure)).add("Accept", ACCEPT)

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        self._on_done(response, None, now)

    def on_failure(self, failure: Failure, now: Moment) -> None:
        self._on_done(None, failure, now)


def accepts_descriptions(request: Request) -> bool:
    """Whether the sender takes application/sdp.

    It is the default without Accept (RFC 3261 11.2, 20.1), and with one that nobody can read.
    """
    if not request.has("Accept"):
        return True
    try:
        accepted = request.headers("Accept")
    except ParseError:
        return True
    return any(isinstance(value, MediaRange) and value.includes(_SDP) for value in accepted)


def receive_options(
    context: Context, request: Request, transaction: ServerTransaction, status: int, media: MediaProvider, now: Moment
) -> None:
    """Answer with what we can do (11.2); `status` is what an INVITE would get now, 200 or a refusal.

    Raises ParseError.
    """
    draft = context.reply(transaction, status).add("Allow", context.allow)
    if status == 200:
        # The others have no place in a refusal (20 tables 2 and 3).
        draft.add("Accept", ACCEPT).add("Accept-Encoding", "identity").add("Accept-Language", "en")
        draft.add("Supported", context.supported)
    if status == 200 and accepts_descriptions(request):
        _, shown = media_hosts(context.stack.target_over(transaction.arrival))
        draft.body(describe_capabilities(media.abilities(shown)).serialize(), SDP)
    context.respond(transaction, draft, now)
