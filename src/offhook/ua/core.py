"""The user agent's core: what the engine reports goes to the act that it belongs to (RFC 3261 8.2, 12.2.2).

It is a role of the engine, without I/O: whole user agents run in virtual time with it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError, TransportFailed
from offhook.flow import Flow
from offhook.sip.message import Request, Response
from offhook.sip.status import phrase_for
from offhook.sip.uri import Uri
from offhook.stack import ServerTransaction, Stack
from offhook.transaction.effects import (
    Cancelled,
    Effect,
    Ended,
    FlowClosed,
    RequestReceived,
    Resolved,
    ResponseReceived,
    TimerFired,
)
from offhook.ua.accept import ServerInvite
from offhook.ua.context import Context
from offhook.ua.events import CallEvent, Failure
from offhook.ua.inspection import inspect
from offhook.ua.invite import ClientInvite
from offhook.ua.invite_call import InviteCall
from offhook.ua.invite_session import InviteSession
from offhook.ua.media import MediaPort, MediaProvider
from offhook.ua.message import ClientMessage, ReceivedMessage
from offhook.ua.methods import METHODS, SERVED
from offhook.ua.options import ClientOptions
from offhook.ua.registration import Registration
from offhook.ua.settings import Settings
from offhook.ua.transaction_user import TransactionUser

__all__ = ["UserAgentCore"]

NOBODY_TAKES_CALLS: Final = "Nobody Takes Calls"
"""The phrase of a 480 (RFC 3261 21.4.18)."""

OngoingKey = tuple[str, str, int, str]


class UserAgentCore:
    """One user agent over an engine.

    `on_call` takes a call to us and says whether somebody will look after it: callers get 480 where nobody does. Its
    events go to what the call's `notify` is set to. `on_message` takes a message, or says that it does not; None has
    MESSAGE refused with 405.
    """

    def __init__(
        self,
        stack: Stack,
        settings: Settings,
        media: MediaProvider,
        on_call: Callable[[ServerInvite], bool] | None = None,
        on_message: Callable[[ReceivedMessage], bool] | None = None,
    ) -> None:
        self.context = Context(stack, settings, SERVED)
        self.media = media
        self.on_call = on_call
        self.registration: Registration | None = None
        self._on_message: Callable[[ReceivedMessage], bool] | None = None
        self._ongoing: dict[OngoingKey, ServerTransaction] = {}
        self.take_messages(on_message)

    def take_messages(self, on_message: Callable[[ReceivedMessage], bool] | None) -> None:
        """Hand messages to this from now on; None refuses them."""
        self._on_message = on_message
        self.context.takes_messages = on_message is not None

    # What the user asks for

    def invite(
        self,
        uri: Uri,
        notify: Callable[[CallEvent], None],
        now: Moment,
        media: MediaPort | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        offer: bool = True,
    ) -> ClientInvite:
        """Call somebody. Without `offer` the callee makes it. Raises ParseError for an Expires that is none."""
        call = ClientInvite(self.context, uri, self.media.port() if media is None else media, notify, headers, offer)
        call.start(now)
        return call

    def message(
        self,
        uri: Uri,
        body: bytes,
        on_done: Callable[[Failure | None, Moment], None],
        now: Moment,
        content_type: str = "text/plain;charset=UTF-8",
    ) -> None:
        """Send a message. Raises InvalidState for one that is too long."""
        ClientMessage(self.context, uri, body, content_type, on_done).send(now)

    def options(
        self, uri: Uri, on_done: Callable[[Response | None, Failure | None, Moment], None], now: Moment
    ) -> None:
        """Ask somebody for what it can do, or whether it is there."""
        ClientOptions(self.context, uri, on_done).send(now)

    def register(self, expires: int, on_change: Callable[[Failure | None, Moment], None], now: Moment) -> Registration:
        """Register our address-of-record, and keep it so."""
        self.registration = Registration(self.context, expires, on_change)
        self.registration.start(now)
        return self.registration

    @property
    def calls(self) -> list[InviteCall]:
        """The calls that still are, or whose last messages are still under way."""
        return [call for call in self.context.calls if isinstance(call, InviteCall)]

    def hang_up_all(self, now: Moment) -> None:
        """End every call."""
        for call in self.calls:
            if call.end is None:
                call.hang_up(now)

    def moved(self, hosts: frozenset[str], now: Moment) -> None:
        """The machine's addresses have changed to these: register anew, and let calls go on, where that is needed."""
        if self.registration is not None:
            self.registration.moved(hosts, now)
        for call in self.calls:
            call.moved(hosts, now)

    @property
    def idle(self) -> bool:
        """Whether no call, dialog or request of the peers' is left."""
        return not self.context.calls and not len(self.context.dialogs) and not self._ongoing

    # What the engine reports

    def receive(self, event: Effect, now: Moment) -> None:
        """Take one event of the engine."""
        if isinstance(event, RequestReceived):
            self._receive_request(event.request, event.flow, now)
        elif isinstance(event, ResponseReceived):
            user = event.transaction.user
            if isinstance(user, TransactionUser) and not _is_astray(event.response):
                user.on_response(event.response, event.transaction, now)
        elif isinstance(event, Ended):
            self._forget_request(event)
            user = event.transaction.user
            if isinstance(user, TransactionUser):
                user.on_ended(event.transaction, event.cause, event.reason, now)
        elif isinstance(event, Cancelled):
            user = event.transaction.user
            if isinstance(user, TransactionUser):
                user.on_cancelled(event.transaction, now)
        elif isinstance(event, TimerFired):
            if isinstance(event.user, TransactionUser):
                event.user.on_timer(event.event, now)
        elif isinstance(event, Resolved):
            if isinstance(event.user, TransactionUser):
                event.user.on_resolved(event.token, event.targets, event.error, now)
        elif isinstance(event, FlowClosed) and self.registration is not None:
            self.registration.flow_closed(event.flow, now)

    def _receive_request(self, request: Request, flow: Flow, now: Moment) -> None:
        if request.method == "ACK":
            self._receive_ack(request, now)
            return
        if self._is_turned_away(request, flow):
            return
        transaction = self.context.stack.accept(request, flow, now)
        try:
            merged = self._is_merged(request)
            if not merged:
                self._ongoing[_ongoing_key(request)] = transaction
            self._answer(request, transaction, merged, now)
        except (ParseError, ProtocolError) as error:
            self.context.refuse(transaction, error.status, now, reason=phrase_for(error))
        except TransportFailed:
            # No media port is free: for this request we are overloaded.
            self.context.refuse(transaction, 503, now)

    def _is_turned_away(self, request: Request, flow: Flow) -> bool:
        """Whether a request has to show first who it is from; it is told so once, and nothing is kept (26.3.2.4)."""
        authenticate = self.context.settings.authenticate
        # A CANCEL cannot be sent again with credentials (22.1).
        if authenticate is None or request.method == "CANCEL":
            return False
        try:
            refusal = authenticate(request)
        except ParseError as error:
            refusal = (error.status, ())
        if refusal is None:
            return False
        with suppress(ParseError):  # not even the way back can be read
            self.context.stack.refuse(request, flow, *refusal)
        return True

    def _receive_ack(self, request: Request, now: Moment) -> None:
        """An ACK to a 2xx (13.3.1.4). One that belongs nowhere is dropped: an ACK is never answered (17)."""
        try:
            session = self._session_of(request)
            if session is not None:
                session.receive_ack(request, now)
        except ParseError:
            return

    def _answer(self, request: Request, transaction: ServerTransaction, merged: bool, now: Moment) -> None:
        """The steps of 8.2 that follow authentication, then 12.2.2, then the method's own."""
        context = self.context
        if request.method == "CANCEL":
            # It is never challenged (22.1), and one that meets its INVITE is answered by the engine (9.2).
            context.refuse(transaction, 481, now)
            return
        if merged:
            context.refuse(transaction, 482, now)
            return
        refusal = inspect(context, request)
        if refusal is not None:
            context.refuse(transaction, refusal.status, now, refusal.headers)
        elif request.to_tag is not None:
            self._answer_in_dialog(request, transaction, now)
        else:
            self._answer_outside(request, transaction, now)

    def _answer_in_dialog(self, request: Request, transaction: ServerTransaction, now: Moment) -> None:
        session = self._session_of(request)
        if session is None:
            self.context.refuse(transaction, 481, now)
            return
        session.dialog.receive(request)
        act = METHODS[request.method].within
        if session.usage.over and request.method != "BYE":
            # The dialog ended with the BYE (15); what is left of it takes one of the peer's too (RFC 5407 2).
            self.context.refuse(transaction, 481, now)
        elif act is None:
            # What does not touch the dialog is answered as if it had come outside (12.2.2).
            self._answer_outside(request, transaction, now)
        else:
            act(session, request, transaction, now)

    def _answer_outside(self, request: Request, transaction: ServerTransaction, now: Moment) -> None:
        act = METHODS[request.method].outside
        if act is None:
            # BYE, UPDATE and PRACK live in dialogs alone.
            self.context.refuse(transaction, 481, now)
        else:
            act(self, request, transaction, now)

    # What the acts outside of a dialog ask for (`offhook.ua.methods.Callee`)

    def take_message(self, message: ReceivedMessage) -> bool:
        """Hand a message to who takes them; false where nobody does, or it is not wanted."""
        return self._on_message is not None and self._on_message(message)

    def invite_status(self) -> int:
        """What an INVITE would get now (11.2)."""
        if self.on_call is None:
            return 480
        under_way = sum(call.end is None for call in self.calls)
        return 486 if under_way >= self.context.settings.most_calls else 200

    def receive_invite(self, request: Request, transaction: ServerTransaction, now: Moment) -> None:
        """Take a call, or refuse it where nobody does. Raises ParseError, ProtocolError and TransportFailed."""
        status = self.invite_status()
        if status != 200:
            self.context.refuse(transaction, status, now, reason=NOBODY_TAKES_CALLS if status == 480 else None)
            return
        call = ServerInvite(self.context, request, transaction, self.media.port(), _ignore)
        call.start(now)
        if self.on_call is None or not self.on_call(call):
            call.refuse(480, now, reason=NOBODY_TAKES_CALLS)

    def _session_of(self, request: Request) -> InviteSession | None:
        dialog = self.context.dialogs.of_request(request)
        if dialog is not None:
            for usage in dialog.usages:
                if isinstance(usage, InviteSession):
                    return usage
        return None

    # Merged requests (8.2.2.2)

    def _is_merged(self, request: Request) -> bool:
        """Whether the request is here already by another way: its transaction is another one."""
        return request.to_tag is None and request.method != "CANCEL" and _ongoing_key(request) in self._ongoing

    def _forget_request(self, event: Ended) -> None:
        try:
            key = _ongoing_key(event.transaction.request)
        except ParseError:
            return  # one with a broken From has never been among them
        if self._ongoing.get(key) is event.transaction:
            del self._ongoing[key]


def _is_astray(response: Response) -> bool:
    """Whether there is another Via beside ours: it was misrouted, or corrupted on its way (8.1.3.3)."""
    value = response.octets("via") or b""
    return len(response.places("via")) > 1 or bool(value[response.top_via.length :].strip(b" \t,"))


def _ongoing_key(request: Request) -> OngoingKey:
    return (request.from_tag or "", request.call_id, request.cseq_number, request.method)


def _ignore(event: CallEvent) -> None:
    """Nobody listens yet."""
