"""What the tests of the engine share: an engine that is fed by hand."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.flow import Flow, Query, Target
from offhook.ids import IdSource
from offhook.sip.message import Request, Response
from offhook.sip.parser import Limits, parse
from offhook.sip.serializer import Draft, new_request, reply
from offhook.stack import ServerTransaction, Stack
from offhook.transaction.capacity import Capacity
from offhook.transaction.effects import (
    Effect,
    Ended,
    RequestReceived,
    Transmit,
)
from offhook.transaction.machine import Transaction

HERE = ("192.0.2.1", 5060)
PEER = ("198.51.100.7", 5060)
UDP = Flow("UDP", "udp:192.0.2.1:5060", HERE, PEER)
TARGET = Target("UDP", *PEER, UDP.listener, HERE, "192.0.2.1:5060")
TCP_TARGET = Target("TCP", *PEER, "tcp:192.0.2.1:5060", HERE, "192.0.2.1:5060")
VIA = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKone"


def accepted(serial: int = 1) -> Flow:
    """A connection that the peer opened."""
    return Flow("TCP", "tcp:192.0.2.1:5060", HERE, (PEER[0], 40000), "0", serial, accepted=True)


class Bench:
    """An engine, its time, and a place where nobody has to be asked for 198.51.100.7."""

    def __init__(self, seed: int = 1, limits: Limits | None = None, capacity: Capacity | None = None) -> None:
        self.stack = Stack(IdSource.seeded(seed), b"secret", self.resolve_now, None, limits or Limits(), capacity)
        self.now = Moment(0.0, 1_767_225_600.0)

    def resolve_now(self, query: Query) -> list[Target] | None:
        return [TARGET] if query.host == PEER[0] else None

    def receive(self, message: Draft | bytes, flow: Flow = UDP) -> list[Effect]:
        data = message if isinstance(message, bytes) else message.finish().serialize()
        self.stack.receive(data, flow, self.now)
        return self.stack.drain()

    def one(self, message: Draft | bytes, flow: Flow = UDP) -> Effect:
        effects = self.receive(message, flow)
        assert len(effects) == 1, effects
        return effects[0]

    def offered(self, message: Draft, flow: Flow = UDP) -> RequestReceived:
        event = self.one(message, flow)
        assert isinstance(event, RequestReceived)
        return event

    def accept(self, message: Draft, flow: Flow = UDP, user: object = None) -> ServerTransaction:
        event = self.offered(message, flow)
        return self.stack.accept(event.request, event.flow, self.now, user)

    def respond(self, transaction: ServerTransaction, status: int) -> list[Effect]:
        self.stack.respond(transaction, reply(transaction.request, status, None, "b").response(), self.now)
        return self.stack.drain()

    def send(self, method: str = "INVITE", target: Target = TARGET, user: object = None) -> Transaction:
        return self.stack.send(outgoing(method), target, self.now, user)

    def answer(self, transaction: Transaction, status: int) -> list[Effect]:
        return self.receive(reply(transaction.request, status, None, "b"), transaction.flow)

    def pass_time(self, seconds: float) -> list[Effect]:
        self.now = Moment(self.now.monotonic + seconds, self.now.wall + seconds)
        self.stack.advance(self.now)
        return self.stack.drain()

    def left(self) -> int:
        table = self.stack.transactions
        return len(table.clients) + len(table.servers) + len(table.timers) + len(table.over_flow)


def incoming(method: str = "INVITE", via: str = VIA, **headers: str) -> Draft:
    draft = new_request(method, "sip:bob@192.0.2.1").add("Via", via).add("Max-Forwards", "70")
    draft.add("From", "<sip:alice@198.51.100.7>;tag=a").add("To", "<sip:bob@192.0.2.1>")
    draft.add("Call-ID", "call").add("CSeq", f"1 {method}")
    for name, value in headers.items():
        draft.set(name, value)
    return draft


def outgoing(method: str) -> Draft:
    draft = new_request(method, "sip:bob@198.51.100.7").add("From", "<sip:me@192.0.2.1>;tag=m")
    return draft.add("To", "<sip:bob@198.51.100.7>").add("Call-ID", "mine").add("CSeq", f"1 {method}")


def sent(effects: list[Effect]) -> list[Request | Response]:
    return [parse(effect.data) for effect in effects if isinstance(effect, Transmit)]


def shown(effects: list[Effect]) -> list[str]:
    """Effects in short: what goes out, and the names of the events."""
    found = []
    for effect in effects:
        if isinstance(effect, Transmit):
            message = parse(effect.data)
            found.append(message.method if isinstance(message, Request) else str(message.status))
        elif isinstance(effect, Ended):
            found.append(f"Ended {effect.cause}")
        else:
            found.append(type(effect).__name__)
    return found
