"""The client's core (RFC 3261 8.1): one request, sent until there is an answer that counts.

It finds the next hop (RFC 3263), steps to the next server when one fails, answers challenges (22.2, 22.3) and follows
redirections (8.1.3.4). What becomes of the answer is its user's.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Final, Protocol

from offhook.clock import Moment
from offhook.dialog.dialog import is_sips
from offhook.errors import (
    AuthenticationFailed,
    InvalidState,
    ParseError,
    ProtocolError,
    ResolveFailed,
    SipError,
    TransactionTimeout,
    TransportFailed,
)
from offhook.flow import Flow, Target
from offhook.security.digest_client import Attempt, DigestClient
from offhook.sip.headers.address import Contact
from offhook.sip.message import Message, Request, Response
from offhook.sip.serializer import Draft
from offhook.sip.tel import TelUri
from offhook.sip.uri import SipUri, Uri
from offhook.transaction.failover import VIA_ROOM, Failover, calls_for_next, widen
from offhook.transaction.machine import Machine, Table, Transaction
from offhook.ua.authentication import add_credentials, challenged, succeeded
from offhook.ua.context import Context
from offhook.ua.events import Failure
from offhook.ua.forming import Formed, form_from_contact
from offhook.ua.nat_binding import NatBinding
from offhook.ua.transaction_user import TransactionUser

__all__ = ["MAX_CONTACTS", "ClientRequest", "RequestEvent", "RequestState", "RequestUser"]

MAX_CONTACTS: Final = 5
"""How many contacts of redirections are tried for one request."""


class RequestState(StrEnum):
    """Where a request stands."""

    RESOLVING = "Resolving"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    CANCELLING = "Cancelling"
    COMPLETED = "Completed"


class RequestEvent(StrEnum):
    """What moves a request on."""

    TARGETS = "targets known"
    UNREACHABLE = "no target"
    PROVISIONAL = "1xx"
    CHALLENGE = "401 or 407 that can be answered"
    NEXT_TARGET = "target failed, another is left"
    NEXT_CONTACT = "contact failed or redirects, another is left"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    LOST = "time-out or transport failure"
    CANCEL = "cancel"


class RequestUser(Protocol):
    """Whose request it is."""

    def next_cseq(self) -> int:
        """A new CSeq number (RFC 3261 8.1.3.5: each retry takes one)."""

    def draft(self, uri: Uri, target: Target, number: int) -> Draft:
        """The request to `uri` with that CSeq number for a target, without Via and credentials. May raise SipError."""

    def on_provisional(self, response: Response, transaction: Transaction, now: Moment) -> None:
        """A 1xx came."""

    def on_retry(self, now: Moment) -> None:
        """What was sent has failed, with all that it began, and the request is sent anew."""

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        """A 2xx came; to an INVITE it may come more than once."""

    def on_failure(self, failure: Failure, now: Moment) -> None:
        """There will be no 2xx; this comes once."""

    def on_over(self, now: Moment) -> None:
        """The last transaction is over: nothing more comes."""


class ClientRequest(TransactionUser):
    """One request of ours.

    `next_hop` is the URI of the first route where there is one, else the Request-URI. `follow`: whether redirections
    are followed. `known`: the flow to the server that is tried before the others, as long as it is among them.
    `headers` are those that the URI asks for, in the place of the user's own (19.1.5). `secure`: it is of a dialog that
    stays on TLS (12.1).
    """

    def __init__(
        self,
        context: Context,
        uri: Uri,
        next_hop: Uri,
        user: RequestUser,
        digest: DigestClient,
        follow: bool = False,
        known: Flow | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        secure: bool = False,
    ) -> None:
        self.machine = Machine(TRANSITIONS, RequestState.RESOLVING, self)
        self.uri = uri
        self.transaction: Transaction | None = None
        self._context = context
        self._next_hop = next_hop
        self._routed = next_hop is not uri
        self._user = user
        self._digest = digest
        self._follow = follow
        self._known = known
        self._secure = secure
        self._number = 0
        self._look_up = 0
        self._targets: list[Target] = []
        self._wide = False
        self._failover: Failover | None = None
        self._attempt: Attempt | None = None
        self._headers = headers
        self._proxy: SipUri | None = None
        self._contacts: list[Formed] = []
        self._tried: list[Uri] = [uri]
        self._failure = Failure(503, "Service Unavailable")
        self._reason: str | None = None
        self._binding = NatBinding(context.stack)

    def start(self, now: Moment) -> None:
        """Send the request as soon as its target is known."""
        self._resolve(now)

    def cancel(self, now: Moment, reason: str | None = None) -> None:
        """Cancel an INVITE (RFC 3261 9.1); `reason` is the value of a Reason header. Too late, it does nothing."""
        self._reason = reason
        self.machine.fire(RequestEvent.CANCEL, None, now)

    @property
    def open(self) -> bool:
        """Whether there is no final answer yet."""
        return self.machine.state is not RequestState.COMPLETED

    # What the engine reports

    def on_resolved(self, token: object, targets: list[Target], error: Exception | None, now: Moment) -> None:
        if token != self._look_up:
            return
        unavailable = self._context.stack.unavailable
        targets = sorted(targets, key=self._is_other)
        if targets and self._follow:
            # Within a dialog a server is asked all the same: nobody else can end a call there.
            targets = unavailable.without(targets, now)
            error = TransportFailed(f"{self._next_hop} wants no requests for a while (503 with Retry-After)")
        else:
            targets = unavailable.dead_last(targets, now)
        if targets:
            self._targets = targets
            self._failover = Failover(self._targets)
            self.machine.fire(RequestEvent.TARGETS, None, now)
        else:
            reason = error if isinstance(error, SipError) else ResolveFailed(str(error or "no address"))
            self._fail(reason, RequestEvent.UNREACHABLE, now)

    def on_response(self, response: Response, transaction: Transaction, now: Moment) -> None:
        if transaction is self.transaction:
            self.machine.fire(self._classify(response), response, now)

    def on_ended(self, transaction: Transaction, cause: str, reason: str, now: Moment) -> None:
        if transaction is not self.transaction:
            return
        if self.machine.state is RequestState.COMPLETED:
            self._user.on_over(now)
            return
        if self.machine.state is RequestState.TRYING and self._step():
            self.machine.fire(RequestEvent.NEXT_TARGET, None, now)
            return
        error: SipError = TransactionTimeout("no answer came in time")
        if cause == "transport":
            error = TransportFailed(self._why_lost(reason))
        self._fail(error, RequestEvent.LOST, now)

    # Within

    def _resolve(self, now: Moment) -> None:
        self._look_up += 1
        try:
            query = self._context.query(self._next_hop, self.uri, self._secure)
            targets = self._context.stack.resolve(query, self, self._look_up)
        except SipError as error:
            self._fail(error, RequestEvent.UNREACHABLE, now)
            return
        if targets is not None:
            self.on_resolved(self._look_up, targets, None, now)

    def _is_other(self, target: Target) -> bool:
        """Whether a target is another server than the known one."""
        known = self._known
        return known is None or known.remote != (target.host, target.port) or known.transport != target.transport

    def _why_lost(self, reason: str) -> str:
        """What the transport says, with the peer's name before it where it does not stand there already."""
        target = self._current
        peer = f"{target.host}:{target.port} over {target.transport}"
        if not reason:
            return f"nothing can be sent to {peer}"
        named = target.host in reason or (target.server_name and target.server_name in reason)
        return reason if named else f"{peer}: {reason}"

    def _step(self) -> bool:
        return self._failover is not None and self._failover.next() is not None

    def _fail(self, error: SipError, event: RequestEvent, now: Moment) -> None:
        status = error.status if isinstance(error, TransactionTimeout | ProtocolError | AuthenticationFailed) else 503
        self._failure = Failure(status, str(error), None, error)
        self._binding.end()
        self.machine.fire(event, None, now)

    def _classify(self, response: Response) -> RequestEvent:
        status = response.status
        if status < 200:
            return RequestEvent.PROVISIONAL
        self._binding.end()
        if status < 300:
            return RequestEvent.SUCCESS
        self._failure = Failure(status, response.reason, response)
        if self.machine.state is RequestState.CANCELLING:
            return RequestEvent.FAILURE
        if status in (401, 407):
            return RequestEvent.CHALLENGE if self._may_answer(response) else RequestEvent.FAILURE
        if calls_for_next(status) and self._step():
            return RequestEvent.NEXT_TARGET
        if self._follow and status == 305:
            self._collect_proxies(response)
        elif self._follow and status < 400:
            self._collect(response)
        elif self._follow and status == 416 and isinstance(self.uri, TelUri):
            # 8.1.3.5: once more with a SIP URI, which our own domain is to make something of (19.1.6).
            self._contacts.append(Formed(SipUri.of_telephone(self.uri, self._context.settings.aor.host), self._headers))
        return RequestEvent.NEXT_CONTACT if self._contacts and status < 600 else RequestEvent.FAILURE

    def _may_answer(self, response: Response) -> bool:
        transaction = self.transaction
        if self._attempt is None or transaction is None:
            return False
        request = transaction.request
        keyring = self._context.keyring
        asked = partial(keyring.asked, request.method, self.uri, request.to_tag is not None, response.status)
        try:
            challenged(self._attempt, response, asked)
        except AuthenticationFailed as error:
            self._failure.error = error
            return False
        return True

    def _collect(self, response: Response) -> None:
        """Take the contacts of a 3xx into the target set, each once, the best first (RFC 3261 8.1.3.4)."""
        transaction = self.transaction
        if transaction is None:
            return
        for uri in self._offered(response):
            try:
                formed = form_from_contact(uri, transaction.request.method)
            except ParseError:
                continue  # no request can be made of it (19.1.5)
            if self._is_new(formed.uri):
                self._contacts.append(formed)

    def _collect_proxies(self, response: Response) -> None:
        """Take the proxies of a 305, through which this one request has to go (21.3.4)."""
        for uri in self._offered(response):
            proxy = uri.without_headers().without_param("method").with_param("lr")
            if self._is_new(proxy):
                self._contacts.append(Formed(self.uri, self._headers, proxy))

    def _offered(self, response: Response) -> list[SipUri]:
        """The contacts of a redirection that may be followed, the best first."""
        try:
            contacts = [value for value in response.contacts if isinstance(value, Contact)]
        except ParseError:
            return []
        contacts.sort(key=lambda value: -1.0 if value.q is None else -value.q)
        # From sips to sip nobody is led without asking the user, whom nobody can ask here.
        only_sips = is_sips(self.uri)
        uris = [contact.uri for contact in contacts]
        return [uri for uri in uris if isinstance(uri, SipUri) and (uri.secure or not only_sips)]

    def _is_new(self, uri: Uri) -> bool:
        """Whether something has not been tried yet, and still may be; it counts as tried then."""
        if uri in self._tried or len(self._tried) > MAX_CONTACTS:
            return False
        self._tried.append(uri)
        return True

    def _transmit(self, now: Moment, anew: bool) -> None:
        """Send the request to the current target; `anew` under a new number, as another request."""
        try:
            if anew:
                # Not before it goes: numbers are contiguous, and in the order of sending (RFC 3261 12.2.1.1).
                self._number = self._user.next_cseq()
            request = self._build()
            while self._widen(len(request.serialize()) + VIA_ROOM):
                request = self._build()
        except SipError as error:
            self._fail(error, RequestEvent.LOST, now)
            return
        self.transaction = self._context.stack.send(Draft.of(request), self._current, now, self)

    @property
    def _current(self) -> Target:
        if self._failover is None:
            raise InvalidState("a request is sent before its target is known")
        return self._failover.current

    def _build(self) -> Request:
        draft = self._user.draft(self.uri, self._current, self._number)
        if self._proxy is not None:
            draft.add("Route", f"<{self._proxy.serialize()}>")
        for name, _ in self._headers:
            draft.remove(name)
        for name, value in self._headers:
            draft.add(name, value)
        request = draft.request()
        if self._attempt is None:
            self._attempt = self._digest.attempt(request.method, request.request_uri, request.body)
        return add_credentials(Draft.of(request), self._attempt).request()

    def _widen(self, size: int) -> bool:
        """Put TCP before UDP when the request is too large for a datagram (RFC 3261 18.1.1); True when that was new."""
        current = self._current
        if self._wide:
            return False
        targets = widen(self._targets[self._targets.index(current) :], size)
        if targets[0] is current:
            return False
        self._wide = True
        self._targets = targets
        self._failover = Failover(targets)
        return True


