"""User agents on a virtual network, and peers that do what a test tells them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.security.digest_client import Secret
from offhook.sip.message import Request, Response
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, reply
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import ServerTransaction, Stack
from offhook.testing.media import SilentMedia, SilentProvider
from offhook.testing.network import Faults, VirtualNetwork, VirtualNode
from offhook.transaction.effects import Cancelled, Effect, RequestReceived, ResponseReceived
from offhook.transaction.timers import TimerValues
from offhook.ua.accept import ServerInvite
from offhook.ua.core import UserAgentCore
from offhook.ua.events import Answered, CallEvent, Ended, Held, Progress
from offhook.ua.invite import ClientInvite
from offhook.ua.settings import Settings

__all__ = ["OFFER", "Fork", "House", "Phone", "Script", "aor", "sdp", "words"]


def sdp(host: str = "192.0.2.9", port: int = 4000, codecs: str = "0", version: int = 1, direction: str = "") -> bytes:
    """A session description of one audio stream."""
    lines = [f"v=0\r\no=- 7 {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"]
    lines.append(f"m=audio {port} RTP/AVP {codecs}\r\n")
    if direction:
        lines.append(f"a={direction}\r\n")
    return "".join(lines).encode("ascii")


OFFER = sdp()


def aor(name: str) -> SipUri:
    uri = parse_uri(f"sip:{name}@example.com")
    assert isinstance(uri, SipUri)
    return uri


def words(event: CallEvent) -> str:
    """An event in short."""
    if isinstance(event, Progress):
        return f"{event.status}{'+media' if event.early_media else ''}"
    if isinstance(event, Answered):
        return "answered"
    if isinstance(event, Held):
        return "held" if event.held else "resumed"
    assert isinstance(event, Ended)
    return f"ended: {event.end.cause.name}"


class Phone:
    """A user agent at one address. `heard` has the events of its calls, `got` the calls to it."""

    def __init__(self, network: VirtualNetwork, name: str, host: str, settings: Settings) -> None:
        self.network = network
        self.media = SilentProvider()
        self.node: VirtualNode[UserAgentCore] = network.add(
            host, lambda stack: UserAgentCore(stack, settings, self.media, self.take)
        )
        self.uri = parse_uri(f"sip:{name}@{host}")
        self.heard: list[str] = []
        self.got: list[ServerInvite] = []
        self.takes = True

    @property
    def core(self) -> UserAgentCore:
        return self.node.role

    @property
    def port(self) -> SilentMedia:
        """The media of the last call."""
        return self.media.ports[-1]

    def take(self, call: ServerInvite) -> bool:
        call.notify = self.hear
        self.got.append(call)
        return self.takes

    def hear(self, event: CallEvent) -> None:
        self.heard.append(words(event))

    def do(self, act: Callable[[Moment], None]) -> None:
        self.node.call(act)

    def invite(self, uri: Any, **more: Any) -> ClientInvite:
        calls: list[ClientInvite] = []
        self.do(lambda now: calls.append(self.core.invite(uri, self.hear, now, **more)))
        return calls[0]

    def ring(self, **more: Any) -> None:
        self.do(lambda now: self.got[-1].ring(now, **more))

    def answer(self) -> None:
        self.do(lambda now: self.got[-1].answer(now))

    def refuse(self, status: int, **more: Any) -> None:
        self.do(lambda now: self.got[-1].refuse(status, now, **more))

    @property
    def left(self) -> tuple[int, int, int, int, int]:
        """Calls, dialogs, client and server transactions and timers that are left."""
        table = self.node.stack.transactions
        context = self.core.context
        return len(context.calls), len(context.dialogs), len(table.clients), len(table.servers), len(table.timers)


class House:
    """A network with its phones."""

    def __init__(self, seed: int = 1, faults: Faults | None = None, values: TimerValues | None = None) -> None:
        self.network = VirtualNetwork(seed, faults, trace=True)
        self.phones: list[Phone] = []

    def phone(self, name: str, password: str | None = None, **settings: Any) -> Phone:
        secrets = () if password is None else (Secret(name, password),)
        chosen = Settings(aor(name), secrets=secrets, **settings)
        phone = Phone(self.network, name, f"192.0.2.{len(self.phones) + 1}", chosen)
        self.phones.append(phone)
        return phone

    def script(self, host: str = "192.0.2.9") -> Script:
        node: VirtualNode[Script] = self.network.add(host, Script)
        node.role.node = node
        return node.role

    def run(self, until: float | None = None) -> None:
        self.network.run(until)

    @property
    def now(self) -> float:
        return self.network.clock.monotonic

    def log(self, start: int = 0) -> list[str]:
        """What was delivered: "from>to first line", hosts by their last number."""
        assert self.network.trace is not None
        lines: list[str] = []
        for _, sender, receiver, data in self.network.trace[start:]:
            first = data.split(b"\r\n", 1)[0].decode("utf-8", "surrogateescape")
            what = first[8:11] if first.startswith("SIP/2.0 ") else first.split(" ", 1)[0]
            cseq = parse(data).cseq_method
            what = f"{what} ({cseq})" if first.startswith("SIP/2.0 ") else what
            lines.append(f"{sender.rpartition('.')[2]}>{receiver.rpartition('.')[2]} {what}")
        return lines

    def sent(self, method: str) -> list[Request]:
        """The requests of a method that were delivered."""
        assert self.network.trace is not None
        messages = [parse(data) for _, _, _, data in self.network.trace]
        return [message for message in messages if isinstance(message, Request) and message.method == method]

    def nothing_is_left(self) -> bool:
        return all(phone.left == (0, 0, 0, 0, 0) and phone.core.idle for phone in self.phones)


class Script:
    """A peer without a will of its own: it keeps what it gets, and sends what it is told to.

    `requests` are what came with the transactions that were made for them (None for ACK); `responses` what came back.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.node: VirtualNode[Script] | None = None
        self.requests: list[tuple[Request, ServerTransaction | None]] = []
        self.responses: list[Response] = []
        self.cancelled: list[Request] = []
        self.on_request: Callable[[Request, ServerTransaction | None, Moment], None] | None = None

    def receive(self, event: Effect, now: Moment) -> None:
        if isinstance(event, RequestReceived):
            transaction = None if event.request.method == "ACK" else self.stack.accept(event.request, event.flow, now)
            self.requests.append((event.request, transaction))
            if self.on_request is not None:
                self.on_request(event.request, transaction, now)
        elif isinstance(event, ResponseReceived):
            self.responses.append(event.response)
        elif isinstance(event, Cancelled):
            self.cancelled.append(event.request)

    def methods(self) -> list[str]:
        return [request.method for request, _ in self.requests]

    def last(self, method: str) -> Request:
        return next(request for request, _ in reversed(self.requests) if request.method == method)

    def respond(
        self,
        status: int,
        *headers: tuple[str, str],
        tag: str | None = "peer",
        body: bytes = b"",
        method: str = "",
        contact: bool = True,
    ) -> None:
        """Answer the last request (of a method)."""
        transaction = next(
            made for request, made in reversed(self.requests) if made is not None and method in ("", request.method)
        )
        draft = reply(transaction.request, status, None, tag).copy("Record-Route", transaction.request)
        if contact and 100 < status < 300:
            draft.add("Contact", "<sip:peer@192.0.2.9:5060>")
        for name, value in headers:
            draft.add(name, value)
        if body:
            draft.body(body, "application/sdp")
        response = draft.response()
        assert self.node is not None
        self.node.call(lambda now: self.stack.respond(transaction, response, now))

    def send(self, draft: Draft, to: Phone) -> None:
        """Send a request of one's own to a phone."""
        assert self.node is not None
        node = self.node
        target = node.target_to(to.node.host, 5060)
        node.call(lambda now: (self.stack.send(draft, target, now), None)[1])

    def send_ack(self, draft: Draft, to: Phone) -> None:
        """Send an ACK to a 2xx."""
        assert self.node is not None
        node = self.node
        target = node.target_to(to.node.host, 5060)
        node.call(lambda now: (self.stack.send_ack(draft, target), None)[1])


