"""A registrar over an engine, with requests written as text and answers read back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.ids import IdSource
from offhook.location.base import LocationService, Outcome
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.update import Update
from offhook.registrar import Registrar, RegistrarSettings
from offhook.sip.message import Response
from offhook.sip.parser import parse
from offhook.sip.uri import SipUri
from offhook.stack import CONNECTED, Stack
from offhook.testing.clock import VirtualClock
from offhook.transaction.effects import RequestReceived, Transmit

AOR = "sip:alice@example.com"
SERVER = ("192.0.2.10", 5060)
UDP = Flow("UDP", "udp:192.0.2.10:5060", SERVER, ("192.0.2.1", 5060))
NAT = Flow("UDP", "udp:192.0.2.10:5060", SERVER, ("203.0.113.9", 41234))
TCP = Flow("TCP", "tcp:192.0.2.10:5060", SERVER, ("203.0.113.9", 50001), "0.0.0", 7, accepted=True)


def is_listener(uri: SipUri) -> bool:
    return (uri.bare_host, uri.port or 5060) == SERVER


class SlowLocation:
    """A location service in memory that takes its time: each call waits until it is released, or fails."""

    def __init__(self) -> None:
        self.memory = MemoryLocation()
        self.waiting: list[tuple[Callable[[Moment], list[Binding]], Callable[[Outcome, Moment], None]]] = []
        self.asked = 0

    def lookup_now(self, aor: str, now: Moment) -> list[Binding] | None:
        return None

    def lookup(self, aor: str, now: Moment) -> Any:
        self.asked += 1
        return lambda at: self.memory.lookup_now(aor, at)

    def save(self, update: Update, now: Moment) -> Any:
        self.asked += 1
        return lambda at: self.memory.save(update, at)

    def sweep(self, now: Moment) -> float:
        return 1.0

    async def count(self) -> int:
        return await self.memory.count()

    def all(self, now: Moment) -> Any:
        return self.memory.all(now)

    def later(self, work: Awaitable[list[Binding]], done: Callable[[Outcome, Moment], None]) -> None:
        self.waiting.append((work, done))  # type: ignore[arg-type]

    def release(self, now: Moment, error: Exception | None = None) -> None:
        """Let the first that waits go on."""
        work, done = self.waiting.pop(0)
        if error is not None:
            done(error, now)
            return
        try:
            outcome: Outcome = work(now)
        except Exception as raised:
            outcome = raised
        done(outcome, now)


def nothing_waits(work: Awaitable[list[Binding]], done: Callable[[Outcome, Moment], None]) -> None:
    raise AssertionError("a service that answers at once is not waited for")


class Desk:
    """The registrar of example.com and example.org, and those who write to it."""

    def __init__(
        self,
        settings: RegistrarSettings | None = None,
        location: LocationService | None = None,
        domains: tuple[str, ...] = ("example.com", "example.org"),
    ) -> None:
        self.clock = VirtualClock()
        self.stack = Stack(IdSource.seeded(1, origin="0.0.0"), b"secret", lambda query: [])
        self.location = MemoryLocation() if location is None else location
        later = self.location.later if isinstance(self.location, SlowLocation) else nothing_waits
        self.registrar = Registrar(
            self.stack, self.location, later, frozenset(domains), is_listener, b"secret", settings
        )
        self.identity: str | None = AOR
        self.sent: list[tuple[Response, Flow]] = []
        self.branch = 0
        self.stack.flow_changed(TCP, CONNECTED, "", self.now)
        self.stack.drain()

    @property
    def now(self) -> Moment:
        return self.clock.now()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance_to(self.clock.monotonic + seconds)
        self.stack.advance(self.now)
        self.flush()

    def receive(self, data: bytes, flow: Flow = UDP) -> list[Response]:
        """Hand over octets; the answers that this gives at once."""
        before = len(self.sent)
        self.stack.receive(data, flow, self.now)
        self.flush()
        return [response for response, _ in self.sent[before:]]

    def release(self, error: Exception | None = None) -> list[Response]:
        """Let the slow location service answer one question."""
        assert isinstance(self.location, SlowLocation)
        before = len(self.sent)
        self.location.release(self.now, error)
        self.flush()
        return [response for response, _ in self.sent[before:]]

    def flush(self) -> None:
        effects = self.stack.drain()
        while effects:
            for effect in effects:
                if isinstance(effect, RequestReceived):
                    self.registrar.request(effect.request, effect.flow, self.now, self.identity)
                elif isinstance(effect, Transmit):
                    message = parse(effect.data)
                    assert isinstance(message, Response)
                    self.sent.append((message, effect.flow))
            effects = self.stack.drain()

    def text(
        self,
        *headers: str,
        cseq: int = 1,
        call_id: str = "a",
        to: str = f"<{AOR}>",
        from_: str = f"<{AOR}>;tag=1",
        uri: str = "sip:example.com",
        branch: str = "",
        sent_by: str = "192.0.2.1",
        transport: str = "UDP",
        body: str = "",
    ) -> bytes:
        """A REGISTER with further header fields."""
        self.branch += 1
        lines = [
            f"REGISTER {uri} SIP/2.0",
            f"Via: SIP/2.0/{transport} {sent_by};branch={branch or f'z9hG4bK-{self.branch}'}",
            f"From: {from_}",
            f"To: {to}",
            f"Call-ID: {call_id}",
            f"CSeq: {cseq} REGISTER",
            "Max-Forwards: 70",
            *headers,
            f"Content-Length: {len(body)}",
        ]
        return "\r\n".join([*lines, "", body]).encode("utf-8", "surrogateescape")

    def register(self, *headers: str, flow: Flow = UDP, **parts: Any) -> Response:
        """Send a REGISTER that is answered at once."""
        [response] = self.receive(self.text(*headers, **parts), flow)
        return response

    def bindings(self, aor: str = AOR) -> list[Binding]:
        """What a proxy sees."""
        memory = self.location.memory if isinstance(self.location, SlowLocation) else self.location
        found = memory.lookup_now(aor, self.now)
        assert found is not None
        return found

    def binding(self, aor: str = AOR) -> Binding:
        [found] = self.bindings(aor)
        return found

    def contacts(self, aor: str = AOR) -> list[str]:
        return [binding.contact for binding in self.bindings(aor)]