def _send(self: ClientRequest, _message: Message | None, now: Moment) -> None:
    self._transmit(now, True)


def _send_again(self: ClientRequest, _message: Message | None, now: Moment) -> None:
    # With credentials it is a new request: CSeq + 1 (RFC 3261 8.1.3.5, 22.2).
    self._user.on_retry(now)
    self._transmit(now, True)


def _send_on(self: ClientRequest, _message: Message | None, now: Moment) -> None:
    # The same request to the next server (RFC 3263 4.3).
    self._user.on_retry(now)
    self._transmit(now, False)


def _redirect(self: ClientRequest, _message: Message | None, now: Moment) -> None:
    self._user.on_retry(now)
    formed = self._contacts.pop(0)
    self.uri, self._headers, self._proxy = formed.uri, formed.headers, formed.proxy
    if not self._routed:
        self._next_hop = formed.proxy or formed.uri
    self._attempt = None
    self._wide = False
    self._resolve(now)


def _progress(self: ClientRequest, message: Message | None, now: Moment) -> None:
    if isinstance(message, Response) and self.transaction is not None:
        self._binding.heard(message, self.transaction, now)
        self._user.on_provisional(message, self.transaction, now)


def _succeed(self: ClientRequest, message: Message | None, now: Moment) -> None:
    if isinstance(message, Response) and self.transaction is not None:
        if self._attempt is not None:
            succeeded(self._attempt, message)
        self._user.on_success(message, self.transaction, now)


