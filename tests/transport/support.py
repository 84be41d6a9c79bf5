"""What the tests of the sockets share: messages, a role that writes down what it is told, waiting with a bound."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from offhook.clock import Moment
from offhook.flow import Flow, Query, Target
from offhook.sip.serializer import Draft, new_request, reply
from offhook.stack import Stack
from offhook.transaction.effects import Effect, RequestReceived, ResponseReceived
from offhook.transport.driver import Driver
from offhook.transport.listener import Listener

EventType = TypeVar("EventType", bound=Effect)
Result = TypeVar("Result")

PATIENCE = 20.0
"""Seconds until a test that waits has failed; no test takes that long by itself."""


async def soon(awaited: Awaitable[Result]) -> Result:
    """What is awaited, or a failure."""
    return await asyncio.wait_for(awaited, PATIENCE)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            if condition():
                return
            await asyncio.sleep(0.002)


class Recorder:
    """A role that keeps its events, and answers requests when `status` is set."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.events: list[Effect] = []
        self.status = 0

    def receive(self, event: Effect, now: Moment) -> None:
        self.events.append(event)
        if self.status and isinstance(event, RequestReceived) and event.request.method != "ACK":
            transaction = self.stack.accept(event.request, event.flow, now)
            self.stack.respond(transaction, reply(event.request, self.status, None, "t").response(), now)

    def of(self, kind: type[EventType]) -> list[EventType]:
        return [event for event in self.events if isinstance(event, kind)]

    async def next(self, kind: type[EventType], count: int = 1) -> EventType:
        """The event of a kind with the number `count`."""
        await until(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]


class Tapped:
    """A tap that writes down (direction, first line, flow)."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes, Flow]] = []

    def __call__(self, direction: str, data: bytes, flow: Flow, moment: Moment) -> None:
        self.seen.append((direction, data.partition(b"\r\n")[0], flow))


class Events:
    """A receiver for a socket alone, without an engine."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, Flow]] = []
        self.written: list[bytes] = []
        self.changes: list[tuple[Flow, str, str]] = []
        self.unsent: list[tuple[bytes, Flow, str]] = []
        self.settled = 0
        self.preferred: set[tuple[str, int]] = set()

    def receive(self, data: bytes, flow: Flow, now: Moment) -> None:
        self.messages.append((data, flow))

    def sent(self, data: bytes, flow: Flow, now: Moment) -> None:
        self.written.append(data)

    def flow_changed(self, flow: Flow, state: str, reason: str, now: Moment) -> None:
        self.changes.append((flow, state, reason))

    def not_sent(self, data: bytes, flow: Flow, reason: str, now: Moment) -> None:
        self.unsent.append((data, flow, reason))

    def prefers(self, remote: tuple[str, int]) -> bool:
        return remote in self.preferred

    def settle(self, now: Moment) -> None:
        self.settled += 1


def request(method: str = "OPTIONS", uri: str = "sip:bob@127.0.0.1", padding: int = 0) -> Draft:
    """A request without Via."""
    draft = new_request(method, uri)
    for name, value in (
        ("Max-Forwards", "70"),
        ("From", "<sip:alice@example.com>;tag=a"),
        ("To", "<sip:bob@example.com>"),
        ("Call-ID", "call"),
        ("CSeq", f"1 {method}"),
    ):
        draft.add(name, value)
    return draft.body(b"x" * padding, "text/plain") if padding else draft


def octets(
    method: str = "OPTIONS", via: str = "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1;rport", body: bytes = b""
) -> bytes:
    """A whole request as a peer sends it."""
    return request(method).prepend("Via", via).body(body, "text/plain" if body else None).request().serialize()


def free_port(host: str = "127.0.0.1", kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port at which nobody listens."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def address_of(driver: Driver[Any], transport: str = "UDP") -> tuple[str, int]:
    """The first address of a transport."""
    return next(address.local for address in driver.addresses if address.transport == transport)


async def started(*listeners: Listener, tap: Tapped | None = None, **options: object) -> Driver[Recorder]:
    """A driver with a Recorder."""
    driver = Driver(Recorder, listeners, tap=tap, **options)  # type: ignore[arg-type]
    await driver.start()
    return driver


def target_at(driver: Driver[Recorder], host: str, port: int = 0, transport: str = "", secure: bool = False) -> Target:
    """Where a host is, which nobody has to be asked for."""
    targets = driver.stack.resolve(Query(host, port, transport, secure), None, None)
    assert targets is not None
    return targets[0]


def ask(driver: Driver[Recorder], target: Target, method: str = "OPTIONS", padding: int = 0) -> None:
    """Send a request."""
    driver.stack.send(request(method, padding=padding), target, driver.now())
    driver.flush()


async def answered(driver: Driver[Recorder], count: int = 1) -> int:
    """The status of the answer with the number `count`."""
    return (await driver.role.next(ResponseReceived, count)).response.status
