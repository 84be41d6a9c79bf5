"""Responses that are sent until they are acknowledged: every state and event, and the times."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.dialog.repetition import Repetition, RepetitionEvent, RepetitionState
from offhook.transaction.table import TransactionTable
from offhook.transaction.timers import TimerValues

REPEATING, ACKNOWLEDGED, GIVEN_UP, STOPPED = RepetitionState
TIMER_REPEAT, TIMER_GIVE_UP, ACK, STOP = RepetitionEvent


class Bench:
    """A repetition with its own clock; `sent` holds the seconds of each sending, `lost` that of giving up."""

    def __init__(self, longest: float = 4.0) -> None:
        self.table = TransactionTable(TimerValues())
        self.sent: list[float] = []
        self.lost: list[float] = []
        self.repetition = Repetition(self.table, longest, self.send, self.lose)

    def send(self, now: Moment) -> None:
        self.sent.append(now.monotonic)

    def lose(self, now: Moment) -> None:
        self.lost.append(now.monotonic)

    def run(self, until: float = 100.0) -> None:
        timers = self.table.timers
        deadline = timers.next_deadline()
        while deadline is not None and deadline <= until:
            due = timers.take_due(Moment(deadline, deadline))
            assert due is not None
            assert due[0] is self.repetition
            self.repetition.fire(due[1], None, Moment(deadline, deadline))
            deadline = timers.next_deadline()


START = Moment(0.0, 0.0)

OUTCOMES: dict[tuple[RepetitionState, RepetitionEvent], tuple[RepetitionState, int, int, int]] = {
    # State after, sendings, give-ups, timers that run.
    (REPEATING, TIMER_REPEAT): (REPEATING, 1, 0, 2),
    (REPEATING, TIMER_GIVE_UP): (GIVEN_UP, 0, 1, 0),
    (REPEATING, ACK): (ACKNOWLEDGED, 0, 0, 0),
    (REPEATING, STOP): (STOPPED, 0, 0, 0),
}


@pytest.mark.parametrize("event", list(RepetitionEvent))
@pytest.mark.parametrize("state", list(RepetitionState))
def test_every_state_and_event(state: RepetitionState, event: RepetitionEvent) -> None:
    bench = Bench()
    repetition = bench.repetition
    if state is REPEATING:
        repetition.begin(START)
        if event is TIMER_REPEAT:
            # As the engine does it: a timer that fires has been taken out.
            assert bench.table.timers.take_due(Moment(0.5, 0.5)) == (repetition, TIMER_REPEAT)
    repetition.state = state
    repetition.row = repetition.table[state]
    listed = repetition.fire(event, None, Moment(0.5, 0.5))
    expected = OUTCOMES.get((state, event))
    assert listed is (expected is not None)
    outcome = (repetition.state, len(bench.sent), len(bench.lost), len(bench.table.timers))
    assert outcome == (expected or (state, 0, 0, 0))
    assert repetition.repeating is (repetition.state is REPEATING)


@pytest.mark.rfc("3261 13.3.1.4 #4")
def test_a_2xx_goes_at_doubling_intervals_up_to_t2() -> None:
    bench = Bench(longest=4.0)
    bench.repetition.begin(START)
    bench.run()
    assert bench.sent == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.lost == [32.0]


@pytest.mark.rfc("3262 3")
def test_a_reliable_1xx_goes_at_intervals_that_double_for_ever() -> None:
    bench = Bench(longest=32.0)
    bench.repetition.begin(START)
    bench.run()
    assert bench.sent == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.lost == [32.0]


def test_an_acknowledgement_ends_it() -> None:
    bench = Bench()
    bench.repetition.begin(START)
    bench.run(until=2.0)
    assert bench.repetition.fire(ACK, None, Moment(2.0, 2.0))
    bench.run()
    assert bench.sent == [0.5, 1.5]
    assert bench.lost == []
    assert len(bench.table.timers) == 0
