"""The base of all machines."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.sip.message import Message
from offhook.transaction.machine import Event, Machine, State, Table, Transaction
from tests.transaction.machines import FLOWS, START, request

SEEN: list[tuple[object, str]] = []


def note(machine: Machine, message: Message | None, now: Moment) -> None:
    SEEN.append((machine, machine.state))


TABLE: Table = {
    State.TRYING: {Event.FINAL: (note, State.COMPLETED), Event.REQUEST: (None, State.TRYING)},
    State.COMPLETED: {},
}


def test_an_action_sees_the_state_that_is_entered() -> None:
    SEEN.clear()
    machine = Machine(TABLE, State.TRYING)
    assert machine.fire(Event.FINAL, None, START)
    assert (machine.state, machine.row, SEEN) == (State.COMPLETED, {}, [(machine, State.COMPLETED)])


def test_an_event_without_action_is_listed_all_the_same() -> None:
    machine = Machine(TABLE, State.TRYING)
    assert machine.fire(Event.REQUEST, None, START)
    assert (machine.state, machine.unlisted) == (State.TRYING, 0)


def test_an_unlisted_event_counts_and_changes_nothing() -> None:
    machine = Machine(TABLE, State.COMPLETED)
    assert not machine.fire(Event.FINAL, None, START)
    assert not machine.fire("something of the future", None, START)
    assert (machine.state, machine.unlisted) == (State.COMPLETED, 2)


def test_the_actions_of_an_owner_are_called_with_it() -> None:
    SEEN.clear()

    class Owner:
        state = "mine"

    owner = Owner()
    Machine(TABLE, State.TRYING, owner).fire(Event.FINAL, None, START)
    assert [(owner, "mine")] == SEEN


def test_a_transaction_shows_itself_without_its_peers_words() -> None:
    transaction = Transaction(TABLE, State.TRYING, (b"", "", 0, "OPTIONS"), request("OPTIONS"), FLOWS["UDP"])
    assert repr(transaction) == "<Transaction OPTIONS Trying>"
    assert not transaction.terminated
    with pytest.raises(NotImplementedError):
        transaction.begin(START)


def test_states_and_events_are_spelled_as_in_the_figures() -> None:
    assert [str(state) for state in State] == [
        "Calling",
        "Trying",
        "Proceeding",
        "Completed",
        "Confirmed",
        "Accepted",
        "Terminated",
    ]
    assert [str(event) for event in Event if event.name.startswith("TIMER_") and len(event.name) == 7] == [
        f"Timer {letter}" for letter in "ABDEFGHIJKLM"
    ]
