"""The INVITE server transaction: figure 7 as RFC 6026 8.6 has it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.clock import Moment
from offhook.errors import InvalidState
from offhook.flow import Flow
from offhook.sip.message import Message
from offhook.transaction.effects import RequestReceived
from offhook.transaction.machine import Event, State
from offhook.transaction.server_invite import InviteServerTransaction
from offhook.transaction.timers import TimerValues
from tests.transaction.machines import FLOWS, Outcomes, Rig, request, response, schedule, walk

INVITE = request("INVITE")
KEY = (b"z9hG4bKone", "192.0.2.2", 5060, "INVITE")

# From figure 7. The response that was sent last before each event is a 180, a 486 or a 200.
UNRELIABLE: Outcomes = {
    (State.PROCEEDING, Event.TIMER_TRYING): (State.PROCEEDING, "send 100"),
    (State.PROCEEDING, Event.REQUEST): (State.PROCEEDING, "send 180"),
    (State.PROCEEDING, Event.PROVISIONAL): (State.PROCEEDING, "send 183"),
    (State.PROCEEDING, Event.SUCCESS): (State.ACCEPTED, "send 200"),
    (State.PROCEEDING, Event.FAILURE): (State.COMPLETED, "send 486"),
    (State.PROCEEDING, Event.TRANSPORT_ERROR): (State.PROCEEDING, "tell lost"),
    (State.COMPLETED, Event.REQUEST): (State.COMPLETED, "send 486"),
    (State.COMPLETED, Event.TIMER_G): (State.COMPLETED, "send 486"),
    (State.COMPLETED, Event.TIMER_H): (State.TERMINATED, "end timeout"),
    (State.COMPLETED, Event.ACK): (State.CONFIRMED, ""),
    (State.COMPLETED, Event.TRANSPORT_ERROR): (State.COMPLETED, "tell lost"),
    (State.CONFIRMED, Event.ACK): (State.CONFIRMED, ""),
    (State.CONFIRMED, Event.TIMER_I): (State.TERMINATED, "end terminated"),
    (State.ACCEPTED, Event.REQUEST): (State.ACCEPTED, ""),
    (State.ACCEPTED, Event.SUCCESS): (State.ACCEPTED, "send 200"),
    (State.ACCEPTED, Event.ACK): (State.ACCEPTED, "tell ACK"),
    (State.ACCEPTED, Event.TIMER_L): (State.TERMINATED, "end terminated"),
    (State.ACCEPTED, Event.TRANSPORT_ERROR): (State.ACCEPTED, "tell lost"),
}
RELIABLE: Outcomes = {pair: outcome for pair, outcome in UNRELIABLE.items() if pair[0] is not State.CONFIRMED} | {
    (State.COMPLETED, Event.ACK): (State.TERMINATED, "end terminated"),
}

CARRIED: dict[Event, Callable[[InviteServerTransaction], Message]] = {
    Event.PROVISIONAL: lambda machine: response(machine.request, 183),
    Event.SUCCESS: lambda machine: response(machine.request, 200),
    Event.FAILURE: lambda machine: response(machine.request, 486),
    Event.FINAL: lambda machine: response(machine.request, 486),
    Event.REQUEST: lambda machine: machine.request,
    Event.ACK: lambda machine: request("ACK"),
}


def make(rig: Rig, flow: Flow) -> InviteServerTransaction:
    machine = InviteServerTransaction(rig.table, KEY, INVITE, flow, flow)
    rig.table.add_server(machine)
    machine.begin(rig.now)
    return machine


def answer(machine: InviteServerTransaction, status: int, now: Moment) -> None:
    machine.respond(response(machine.request, status), now)


def confirm(machine: InviteServerTransaction, rig: Rig) -> None:
    answer(machine, 486, rig.now)
    machine.receive(request("ACK"), rig.now)


def end(machine: InviteServerTransaction, rig: Rig) -> None:
    answer(machine, 200, rig.now)
    rig.fire(machine, Event.TIMER_L)


INTO: dict[State, Callable[[InviteServerTransaction, Rig], object]] = {
    State.PROCEEDING: lambda machine, rig: answer(machine, 180, rig.now),
    State.COMPLETED: lambda machine, rig: answer(machine, 486, rig.now),
    State.CONFIRMED: confirm,
    State.ACCEPTED: lambda machine, rig: answer(machine, 200, rig.now),
    State.TERMINATED: end,
}


@pytest.mark.rfc("6026 8.6", "3261 17.2.1")
def test_every_event_in_every_state_over_an_unreliable_transport() -> None:
    assert walk(make, INTO, CARRIED, FLOWS["UDP"], UNRELIABLE) == []


@pytest.mark.rfc("6026 8.6", "3261 17.2.1")
def test_every_event_in_every_state_over_a_reliable_transport() -> None:
    lasting: dict[State, Callable[[InviteServerTransaction, Rig], object]] = {
        state: reach for state, reach in INTO.items() if state is not State.CONFIRMED
    }
    assert walk(make, lasting, CARRIED, FLOWS["TCP"], RELIABLE) == []


# What its user may do in which state: a response by its class, and whether it goes out.
@pytest.mark.rfc("3261 17.2.1 #6", "3261 17.2.1 #8")
@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        (State.PROCEEDING, [100, 180, 200, 299, 300, 404, 503, 699]),
        (State.COMPLETED, []),
        (State.CONFIRMED, []),
        (State.ACCEPTED, [200, 299]),
        (State.TERMINATED, []),
    ],
)
def test_what_cannot_be_answered_is_invalid(state: State, allowed: list[int]) -> None:
    for status in (100, 180, 200, 299, 300, 404, 503, 699):
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


@pytest.mark.rfc("3261 17.2.1 #1")
def test_the_100_comes_after_200_milliseconds() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["UDP"])
    machine.receive(INVITE, rig.after(0.1))
    assert rig.take() == []
    assert rig.run(100) == schedule("0.2 send 100")
    machine.receive(INVITE, rig.now)
    assert rig.take() == ["send 100"]


@pytest.mark.parametrize("status", [100, 180, 200, 486])
def test_no_100_comes_after_any_answer(status: int) -> None:
    rig = Rig()
    machine = make(rig, FLOWS["UDP"])
    answer(machine, status, rig.after(0.1))
    rig.take()
    assert "send 100" not in [effect for _, effect in rig.run(100)]


@pytest.mark.rfc("3261 17.2.1 #2")
def test_the_100_has_no_tag() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["UDP"])
    rig.run(1.0)
    assert machine.response is not None
    assert machine.response.to_tag is None


@pytest.mark.rfc("3261 17.2.1 #10", "3261 17.2.1 #13", "3261 17.2.1 #14")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            TimerValues(),
            (
                "0.5 send 486, 1.5 send 486, 3.5 send 486, 7.5 send 486, 11.5 send 486, 15.5 send 486, 19.5 send 486, "
                "23.5 send 486, 27.5 send 486, 31.5 send 486, 32 end timeout"
            ),
        ),
        (
            TimerValues(t1=0.25, t2=4.0),
            (
                "0.25 send 486, 0.75 send 486, 1.75 send 486, 3.75 send 486, 7.75 send 486, 11.75 send 486, "
                "15.75 send 486, 16 end timeout"
            ),
        ),
        (
            TimerValues(t1=1.0, t2=16.0),
            "1 send 486, 3 send 486, 7 send 486, 15 send 486, 31 send 486, 47 send 486, 63 send 486, 64 end timeout",
        ),
    ],
)
def test_timers_g_and_h_without_an_ack(values: TimerValues, expected: str) -> None:
    rig = Rig(values)
    machine = make(rig, FLOWS["UDP"])
    answer(machine, 486, rig.now)
    assert rig.take() == ["send 486"]
    assert rig.run(1000) == schedule(expected)


@pytest.mark.rfc("3261 17.2.1 #10")
def test_a_reliable_transport_has_timer_h_alone() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["TCP"])
    answer(machine, 486, rig.now)
    assert rig.running(machine) == {"Timer H": 32.0}
    rig.take()
    assert rig.run(1000) == schedule("32 end timeout")


@pytest.mark.rfc("3261 17.2.1 #15")
@pytest.mark.parametrize(("values", "seconds"), [(TimerValues(), 5.0), (TimerValues(t4=2.5), 2.5)])
def test_timer_i_absorbs_acks_for_t4(values: TimerValues, seconds: float) -> None:
    rig = Rig(values)
    machine = make(rig, FLOWS["UDP"])
    confirm(machine, rig)
    assert rig.running(machine) == {"Timer I": seconds}
    rig.take()
    machine.receive(request("ACK"), rig.after(1.0))
    assert rig.run(1000) == [(seconds, "end terminated")]


@pytest.mark.rfc("6026 7.1 #1", "6026 7.1 #2", "6026 7.1 #3", "6026 8.7 #1", "6026 8.7 #2", "6026 8.7 #3")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize(("values", "seconds"), [(TimerValues(), 32.0), (TimerValues(t1=0.25), 16.0)])
def test_timer_l_runs_over_every_transport(transport: str, values: TimerValues, seconds: float) -> None:
    """The machine sends no 2xx again by itself, and further ones do not move the timer."""
    rig = Rig(values)
    machine = make(rig, FLOWS[transport])
    answer(machine, 200, rig.now)
    answer(machine, 200, rig.after(2.0))
    assert rig.running(machine) == {"Timer L": seconds - 2.0}
    assert rig.take() == ["send 200", "send 200"]
    assert rig.run(1000) == [(seconds, "end terminated")]


@pytest.mark.rfc("6026 7.1 #4")
def test_an_ack_in_accepted_names_its_transaction() -> None:
    rig = Rig()
    machine = make(rig, FLOWS["UDP"])
    answer(machine, 200, rig.now)
    rig.take()
    ack = request("ACK")
    machine.receive(ack, rig.now)
    event = rig.table.effects[0]
    assert isinstance(event, RequestReceived)
    assert (event.request, event.flow, event.transaction) == (ack, FLOWS["UDP"], machine)


def test_answered_tells_of_a_final_response() -> None:
    seen = {}
    for state, reach in INTO.items():
        rig = Rig()
        machine = make(rig, FLOWS["UDP"])
        reach(machine, rig)
        seen[state] = machine.answered
    assert seen == {
        State.PROCEEDING: False,
        State.COMPLETED: True,
        State.CONFIRMED: True,
        State.ACCEPTED: True,
        State.TERMINATED: True,
    }
