"""The non-INVITE server transaction: figure 8, with RFC 4320 and RFC 6026 8.8."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.flow import Flow
from offhook.sip.message import Message
from offhook.transaction.machine import Event, State
from offhook.transaction.server_non_invite import NonInviteServerTransaction
from offhook.transaction.timers import TimerValues
from tests.transaction.machines import FLOWS, Outcomes, Rig, request, response, schedule, walk

OPTIONS = request("OPTIONS")
KEY = (b"z9hG4bKone", "192.0.2.2", 5060, "OPTIONS")

# From figure 8, whose transport errors RFC 6026 8.8 replaces: the transaction remains. "100 is due" and "too late" are
# RFC 4320's. The response that was sent last before each event is a 100 or a 404.
UNRELIABLE: Outcomes = {
    (State.TRYING, Event.REQUEST): (State.TRYING, ""),
    (State.TRYING, Event.PROVISIONAL): (State.PROCEEDING, "send 100"),
    (State.TRYING, Event.FINAL): (State.COMPLETED, "send 404"),
    (State.TRYING, Event.TIMER_TRYING): (State.PROCEEDING, "send 100"),
    (State.TRYING, Event.TIMER_LATE): (State.TERMINATED, "end timeout"),
    (State.PROCEEDING, Event.REQUEST): (State.PROCEEDING, "send 100"),
    (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, "send 100"),
    (State.PROCEEDING, Event.FINAL): (State.COMPLETED, "send 404"),
    (State.PROCEEDING, Event.TRANSPORT_ERROR): (State.PROCEEDING, "tell lost"),
    (State.PROCEEDING, Event.TIMER_LATE): (State.TERMINATED, "end timeout"),
    (State.COMPLETED, Event.REQUEST): (State.COMPLETED, "send 404"),
    (State.COMPLETED, Event.TRANSPORT_ERROR): (State.COMPLETED, "tell lost"),
    (State.COMPLETED, Event.TIMER_J): (State.TERMINATED, "end terminated"),
}
RELIABLE: Outcomes = {pair: outcome for pair, outcome in UNRELIABLE.items() if pair[0] is not State.COMPLETED} | {
    (State.TRYING, Event.FINAL): (State.TERMINATED, "send 404, end terminated"),
    (State.PROCEEDING, Event.FINAL): (State.TERMINATED, "send 404, end terminated"),
}

CARRIED: dict[Event, Callable[[NonInviteServerTransaction], Message]] = {
    Event.PROVISIONAL: lambda machine: response(machine.request, 100),
    Event.SUCCESS: lambda machine: response(machine.request, 200),
    Event.FAILURE: lambda machine: response(machine.request, 404),
    Event.FINAL: lambda machine: response(machine.request, 404),
    Event.REQUEST: lambda machine: machine.request,
    Event.ACK: lambda machine: request("ACK"),
}


def make(rig: Rig, flow: Flow) -> NonInviteServerTransaction:
    machine = NonInviteServerTransaction(rig.table, KEY, OPTIONS, flow, flow)
    rig.table.add_server(machine)
    machine.begin(rig.now)
    return machine


def answer(machine: NonInviteServerTransaction, status: int, now: Moment) -> None:
    machine.respond(response(machine.request, status), now)


def stay(machine: NonInviteServerTransaction, rig: Rig) -> None:
    """Trying is where it begins."""


INTO: dict[State, Callable[[NonInviteServerTransaction, Rig], object]] = {
    State.TRYING: stay,
    State.PROCEEDING: lambda machine, rig: rig.fire(machine, Event.TIMER_TRYING),
    State.COMPLETED: lambda machine, rig: answer(machine, 404, rig.now),
    State.TERMINATED: lambda machine, rig: rig.fire(machine, Event.TIMER_LATE),
}


@pytest.mark.rfc("3261 17.2.2")
def test_every_event_in_every_state_over_an_unreliable_transport() -> None:
    assert walk(make, INTO, CARRIED, FLOWS["UDP"], UNRELIABLE) == []


@pytest.mark.rfc("3261 17.2.2")
def test_every_event_in_every_state_over_a_reliable_transport() -> None:
    lasting: dict[State, Callable[[NonInviteServerTransaction, Rig], object]] = {
        state: reach for state, reach in INTO.items() if state is not State.COMPLETED
    }
    assert walk(make, lasting, CARRIED, FLOWS["TCP"], RELIABLE) == []


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (State.TRYING, [200, 299, 300, 404, 503, 699]),
        (State.PROCEEDING, [100, 200, 299, 300, 404, 503, 699]),
        (State.COMPLETED, []),
        (State.TERMINATED, []),
    ],
)
@pytest.mark.rfc(
    "4320 4.1 #1",
    "4320 4.1 #2",
    "4320 4.2 #1",
    "4320 4.2 #2",
    "3261 8.2.6.1 #1",
    "3261 17.2.2 #6",
    "3261 17.2.2 #9",
)
def test_what_cannot_be_answered_is_invalid(state: State, allowed: list[int]) -> None:
    """No provisional response but 100, no 408, and no 100 by UDP before its time."""
    for status in (100, 180, 199, 200, 299, 300, 404, 408, 503, 699):
        rig = Rig()
        machine = make(rig, FLOWS["UDP"])
        INTO[state](machine, rig)
        rig.take()
        if status in allowed:
            answer(machine, status, rig.now)
            assert rig.take() == [f"send {status}"]
        else:
            with pytest.raises(InvalidState):
                answer(machine, status, rig.now)
            assert (rig.take(), machine.state) == ([], state)


@pytest.mark.rfc("4320 4.1 #2")
def test_over_a_reliable_transport_100_may_come_at_any_time() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["TCP"])
    answer(machine, 100, rig.now)
    assert (rig.take(), machine.state) == (["send 100"], State.PROCEEDING)
    assert rig.running(machine) == {str(Event.TIMER_LATE): 32.0}


@pytest.mark.rfc("4320 4.1 #2", "4320 4.1 #3")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize(
    ("values", "due", "late"),
    [
        (TimerValues(), 3.5, 32.0),
        (TimerValues(t1=1.0), 3.0, 64.0),
        (TimerValues(t1=0.5, t2=16.0), 15.5, 32.0),
        (TimerValues(t1=2.0, t2=2.0), 2.0, 128.0),
        # T2 is above 64*T1: the client has given up before a 100 is due.
        (TimerValues(t1=0.05), None, 3.2),
    ],
)
def test_the_100_comes_once_timer_e_of_the_client_is_t2(
    transport: str, values: TimerValues, due: float | None, late: float
) -> None:
    """And when the client has given up, nothing goes out any more (4.2)."""
    rig = Rig(values)
    make(rig, FLOWS[transport])
    assert rig.run(1000) == [*([] if due is None else [(due, "send 100")]), (late, "end timeout")]


@pytest.mark.rfc("3261 17.2.2 #7", "3261 17.2.2 #8", "3261 17.2.2 #10")
@pytest.mark.parametrize(("values", "seconds"), [(TimerValues(), 32.0), (TimerValues(t1=0.25), 16.0)])
def test_timer_j_answers_what_comes_again(values: TimerValues, seconds: float) -> None:
    rig = Rig(values)
    machine = make(rig, FLOWS["UDP"])
    answer(machine, 200, rig.after(1.0))
    assert rig.running(machine) == {"Timer J": seconds}
    machine.receive(OPTIONS, rig.after(1.0))
    assert rig.take() == ["send 200", "send 200"]
    assert rig.run(1000) == [(seconds + 1.0, "end terminated")]


@pytest.mark.rfc("3261 17.2.2 #7", "3261 17.2.2 #11")
def test_a_final_response_is_the_last_thing_over_a_reliable_transport() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["TCP"])
    answer(machine, 200, rig.now)
    assert rig.take() == ["send 200", "end terminated"]
    assert rig.run(1000) == []
    assert rig.table.servers == {}


def test_answered_tells_that_nothing_can_be_said_any_more() -> None:
    seen = {}
    for state, reach in INTO.items():
        rig = Rig()
        machine = make(rig, FLOWS["UDP"])
        reach(machine, rig)
        seen[state] = machine.answered
    assert seen == {State.TRYING: False, State.PROCEEDING: False, State.COMPLETED: True, State.TERMINATED: True}


def test_what_comes_again_before_any_answer_is_dropped() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["UDP"])
    machine.receive(OPTIONS, rig.after(1.0))
    assert rig.take() == []
    assert rig.run(3.5) == schedule("3.5 send 100")
