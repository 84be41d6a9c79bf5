"""The base of all state machines: one table beside its figure, `fire` once.

A machine's table is `TRANSITIONS[state][event] -> (action, next state)`. An action is called as (machine, message,
now), after the state has changed; what it gives out goes to the queue of its transaction table.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from offhook.clock import Moment, Timer
from offhook.flow import Flow
from offhook.sip.message import Message, Request, Response

__all__ = ["NEVER", "Action", "Event", "Machine", "Row", "State", "Table", "Transaction", "TransactionKey"]


class State(StrEnum):
    """The states of the four transaction machines (RFC 3261 figures 5 to 8, RFC 6026)."""

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    TERMINATED = "Terminated"


class Event(StrEnum):
    """What drives the four transaction machines."""

    TIMER_A = "Timer A"
    TIMER_B = "Timer B"
    TIMER_D = "Timer D"
    TIMER_E = "Timer E"
    TIMER_F = "Timer F"
    TIMER_G = "Timer G"
    TIMER_H = "Timer H"
    TIMER_I = "Timer I"
    TIMER_J = "Timer J"
    TIMER_K = "Timer K"
    TIMER_L = "Timer L"
    TIMER_M = "Timer M"
    TIMER_TRYING = "100 is due"
    TIMER_CANCELLED = "cancelled without an answer"
    TIMER_LATE = "too late for an answer"
    REQUEST = "request"
    ACK = "ACK"
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    FINAL = "200-699"
    TRANSPORT_ERROR = "transport error"


NEVER: Final = float("inf")

Action = Callable[[Any, Message | None, Moment], None] | None
Row = dict[str, tuple[Action, str]]
Table = dict[str, Row]
TransactionKey = tuple[bytes, str, int, str]


class Machine:
    """A state machine that its `table` describes completely.

    An event that the current row does not list does nothing but count: the wire may bring anything at any time. What
    a caller may not do in a state is refused by the method that he calls, with InvalidState.

    Where the actions are those of another object, `owner` is that object and is called in the machine's place: a
    class outside the compiled packages has a machine, it cannot be one.
    """

    __slots__ = ("owner", "row", "state", "table", "unlisted")

    def __init__(self, table: Table, state: str, owner: Any = None) -> None:
        self.table = table
        self.owner: Any = owner
        self.state = state
        self.row: Row = table[state]
        self.unlisted = 0

    def fire(self, event: str, message: Message | None, now: Moment) -> bool:
        """Let an event happen. False when the state does not list it."""
        entry = self.row.get(event)
        if entry is None:
            self.unlisted += 1
            return False
        action, state = entry
        if state is not self.state:
            self.state = state
            self.row = self.table[state]
        if action is not None:
            action(self if self.owner is None else self.owner, message, now)
        return True


class Transaction(Machine):
    """What the four machines share.

    `key` finds it in its table; `request` made it; `flow` carries its messages; `user` is whoever is told of what
    happens. `response` is the last one sent or received. One timer runs at most: where one event is repeated until
    another ends the state, the other is `end_event`, due at `deadline` (monotonic seconds, NEVER without one).
    """

    __slots__ = ("deadline", "end_event", "flow", "interval", "key", "request", "response", "timer", "user")

    def __init__(self, table: Table, state: str, key: TransactionKey, request: Request, flow: Flow) -> None:
        super().__init__(table, state)
        self.key = key
        self.request = request
        self.flow = flow
        self.user: object | None = None
        self.response: Response | None = None
        self.timer: Timer | None = None
        self.interval = 0.0
        self.deadline = NEVER
        self.end_event = ""

    def begin(self, now: Moment) -> None:
        """Start the machine: first messages, first timers."""
        raise NotImplementedError

    def shed(self, remains: Request) -> None:
        """Let go of the messages that the machine will not need, now that its user is done with a 2xx.

        `remains` of the request stay. A server transaction for a stream keeps all, for its connection may have to be
        opened again (18.2.2); so does one that only the whole message can match (17.2.3).
        """
        raise NotImplementedError

    @property
    def terminated(self) -> bool:
        """Whether the transaction is over."""
        return self.state is State.TERMINATED

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.request.method} {self.state}>"
