"""What the tests of the four machines share: a machine without an engine, its time, and what it gives out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.sip.message import Message, Request, Response
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, new_request, reply
from offhook.transaction.effects import (
    Effect,
    Ended,
    RequestReceived,
    ResponseLost,
    ResponseReceived,
    Transmit,
)
from offhook.transaction.machine import NEVER, Event, State, Transaction
from offhook.transaction.table import TransactionTable
from offhook.transaction.timers import TimerValues

EVENTS = list(Event)
STATES = list(State)
FLOWS = {
    "UDP": Flow("UDP", "udp:192.0.2.1:5060", ("192.0.2.1", 5060), ("192.0.2.2", 5060)),
    "TCP": Flow("TCP", "tcp:192.0.2.1:5060", ("192.0.2.1", 5060), ("192.0.2.2", 40000), "0", 7),
}
START = Moment(1000.0, 1_767_225_600.0)

Machine = TypeVar("Machine", bound=Transaction)


def message(method: str, **headers: str) -> Draft:
    """A draft of a request as it came over the wire."""
    draft = new_request(method, "sip:bob@192.0.2.2")
    draft.add("Via", "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKone").add("Max-Forwards", "70")
    draft.add("From", "<sip:alice@192.0.2.1>;tag=a").add("To", "<sip:bob@192.0.2.2>")
    draft.add("Call-ID", "call").add("CSeq", f"7 {method}")
    for name, value in headers.items():
        draft.set(name, value)
    return draft


def request(method: str, **headers: str) -> Request:
    return received(message(method, **headers).request(), Request)


def response(to: Request, status: int, to_tag: str = "b") -> Response:
    return received(reply(to, status, None, to_tag).response(), Response)


Kind = TypeVar("Kind", bound=Message)


def received(made: Message, kind: type[Kind]) -> Kind:
    """A message as its receiver sees it."""
    parsed = parse(made.serialize())
    assert isinstance(parsed, kind)
    return parsed


def told(effect: Effect) -> str:
    """An effect in few words: what was sent, what the user was told."""
    if isinstance(effect, Transmit):
        sent = parse(effect.data)
        return f"send {sent.method if isinstance(sent, Request) else sent.status}"
    if isinstance(effect, ResponseReceived):
        return f"tell {effect.response.status}"
    if isinstance(effect, RequestReceived):
        return f"tell {effect.request.method}"
    if isinstance(effect, ResponseLost):
        return "tell lost"
    assert isinstance(effect, Ended)
    return f"end {effect.cause}"


class Rig:
    """A table for one transaction, and its time."""

    def __init__(self, values: TimerValues | None = None) -> None:
        self.table = TransactionTable(TimerValues() if values is None else values)
        self.now = START

    def take(self) -> list[str]:
        """What was given out since it was last asked."""
        effects = self.table.effects
        self.table.effects = []
        return [told(effect) for effect in effects]

    def after(self, seconds: float) -> Moment:
        """Let time pass without any timer firing."""
        self.now = Moment(self.now.monotonic + seconds, self.now.wall + seconds)
        return self.now

    def fire(self, machine: Transaction, event: str, message: Message | None = None) -> bool:
        """Let an event happen now; a timer that runs has been its cause, and runs no more."""
        timer = machine.timer
        if timer is not None and timer.event == event:
            self.table.timers.cancel(timer)
        return machine.fire(event, message, self.now)

    def left(self) -> int:
        """What the table still holds."""
        table = self.table
        return len(table.timers) + len(table.clients) + len(table.servers) + len(table.over_flow)

    def run(self, until: float) -> list[tuple[float, str]]:
        """Let timers fire until so many seconds from the start: when, and what came of it."""
        schedule: list[tuple[float, str]] = []
        timers = self.table.timers
        due = timers.next_deadline()
        while due is not None and due <= START.monotonic + until:
            self.now = Moment(due, START.wall + due - START.monotonic)
            taken = timers.take_due(self.now)
            assert taken is not None
            owner, event = taken
            assert isinstance(owner, Transaction)
            owner.fire(event, None, self.now)
            schedule += [(round(due - START.monotonic, 6), effect) for effect in self.take()]
            due = timers.next_deadline()
        self.now = Moment(START.monotonic + until, START.wall + until)
        return schedule

    def running(self, transaction: Transaction) -> dict[str, float]:
        """What is waited for, and in how many seconds it happens."""
        timer = transaction.timer
        assert len(self.table.timers) == (timer is not None)
        found = {} if timer is None else {timer.event: timer.deadline}
        if transaction.deadline < NEVER:
            assert timer is not None
            found[transaction.end_event] = transaction.deadline
        return {str(event): round(deadline - self.now.monotonic, 6) for event, deadline in found.items()}


def schedule(text: str) -> list[tuple[float, str]]:
    """ "0.5 send INVITE, 32 end timeout" as a list."""
    pairs = [part.strip().partition(" ") for part in text.split(",")]
    return [(float(seconds), effect) for seconds, _, effect in pairs]


Outcome = tuple[State, str]
Outcomes = dict[tuple[State, Event], Outcome]


def walk(
    make: Callable[[Rig, Flow], Machine],
    into: Mapping[State, Callable[[Machine, Rig], object]],
    carried: dict[Event, Callable[[Machine], Message]],
    flow: Flow,
    outcomes: Outcomes,
) -> list[str]:
    """Fire every event in every state; the pairs whose outcome is not the one written down, as text.

    `into` brings a new machine into each state that lasts. A pair without an outcome changes nothing, but is counted.
    """
    wrong: list[str] = []
    for state, reach in into.items():
        for event in EVENTS:
            rig = Rig()
            machine = make(rig, flow)
            reach(machine, rig)
            assert machine.state is state, f"{state} was not reached, but {machine.state}"
            rig.take()
            before = rig.running(machine)
            rig.after(0.125)
            listed = rig.fire(machine, event, carried[event](machine) if event in carried else None)
            expected = outcomes.get((state, event))
            if expected is None:
                same = (machine.state, rig.take(), listed, machine.unlisted, len(rig.running(machine)))
                if same != (state, [], False, 1, len(before)):
                    wrong.append(f"{state}, {event}: {same}, and nothing was to happen")
            else:
                seen = (machine.state, ", ".join(rig.take()))
                if seen != expected or not listed:
                    wrong.append(f"{state}, {event}: {seen}, not {expected}")
                if machine.state is State.TERMINATED and rig.left():
                    wrong.append(f"{state}, {event}: something is left")
    unknown = [pair for pair in outcomes if pair[0] not in into]
    return wrong + [f"{pair}: never reached" for pair in unknown]
