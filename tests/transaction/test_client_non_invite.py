"""The non-INVITE client transaction: figure 6."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.sip.message import Message
from offhook.transaction.client_non_invite import NonInviteClientTransaction
from offhook.transaction.machine import Event, State
from offhook.transaction.timers import TimerValues
from tests.transaction.machines import FLOWS, Outcomes, Rig, request, response, schedule, walk

OPTIONS = request("OPTIONS")
KEY = (b"z9hG4bKone", "192.0.2.2", 5060, "OPTIONS")

# From figure 6.
UNRELIABLE: Outcomes = {
    (State.TRYING, Event.TIMER_E): (State.TRYING, "send OPTIONS"),
    (State.TRYING, Event.TIMER_F): (State.TERMINATED, "end timeout"),
    (State.TRYING, Event.TRANSPORT_ERROR): (State.TERMINATED, "end transport"),
    (State.TRYING, Event.PROVISIONAL): (State.PROCEEDING, "tell 100"),
    (State.TRYING, Event.FINAL): (State.COMPLETED, "tell 404"),
    (State.PROCEEDING, Event.TIMER_E): (State.PROCEEDING, "send OPTIONS"),
    (State.PROCEEDING, Event.TIMER_F): (State.TERMINATED, "end timeout"),
    (State.PROCEEDING, Event.TRANSPORT_ERROR): (State.TERMINATED, "end transport"),
    (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, "tell 100"),
    (State.PROCEEDING, Event.FINAL): (State.COMPLETED, "tell 404"),
    (State.COMPLETED, Event.TIMER_K): (State.TERMINATED, "end terminated"),
}
RELIABLE: Outcomes = {pair: outcome for pair, outcome in UNRELIABLE.items() if pair[0] is not State.COMPLETED} | {
    (State.TRYING, Event.FINAL): (State.TERMINATED, "tell 404, end terminated"),
    (State.PROCEEDING, Event.FINAL): (State.TERMINATED, "tell 404, end terminated"),
}

CARRIED: dict[Event, Callable[[NonInviteClientTransaction], Message]] = {
    Event.PROVISIONAL: lambda machine: response(machine.request, 100),
    Event.SUCCESS: lambda machine: response(machine.request, 200),
    Event.FAILURE: lambda machine: response(machine.request, 404),
    Event.FINAL: lambda machine: response(machine.request, 404),
    Event.REQUEST: lambda machine: machine.request,
    Event.ACK: lambda machine: request("ACK"),
}


def make(rig: Rig, flow: Flow) -> NonInviteClientTransaction:
    machine = NonInviteClientTransaction(rig.table, KEY, OPTIONS, flow, None)
    rig.table.add_client(machine)
    machine.begin(rig.now)
    return machine


def answer(machine: NonInviteClientTransaction, status: int, now: Moment) -> None:
    machine.receive(response(machine.request, status), now)


def stay(machine: NonInviteClientTransaction, rig: Rig) -> None:
    """Trying is where it begins."""


INTO: dict[State, Callable[[NonInviteClientTransaction, Rig], object]] = {
    State.TRYING: stay,
    State.PROCEEDING: lambda machine, rig: answer(machine, 100, rig.now),
    State.COMPLETED: lambda machine, rig: answer(machine, 200, rig.now),
    State.TERMINATED: lambda machine, rig: rig.fire(machine, Event.TIMER_F),
}


@pytest.mark.rfc("3261 17.1.2.2", "3261 17.1.4 #1", "3261 17.1.4 #2")
def test_every_event_in_every_state_over_an_unreliable_transport() -> None:
    assert walk(make, INTO, CARRIED, FLOWS["UDP"], UNRELIABLE) == []


@pytest.mark.rfc("3261 17.1.2.2", "3261 17.1.4 #1", "3261 17.1.4 #2")
def test_every_event_in_every_state_over_a_reliable_transport() -> None:
    lasting: dict[State, Callable[[NonInviteClientTransaction, Rig], object]] = {
        state: reach for state, reach in INTO.items() if state is not State.COMPLETED
    }
    assert walk(make, lasting, CARRIED, FLOWS["TCP"], RELIABLE) == []


@pytest.mark.rfc("3261 17.1.2.2 #9", "3261 17.1.2.2 #15")
@pytest.mark.parametrize("trying", [True, False])
def test_each_final_response_completes(trying: bool) -> None:
    for status, state in (
        (100, State.PROCEEDING), (199, State.PROCEEDING), (200, State.COMPLETED), (299, State.COMPLETED),
        (300, State.COMPLETED), (404, State.COMPLETED), (699, State.COMPLETED),
    ):  # fmt: skip
        rig = Rig()
        machine = make(rig, FLOWS["UDP"])
        if not trying:
            answer(machine, 100, rig.now)
        rig.take()
        answer(machine, status, rig.now)
        assert (machine.state, rig.take()) == (state, [f"tell {status}"])


def sends(times: str, end: str) -> list[tuple[float, str]]:
    return schedule(", ".join(f"{time} send OPTIONS" for time in times.split()) + f", {end}")


@pytest.mark.rfc("3261 17.1.2.2 #1", "3261 17.1.2.2 #2", "3261 17.1.2.2 #3")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (TimerValues(), sends("0.5 1.5 3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5", "32 end timeout")),
        (TimerValues(t1=1.0, t2=2.0), sends(" ".join(["1", *map(str, range(3, 64, 2))]), "64 end timeout")),
        (
            TimerValues(t1=0.25, t2=0.25, t4=0.5),
            sends(" ".join(str(step * 0.25) for step in range(1, 64)), "16 send OPTIONS, 16 end timeout"),
        ),
    ],
)
def test_timers_e_and_f_without_an_answer(values: TimerValues, expected: list[tuple[float, str]]) -> None:
    rig = Rig(values)
    make(rig, FLOWS["UDP"])
    assert rig.take() == ["send OPTIONS"]
    seen = rig.run(1000)
    # Where both timers are due in one instant, either may come first.
    assert [event for event in seen if event != (16.0, "send OPTIONS")] == [
        event for event in expected if event != (16.0, "send OPTIONS")
    ]


@pytest.mark.rfc("3261 17.1.2.2 #10", "3261 17.1.2.2 #11")
def test_in_proceeding_timer_e_is_t2() -> None:
    """The interval that runs when the 100 comes ends first; Timer F goes on from the start."""
    rig = Rig()
    machine = make(rig, FLOWS["UDP"])
    rig.run(2.0)
    answer(machine, 100, rig.now)
    assert rig.running(machine) == {"Timer E": 1.5, "Timer F": 30.0}
    rig.take()
    assert rig.run(1000) == sends("3.5 7.5 11.5 15.5 19.5 23.5 27.5 31.5", "32 end timeout")


def test_a_reliable_transport_has_timer_f_alone() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["TCP"])
    assert rig.running(machine) == {"Timer F": 32.0}
    answer(machine, 100, rig.after(1.0))
    assert rig.running(machine) == {"Timer F": 31.0}
    rig.take()
    assert rig.run(1000) == schedule("32 end timeout")


@pytest.mark.rfc("3261 17.1.2.2 #16", "3261 17.1.2.2 #17")
@pytest.mark.parametrize(("values", "seconds"), [(TimerValues(), 5.0), (TimerValues(t4=2.0), 2.0)])
def test_timer_k_absorbs_for_t4(values: TimerValues, seconds: float) -> None:
    rig = Rig(values)
    machine = make(rig, FLOWS["UDP"])
    answer(machine, 200, rig.now)
    assert rig.running(machine) == {"Timer K": seconds}
    answer(machine, 200, rig.after(1.0))
    assert rig.take() == ["send OPTIONS", "tell 200"]
    assert rig.run(1000) == [(seconds, "end terminated")]
