"""What all acts of one user agent share: its engine, settings, dialogs, and how its requests and answers begin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.clock import Moment
from offhook.dialog.dialog import MAX_FORWARDS, is_sips, named_by, routed
from offhook.dialog.reliable import OPTION_TAG
from offhook.dialog.table import DialogTable
from offhook.errors import ProtocolError
from offhook.flow import Query, Target
from offhook.sip.headers.address import NameAddr
from offhook.sip.message import Request
from offhook.sip.serializer import Draft, new_request, reply
from offhook.sip.uri import SipUri, Uri
from offhook.stack import ServerTransaction, Stack
from offhook.ua.keyring import Keyring
from offhook.ua.settings import Settings

__all__ = ["MESSAGE", "SUPPORTED", "Context"]

SUPPORTED: Final = (OPTION_TAG,)
"""The option tags that are true of us (RFC 3261 20.37)."""

NOBODYS_HOST: Final = "anonymous.invalid"
"""The host of an address-of-record that hides who somebody is (RFC 3261 8.1.1.3, RFC 3323 4.1.1.3)."""

MESSAGE: Final = "MESSAGE"
"""The method that is served only while somebody takes messages."""


class Context:
    """One user agent.

    `methods` are those that we have machines for, each with whether its body is a session description for us.
    `service_route` comes from its registration (RFC 3608). `takes_messages` while somebody does. `calls` are those that
    are not all over. `on_settled` is called when something is done that an agent which closes waits for.
    """

    def __init__(self, stack: Stack, settings: Settings, methods: dict[str, bool]) -> None:
        self.stack = stack
        self.settings = settings
        self._methods = methods
        self.keyring = Keyring(settings, stack.ids)
        self.dialogs = DialogTable()
        self.service_route: list[NameAddr] = []
        self.takes_messages = False
        self.calls: list[object] = []
        self.on_settled: Callable[[], None] | None = None

    def settled(self) -> None:
        """Something is done."""
        if self.on_settled is not None:
            self.on_settled()

    # What we say of ourselves

    @property
    def allow(self) -> str:
        """The value of Allow: the methods that we have a machine for (RFC 3261 20.5)."""
        return ", ".join([method for method in self._methods if self.serves(method)])

    def serves(self, method: str) -> bool:
        """Whether we have a machine for a method, and somebody for what it brings."""
        return method in self._methods and (method != MESSAGE or self.takes_messages)

    def is_described(self, method: str) -> bool:
        """Whether the body of such a request is a session description for us."""
        return self._methods.get(method, False)

    @property
    def supported(self) -> str:
        """The value of Supported."""
        return ", ".join(SUPPORTED)

    def contact(self, target: Target, secure: bool) -> str:
        """Our Contact towards a target (RFC 3261 8.1.1.8); a SIPS URI where `secure` (12.1.1, 12.1.2)."""
        user = self.settings.aor.user
        address = target.sent_by if user is None else f"{user}@{target.sent_by}"
        if secure:
            return f"<sips:{address}>"
        if target.transport == "UDP":
            return f"<sip:{address}>"
        return f"<sip:{address};transport={target.transport.lower()}>"

    # Requests

    def proxy_route(self) -> list[NameAddr]:
        """The route through our outbound proxy (RFC 3261 8.1.2), which routes loosely; empty without one."""
        proxy = self.settings.outbound_proxy
        if proxy is None:
            return []
        return [NameAddr(proxy if proxy.lr else proxy.with_param("lr"))]

    def routes(self) -> list[NameAddr]:
        """The pre-loaded routes of a request outside of a dialog (RFC 3261 8.1.2, RFC 3608 6.1)."""
        proxy = self.settings.outbound_proxy
        first = self.service_route[0].uri if self.service_route else None
        if proxy is not None and isinstance(first, SipUri) and first.host == proxy.host:
            return self.service_route
        return [*self.proxy_route(), *self.service_route]

    def request(
        self, method: str, uri: Uri, to: Uri, call_id: str, tag: str, number: int, routes: list[NameAddr]
    ) -> Draft:
        """A request outside of a dialog (RFC 3261 8.1.1): all but Via, Contact, body, and what the method adds."""
        settings = self.settings
        name = settings.display_name
        if name is None and settings.aor.host.lower() == NOBODYS_HOST:
            name = "Anonymous"
        sender = NameAddr(named_by(settings.aor), name).with_tag(tag)
        # Routes before there is a dialog are followed as within one (8.1.1.1).
        request_uri, values = routed(uri, routes)
        draft = new_request(method, request_uri)
        for value in values:
            draft.add("Route", value)
        draft.add("Max-Forwards", MAX_FORWARDS).add("From", sender.serialize())
        draft.add("To", NameAddr(named_by(to)).serialize())
        draft.add("Call-ID", call_id).add("CSeq", f"{number} {method}")
        return draft.add("User-Agent", settings.user_agent)

    def query(self, uri: Uri, request_uri: Uri | None = None, secure: bool = False) -> Query:
        """What has to be resolved to reach a URI (RFC 3261 8.1.2). Raises ProtocolError (416) for other schemes.

        A SIPS `request_uri` is reached over TLS whatever the URI of its first route says; so is all of a `secure`
        dialog, whatever its peer writes into Contact.
        """
        if not isinstance(uri, SipUri):
            raise ProtocolError(f"no way to {uri} is known", status=416, clause="RFC 3261 8.1.2")
        transport = (uri.transport or self.settings.transport).upper()
        secure = secure or uri.secure or is_sips(request_uri)
        return Query(uri.maddr or uri.bare_host, uri.port or 0, transport, secure)

    # Responses

    def reply(self, transaction: ServerTransaction, status: int, reason: str | None = None) -> Draft:
        """A response to what a server transaction received, under its one To tag (RFC 3261 8.2.6.2)."""
        if transaction.to_tag is None:
            transaction.to_tag = self.stack.ids.tag()
        draft = reply(transaction.request, status, reason, transaction.to_tag)
        return draft.add("Server", self.settings.user_agent)

    def respond(self, transaction: ServerTransaction, draft: Draft, now: Moment) -> None:
        """Send a response, unless the transaction has had its final one."""
        if not transaction.answered:
            self.stack.respond(transaction, draft.response(), now)

    def refuse(
        self,
        transaction: ServerTransaction,
        status: int,
        now: Moment,
        headers: tuple[tuple[str, str], ...] = (),
        reason: str | None = None,
    ) -> None:
        """Send a final response with a few headers and no body."""
        draft = self.reply(transaction, status, reason)
        for name, value in headers:
            draft.add(name, value)
        self.respond(transaction, draft, now)

    def retry_after(self) -> tuple[str, str]:
        """The Retry-After of a 500 for what came too early: 0 to 10 seconds by chance (RFC 3261 14.2)."""
        return ("Retry-After", str(self.stack.ids.number(11)))

    @staticmethod
    def asks_for(request: Request, option_tag: str) -> bool:
        """Whether a request requires an extension. Raises ParseError."""
        return option_tag in [tag.lower() for tag in request.tokens("Require")]
