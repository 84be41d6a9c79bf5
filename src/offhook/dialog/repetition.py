"""A response that is sent again and again until it is acknowledged.

That is the 2xx to an INVITE until its ACK (RFC 3261 13.3.1.4), and a reliable provisional response until its PRACK
(RFC 3262 3). Both do so whatever the transport is, for the last hop may be another.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from offhook.clock import Moment, Timer
from offhook.sip.message import Message
from offhook.transaction.machine import Machine, Table
from offhook.transaction.table import TransactionTable

__all__ = ["Repetition", "RepetitionEvent", "RepetitionState"]


class RepetitionState(StrEnum):
    """Whether the response is still sent."""

    REPEATING = "Repeating"
    ACKNOWLEDGED = "Acknowledged"
    GIVEN_UP = "Given up"
    STOPPED = "Stopped"


class RepetitionEvent(StrEnum):
    """What drives the machine."""

    TIMER_REPEAT = "next repetition"
    TIMER_GIVE_UP = "64*T1"
    ACKNOWLEDGED = "ACK or PRACK"
    STOP = "nobody waits for it"


class Repetition(Machine):
    """One response under way.

    The interval starts with T1 and doubles up to `longest` seconds. `send` sends the response again; `give_up` is
    called after 64*T1 without an acknowledgement.
    """

    __slots__ = ("_end_timer", "_interval", "_longest", "_repeat_timer", "_transactions", "give_up", "send")

    def __init__(
        self,
        transactions: TransactionTable,
        longest: float,
        send: Callable[[Moment], None],
        give_up: Callable[[Moment], None],
    ) -> None:
        super().__init__(TRANSITIONS, RepetitionState.REPEATING)
        self._transactions = transactions
        self._longest = longest
        self._interval = transactions.values.t1
        self._repeat_timer: Timer | None = None
        self._end_timer: Timer | None = None
        self.send = send
        self.give_up = give_up

    def begin(self, now: Moment) -> None:
        """Start the timers; the response has just been sent for the first time."""
        transactions = self._transactions
        self._end_timer = transactions.timers.start(
            transactions.values.timeout, self, RepetitionEvent.TIMER_GIVE_UP, now
        )
        self._wait(now)

    @property
    def repeating(self) -> bool:
        """Whether an acknowledgement is still waited for."""
        return self.state is RepetitionState.REPEATING

    def _wait(self, now: Moment) -> None:
        self._repeat_timer = self._transactions.timers.start(self._interval, self, RepetitionEvent.TIMER_REPEAT, now)

    def _stop(self) -> None:
        for timer in (self._repeat_timer, self._end_timer):
            if timer is not None:
                self._transactions.timers.cancel(timer)


def _repeat(self: Repetition, _message: Message | None, now: Moment) -> None:
    self._interval = min(2 * self._interval, self._longest)
    self._wait(now)
    self.send(now)


def _give_up(self: Repetition, _message: Message | None, now: Moment) -> None:
    self._stop()
    self.give_up(now)


def _end(self: Repetition, _message: Message | None, now: Moment) -> None:
    self._stop()


TRANSITIONS: Table = {
    RepetitionState.REPEATING: {
        RepetitionEvent.TIMER_REPEAT: (_repeat, RepetitionState.REPEATING),
        RepetitionEvent.TIMER_GIVE_UP: (_give_up, RepetitionState.GIVEN_UP),
        RepetitionEvent.ACKNOWLEDGED: (_end, RepetitionState.ACKNOWLEDGED),
        RepetitionEvent.STOP: (_end, RepetitionState.STOPPED),
    },
    RepetitionState.ACKNOWLEDGED: {},
    RepetitionState.GIVEN_UP: {},
    RepetitionState.STOPPED: {},
}