def _refused(self: ClientRequest, _message: Message | None, now: Moment) -> None:
    self._user.on_failure(self._failure, now)


def _failed(self: ClientRequest, _message: Message | None, now: Moment) -> None:
    self._user.on_failure(self._failure, now)
    self._user.on_over(now)


def _cancel(self: ClientRequest, _message: Message | None, now: Moment) -> None:
    if self.transaction is not None:
        self._context.stack.cancel(self.transaction, now, self._reason)


def _abandon(self: ClientRequest, _message: Message | None, now: Moment) -> None:
    # Nothing was sent yet, so there is nothing to cancel (RFC 3261 9.1).
    self._look_up += 1
    self._failure = Failure(487, "Request Terminated")
    _failed(self, None, now)


TRANSITIONS: Table = {
    RequestState.RESOLVING: {
        RequestEvent.TARGETS: (_send, RequestState.TRYING),
        RequestEvent.UNREACHABLE: (_failed, RequestState.COMPLETED),
        RequestEvent.CANCEL: (_abandon, RequestState.COMPLETED),
    },
    RequestState.TRYING: {
        RequestEvent.PROVISIONAL: (_progress, RequestState.PROCEEDING),
        RequestEvent.CHALLENGE: (_send_again, RequestState.TRYING),
        RequestEvent.NEXT_TARGET: (_send_on, RequestState.TRYING),
        RequestEvent.NEXT_CONTACT: (_redirect, RequestState.RESOLVING),
        RequestEvent.SUCCESS: (_succeed, RequestState.COMPLETED),
        RequestEvent.FAILURE: (_refused, RequestState.COMPLETED),
        RequestEvent.LOST: (_failed, RequestState.COMPLETED),
        RequestEvent.CANCEL: (_cancel, RequestState.CANCELLING),
    },
    RequestState.PROCEEDING: {
        RequestEvent.PROVISIONAL: (_progress, RequestState.PROCEEDING),
        RequestEvent.CHALLENGE: (_send_again, RequestState.TRYING),
        RequestEvent.NEXT_TARGET: (_send_on, RequestState.TRYING),
        RequestEvent.NEXT_CONTACT: (_redirect, RequestState.RESOLVING),
        RequestEvent.SUCCESS: (_succeed, RequestState.COMPLETED),
        RequestEvent.FAILURE: (_refused, RequestState.COMPLETED),
        RequestEvent.LOST: (_failed, RequestState.COMPLETED),
        RequestEvent.CANCEL: (_cancel, RequestState.CANCELLING),
    },
    RequestState.CANCELLING: {
        RequestEvent.PROVISIONAL: (_progress, RequestState.CANCELLING),
        RequestEvent.SUCCESS: (_succeed, RequestState.COMPLETED),
        RequestEvent.FAILURE: (_refused, RequestState.COMPLETED),
        RequestEvent.LOST: (_failed, RequestState.COMPLETED),
    },
    RequestState.COMPLETED: {
        RequestEvent.SUCCESS: (_succeed, RequestState.COMPLETED),
    },
}
"""RFC 3261 8.1.2 and 8.1.3; CANCELLING is 9.1, and COMPLETED takes the further 2xx of 13.2.2.4."""
