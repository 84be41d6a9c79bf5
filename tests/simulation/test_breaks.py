"""A simulation is worth what it finds: machines broken on purpose make it fail, each with a message that tells."""

from __future__ import annotations

import re
from typing import Any

import pytest

from offhook.dialog import invite, repetition
from offhook.dialog.invite import UsageEvent, UsageState
from offhook.dialog.repetition import RepetitionEvent, RepetitionState
from offhook.transaction import client_invite, client_non_invite, server_invite, server_non_invite
from offhook.transaction.machine import Event, State
from offhook.ua import registration
from offhook.ua.registration import RegistrationEvent, RegistrationState
from tests.simulation.plan import Conditions
from tests.simulation.run import bad, simulate

COUNT = 40
SEEDS = (1, 2, 3, 4)
"""Tried until one of them shows the fault: what chance loses on one course need not matter there."""

Row = dict[Any, Any]

BREAKS: list[tuple[str, Row, str, Any, bool, str]] = [
    (
        "the transaction of a request that was answered never ends",
        server_non_invite.TRANSITIONS[State.COMPLETED],
        Event.TIMER_J,
        (None, State.COMPLETED),
        True,
        r"still has the server transaction <NonInviteServerTransaction \w+ Completed>",
    ),
    (
        "a 2xx is swallowed",
        client_invite.TRANSITIONS[State.PROCEEDING],
        Event.SUCCESS,
        (None, State.ACCEPTED),
        True,
        r"still has the client transaction <InviteClientTransaction INVITE Accepted>",
    ),
    (
        "a BYE is answered and changes nothing",
        invite.CALLEE[UsageState.ESTABLISHED],
        UsageEvent.BYE,
        (None, UsageState.ESTABLISHED),
        True,
        r"one end hears \d+ s late that the call is over: caller",
    ),
    (
        "a failed INVITE is not acknowledged",
        server_invite.TRANSITIONS[State.COMPLETED],
        Event.ACK,
        (None, State.COMPLETED),
        True,
        r"INVITE at 192\.0\.2\.10: timeout",
    ),
    (
        "nothing is sent again",
        client_non_invite.TRANSITIONS[State.TRYING],
        Event.TIMER_E,
        (lambda self, _, now: self.transactions.repeat_after(self.interval, self, Event.TIMER_E, now), State.TRYING),
        False,
        r"\d+ of \d+ REGISTER transactions had no answer in time",
    ),
    (
        "a 2xx is sent once only",
        repetition.TRANSITIONS[RepetitionState.REPEATING],
        RepetitionEvent.TIMER_REPEAT,
        (None, RepetitionState.REPEATING),
        False,
        r"\d+ of \d+ calls ended for a lost ACK or BYE",
    ),
    (
        "a registration is never refreshed",
        registration.TRANSITIONS[RegistrationState.REGISTERED],
        RegistrationEvent.TIMER,
        (None, RegistrationState.REGISTERED),
        True,
        r"user\d+ is bound to \[\], and registered from \['",
    ),
]


@pytest.mark.parametrize(
    ("row", "event", "entry", "fair", "message"), [line[1:] for line in BREAKS], ids=[line[0] for line in BREAKS]
)
def test_a_broken_machine_is_found(
    row: Row, event: str, entry: Any, fair: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(row, event, entry)
    found: list[str] = []
    for seed in SEEDS:
        _, faults = simulate(seed, COUNT, Conditions(fair=True) if fair else bad(COUNT))
        if any(re.search(message, fault) for fault in faults):
            return
        found += faults
    pytest.fail("\n".join(found) or "it found nothing")