class Fork:
    """A forking proxy in its shortest form: an INVITE goes to all phones, and what they answer comes back.

    Failures come back only when the last branch has failed too.
    """

    def __init__(self, stack: Stack, targets: list[tuple[str, int]]) -> None:
        self.stack = stack
        self.targets = targets
        self.node: VirtualNode[Fork] | None = None
        self.server: ServerTransaction | None = None
        self.arrival: Flow | None = None
        self.branches: list[Any] = []
        self.failed = 0

    def receive(self, event: Effect, now: Moment) -> None:
        assert self.node is not None
        if isinstance(event, RequestReceived) and event.request.method == "INVITE":
            self.server = self.stack.accept(event.request, event.flow, now)
            for host, port in self.targets:
                target = self.node.target_to(host, port)
                self.branches.append(self.stack.send(Draft.of(event.request), target, now, self))
        elif isinstance(event, ResponseReceived) and event.transaction in self.branches and self.server is not None:
            status = event.response.status
            if status >= 300:
                self.failed += 1
            if 100 < status < 300 or self.failed == len(self.branches):
                back = Draft.of(event.response).remove_first("Via").response()
                self.stack.respond(self.server, back, now)
        elif isinstance(event, Cancelled):
            for branch in self.branches:
                self.stack.cancel(branch, now)
