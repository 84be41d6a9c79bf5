"""Every state and event of the INVITE usage, against RFC 5407 figures 1 and 2 read by hand."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.dialog.invite import CALLEE, CALLER, InviteUsage, UsageEvent, UsageState
from offhook.sip.message import Message
from offhook.transaction.machine import Table
from tests.dialog.messages import response

NOW = Moment(1.0, 1.0)
PREPARATIVE, EARLY, MORATORIUM, LEAVING, ESTABLISHED, MORTAL, MORGUE = UsageState
PROVISIONAL, SUCCESS, FAILURE, ACK, NO_ACK, HANG_UP, BYE, BYE_ENDED = UsageEvent


class Owner:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def acknowledge(self, response: Message | None, now: Moment) -> None:
        self.told.append("acknowledge")

    def acknowledged(self, ack: Message | None, now: Moment) -> None:
        self.told.append("acknowledged")

    def send_bye(self, now: Moment) -> None:
        self.told.append("BYE")

    def end_session(self, now: Moment) -> None:
        self.told.append("session over")

    def end_usage(self, now: Moment) -> None:
        self.told.append("usage over")


Outcome = tuple[UsageState, list[str]]
OVER = ["session over", "usage over"]
SAY_BYE = ["session over", "BYE"]

FIGURE_1: dict[tuple[UsageState, UsageEvent], Outcome] = {
    (PREPARATIVE, PROVISIONAL): (EARLY, []),
    (PREPARATIVE, SUCCESS): (MORATORIUM, ["acknowledge"]),
    (PREPARATIVE, FAILURE): (MORGUE, OVER),
    (EARLY, PROVISIONAL): (EARLY, []),
    (EARLY, SUCCESS): (MORATORIUM, ["acknowledge"]),
    (EARLY, FAILURE): (MORGUE, OVER),
    (EARLY, HANG_UP): (MORTAL, SAY_BYE),
    (EARLY, BYE): (MORTAL, ["session over"]),
    (MORATORIUM, ACK): (ESTABLISHED, []),
    (MORATORIUM, HANG_UP): (LEAVING, []),
    (MORATORIUM, BYE): (MORTAL, ["session over"]),
    (LEAVING, ACK): (MORTAL, SAY_BYE),
    (LEAVING, BYE): (MORTAL, ["session over"]),
    (ESTABLISHED, SUCCESS): (ESTABLISHED, ["acknowledge"]),
    (ESTABLISHED, HANG_UP): (MORTAL, SAY_BYE),
    (ESTABLISHED, BYE): (MORTAL, ["session over"]),
    (MORTAL, SUCCESS): (MORTAL, ["acknowledge"]),
    (MORTAL, ACK): (MORTAL, []),
    (MORTAL, BYE): (MORTAL, []),
    (MORTAL, BYE_ENDED): (MORGUE, ["usage over"]),
    (MORGUE, SUCCESS): (MORGUE, ["acknowledge"]),
    (MORGUE, ACK): (MORGUE, []),
    (MORGUE, BYE_ENDED): (MORGUE, []),
}

FIGURE_2: dict[tuple[UsageState, UsageEvent], Outcome] = {
    (PREPARATIVE, PROVISIONAL): (EARLY, []),
    (PREPARATIVE, SUCCESS): (MORATORIUM, []),
    (PREPARATIVE, FAILURE): (MORGUE, OVER),
    (EARLY, PROVISIONAL): (EARLY, []),
    (EARLY, SUCCESS): (MORATORIUM, []),
    (EARLY, FAILURE): (MORGUE, OVER),
    (EARLY, BYE): (MORTAL, ["session over"]),
    (MORATORIUM, ACK): (ESTABLISHED, ["acknowledged"]),
    (MORATORIUM, NO_ACK): (MORTAL, SAY_BYE),
    (MORATORIUM, HANG_UP): (LEAVING, []),
    (MORATORIUM, BYE): (MORTAL, ["session over"]),
    (LEAVING, ACK): (MORTAL, SAY_BYE),
    (LEAVING, NO_ACK): (MORTAL, SAY_BYE),
    (LEAVING, BYE): (MORTAL, ["session over"]),
    (ESTABLISHED, ACK): (ESTABLISHED, []),
    (ESTABLISHED, HANG_UP): (MORTAL, SAY_BYE),
    (ESTABLISHED, BYE): (MORTAL, ["session over"]),
    (MORTAL, ACK): (MORTAL, []),
    (MORTAL, BYE): (MORTAL, []),
    (MORTAL, BYE_ENDED): (MORGUE, ["usage over"]),
    (MORGUE, BYE_ENDED): (MORGUE, []),
}


def usage_in(table: Table, state: UsageState) -> tuple[InviteUsage, Owner]:
    owner = Owner()
    usage = InviteUsage(table, owner)
    usage.state = state
    usage.row = table[state]
    return usage, owner


@pytest.mark.parametrize("event", list(UsageEvent))
@pytest.mark.parametrize("state", list(UsageState))
@pytest.mark.parametrize(("table", "figure"), [(CALLER, FIGURE_1), (CALLEE, FIGURE_2)], ids=["caller", "callee"])
@pytest.mark.rfc("5407 2")
def test_every_state_and_event(
    table: Table, figure: dict[tuple[UsageState, UsageEvent], Outcome], state: UsageState, event: UsageEvent
) -> None:
    usage, owner = usage_in(table, state)
    listed = usage.fire(event, response(), NOW)
    expected = figure.get((state, event))
    assert listed is (expected is not None)
    assert (usage.state, owner.told) == (expected or (state, []))
    assert usage.unlisted == (0 if listed else 1)


@pytest.mark.parametrize("table", [CALLER, CALLEE])
def test_what_counts_as_confirmed_and_over(table: Table) -> None:
    confirmed = {state for state in UsageState if usage_in(table, state)[0].confirmed}
    over = {state for state in UsageState if usage_in(table, state)[0].over}
    assert confirmed == {MORATORIUM, LEAVING, ESTABLISHED}
    assert over == {MORTAL, MORGUE}
