"""A dialog: what two user agents know of each other from one request to the next (RFC 3261 12)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from offhook.errors import InvalidState, ProtocolError
from offhook.flow import Flow
from offhook.sip.headers.address import NameAddr
from offhook.sip.message import Message, Request, Response
from offhook.sip.scan import decoded
from offhook.sip.serializer import Draft, new_request, tagged
from offhook.sip.uri import SipUri, Uri

__all__ = [
    "MAX_FORWARDS",
    "Dialog",
    "DialogId",
    "DialogState",
    "answers_with_sips",
    "asks_with_sips",
    "is_sips",
    "named_by",
    "request_uri_of",
    "routed",
]

DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag; the remote one is empty with a peer of RFC 2543 (12.1.1, 12.1.2)."""

MAX_FORWARDS: Final = "70"
"""RFC 3261 8.1.1.6."""


class DialogState(StrEnum):
    """Where a dialog is in its life (RFC 3261 12)."""

    EARLY = "early"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Dialog:
    """One dialog, seen from one end.

    `local` and `remote` are the values of From and To in our requests, with their tags. `route_set` is in the order
    in which we send. `remote_target` is the peer's Contact. `local_cseq` and `remote_cseq` are the last numbers used,
    None before the first. `secure`: every request stays on TLS (12.1). `owner`: we made the Call-ID, which decides who
    waits longer after a glare (14.1). `usages` are what keeps the dialog alive (RFC 5057 4.1).
    """

    __slots__ = (
        "call_id",
        "local",
        "local_cseq",
        "local_tag",
        "owner",
        "remote",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "route_set",
        "secure",
        "state",
        "usages",
    )

    def __init__(
        self,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str,
        remote_target: Uri,
        route_set: list[NameAddr],
        owner: bool,
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.local_tag = local_tag
        self.remote = remote
        self.remote_tag = remote_tag
        self.remote_target: Uri = remote_target
        self.route_set = route_set
        self.owner = owner
        self.local_cseq: int | None = None
        self.remote_cseq: int | None = None
        self.secure = False
        self.state = DialogState.EARLY
        self.usages: list[object] = []

    @classmethod
    def as_uac(cls, request: Request, response: Response, flow: Flow) -> Dialog:
        """The dialog that a response to our request makes (12.1.2); `flow` carried the request.

        Raises ParseError for headers that cannot be read, ProtocolError for routes that lead nowhere.
        """
        dialog = cls(
            request.call_id,
            request.text("From") or "",
            request.from_tag or "",
            response.text("To") or "",
            response.to_tag or "",
            # Section 12.1.1 has the peer add its Contact. Some leave it out of their provisional responses, so the
            # address that we called has to do until they name it.
            _contact(response) or request.uri,
            _routable(list(reversed(response.record_routes))),
            True,
        )
        dialog.local_cseq = request.cseq_number
        dialog.secure = flow.secure and is_sips(request.uri)
        return dialog

    @classmethod
    def as_uas(cls, request: Request, local_tag: str, flow: Flow) -> Dialog:
        """The dialog that our response to a request makes (12.1.1); the request came over `flow`.

        A peer of RFC 2543 need not say its Contact (there 6.13, RFC 4475 3.4.1): its From has to do until it does.

        Raises ParseError for headers that cannot be read, ProtocolError (400) without a usable Contact or with routes
        that lead nowhere.
        """
        target = _contact(request)
        if target is None and not request.headers("Contact") and isinstance(request.from_uri, SipUri):
            target = request.from_uri
        if target is None:
            raise ProtocolError("a request that makes a dialog needs a SIP URI in Contact", clause="RFC 3261 8.1.1.8")
        dialog = cls(
            request.call_id,
            decoded(tagged((request.text("To") or "").encode("utf-8", "surrogateescape"), local_tag)),
            local_tag,
            request.text("From") or "",
            request.from_tag or "",
            target,
            _routable(request.record_routes),
            False,
        )
        dialog.remote_cseq = request.cseq_number
        dialog.secure = flow.secure and is_sips(request.uri)
        return dialog

    @property
    def id(self) -> DialogId:
        """What tells this dialog from all others."""
        return (self.call_id, self.local_tag, self.remote_tag)

    @property
    def next_hop(self) -> Uri:
        """The URI whose host a request goes to first (8.1.2): the top route, else the remote target."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    # What we send

    def next_cseq(self) -> int:
        """The CSeq number of a new request of ours (12.2.1.1). Raises InvalidState once the dialog is over."""
        if self.state is DialogState.TERMINATED:
            raise InvalidState("the dialog is over")
        self.local_cseq = 1 if self.local_cseq is None else self.local_cseq + 1
        return self.local_cseq

    def draft(self, method: str, number: int) -> Draft:
        """A request of ours in the dialog (12.2.1.1).

        `number` is from `next_cseq`, for an ACK that of its INVITE (13.2.2.4). Contact, body and what else the method
        needs is the caller's.
        """
        target, routes = routed(self.remote_target, self.route_set)
        draft = new_request(method, target)
        for route in routes:
            draft.add("Route", route)
        draft.add("Max-Forwards", MAX_FORWARDS).add("From", self.local).add("To", self.remote)
        return draft.add("Call-ID", self.call_id).add("CSeq", f"{number} {method}")

    # What we receive

    def receive(self, request: Request) -> None:
        """Take a request of the peer's other than ACK and CANCEL (12.2.2).

        Raises ProtocolError (500) for one that comes out of order.
        """
        number = request.cseq_number
        if self.remote_cseq is not None and number < self.remote_cseq:
            raise ProtocolError("an earlier CSeq than the last", status=500, clause="RFC 3261 12.2.2")
        self.remote_cseq = number

    def refresh_target(self, message: Message) -> None:
        """Take the remote target from an accepted target refresh request, or the 2xx to ours (12.2.1.2, 12.2.2)."""
        self.remote_target = _contact(message) or self.remote_target

    def confirm(self, response: Response | None = None) -> None:
        """The dialog is confirmed. For the UAC `response` is the 2xx, whose Record-Route alone counts (13.2.2.4)."""
        self.state = DialogState.CONFIRMED
        if response is not None:
            self.route_set = _routable(list(reversed(response.record_routes)))
            self.refresh_target(response)

    def terminate(self) -> None:
        """The dialog is over (12.3)."""
        self.state = DialogState.TERMINATED

    def __repr__(self) -> str:
        return f"<Dialog {self.call_id} {self.local_tag}/{self.remote_tag} {self.state}>"


def request_uri_of(uri: Uri) -> str:
    """A URI as a Request-URI: without what may not stand there (RFC 3261 19.1.1 table 1)."""
    if not isinstance(uri, SipUri):
        return uri.serialize()
    return uri.without_headers().without_param("method").serialize()


def named_by(uri: Uri) -> Uri:
    """A URI as From and To name somebody: without the way to it, and what a request is formed by (19.1.1 table 1)."""
    if not isinstance(uri, SipUri):
        return uri
    named = uri.without_headers()
    for parameter in ("method", "maddr", "ttl", "transport", "lr"):
        named = named.without_param(parameter)
    return named if named.port is None else named.with_host(named.host)


def routed(target: Uri, route_set: Sequence[NameAddr]) -> tuple[str, list[str]]:
    """The Request-URI and the Route values of a request to a target by way of a route set (RFC 3261 12.2.1.1)."""
    request_uri = request_uri_of(target)
    routes = [route.serialize() for route in route_set]
    if routes and not _is_loose(route_set[0]):
        # A strict router of RFC 2543: it is the Request-URI, and the target becomes the last route.
        return request_uri_of(route_set[0].uri), [*routes[1:], f"<{request_uri}>"]
    return request_uri, routes


def asks_with_sips(request_uri: Uri, routes: Sequence[NameAddr]) -> bool:
    """Whether the Contact of a request that makes a dialog has to be a SIPS URI (RFC 3261 8.1.1.8, 12.1.2)."""
    return is_sips(request_uri) or (len(routes) > 0 and is_sips(routes[0].uri))


def answers_with_sips(request: Request) -> bool:
    """Whether the Contact of a response that makes a dialog has to be a SIPS URI (RFC 3261 12.1.1).

    Raises ParseError.
    """
    if is_sips(request.uri):
        return True
    routes = request.record_routes
    if routes:
        return is_sips(routes[0].uri)
    target = _contact(request)
    return target is not None and target.secure


def is_sips(uri: Uri | None) -> bool:
    """Whether a URI, if there is one, is a SIPS URI."""
    return isinstance(uri, SipUri) and uri.secure


def _is_loose(route: NameAddr) -> bool:
    return isinstance(route.uri, SipUri) and route.uri.lr


def _contact(message: Message) -> SipUri | None:
    """The first SIP or SIPS URI in Contact."""
    for contact in message.headers("Contact"):
        if isinstance(contact, NameAddr) and isinstance(contact.uri, SipUri):
            return contact.uri
    return None


def _routable(routes: list[NameAddr]) -> list[NameAddr]:
    for route in routes:
        if not isinstance(route.uri, SipUri):
            raise ProtocolError(f"{route.uri} is no route", clause="RFC 3261 20.30")
    return routes
