"""A simulation is worth what it finds: machines broken on purpose make it fail, each with a message that tells."""

from __future__ import annotations

import re
from typing import Any

import pytest

from offhook.accounts import retransmissions
from offhook.clock import Moment
from offhook.dialog import invite, repetition
from offhook.dialog.invite import UsageEvent, UsageState
from offhook.dialog.repetition import RepetitionEvent, RepetitionState
from offhook.location import sqlite
from offhook.location.update import Update
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


def acknowledge_at_once(self: Any, update: Update, now: Moment) -> Any:
    """Instead of SqliteLocation.save: tell what is to be written before it is."""
    before = self._image.held(update.aor)
    after = update.apply([binding for binding in before if binding.expires > now.wall])
    self._image.put(update.aor, after)
    statements = sqlite._difference(update.aor, before, after)
    if statements:
        self._write(statements)
    saved = self._loop.create_future()
    saved.set_result(after)
    return saved


FAULTS = Conditions(crashes=4, partitions=1, restarts=12, steps=8, jumps=4, durable=True)

PATCHES: list[tuple[str, Any, str, Any, str]] = [
    (
        "a registrar forgets when it restarts",
        sqlite,
        "_restore",
        lambda image, wall, connection: None,
        r"after a restart: sip:user\S+ of \S+ was acknowledged for \d+ s more and is gone",
    ),
    (
        "a registrar acknowledges what is not on the disk yet",
        sqlite.SqliteLocation,
        "save",
        acknowledge_at_once,
        r"after a restart: sip:user\S+ of \S+ (was acknowledged for|is there, which was)",
    ),
    (
        "a binding is given out after its end",
        sqlite.SqliteLocation,
        "lookup_now",
        lambda self, aor, now: self._image.lookup_now(aor, Moment(now.monotonic, 0.0)),
        r"after the clock was set by \d+ s: sip:user\S+ of \S+ is given out \d+ s after its end",
    ),
    (
        "what has expired stays on the disk, and lives again when the clock is set back",
        sqlite.SqliteLocation,
        "sweep",
        lambda self, now: self._image.sweep(now),
        r"is there, which was never acknowledged or was taken back|the disk still has \d+ bindings",
    ),
    (
        "a request that is sent again is taken for a replay",
        retransmissions.Retransmissions,
        "holds",
        lambda *ignored: False,
        r"192\.0\.2\.10 answered \d+, then 401 to \d+ REGISTER of the call",
    ),
]


@pytest.mark.parametrize(
    ("where", "name", "instead", "message"), [line[1:] for line in PATCHES], ids=[line[0] for line in PATCHES]
)
def test_what_goes_wrong_when_disaster_strikes_is_found(
    where: Any, name: str, instead: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(where, name, instead)
    look_for(message, FAULTS)


@pytest.mark.parametrize(
    ("row", "event", "entry", "fair", "message"), [line[1:] for line in BREAKS], ids=[line[0] for line in BREAKS]
)
def test_a_broken_machine_is_found(
    row: Row, event: str, entry: Any, fair: bool, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(row, event, entry)
    look_for(message, Conditions(fair=True) if fair else bad(COUNT))


def look_for(message: str, conditions: Conditions) -> None:
    found: list[str] = []
    for seed in SEEDS:
        _, faults = simulate(seed, COUNT, conditions)
        if any(re.search(message, fault) for fault in faults):
            return
        found += faults
    pytest.fail("\n".join(found) or "it found nothing")
