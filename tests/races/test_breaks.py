"""The orders are worth what they find: machines broken on purpose make them fail, each with a sentence that tells."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

import pytest

from offhook.dialog import invite
from offhook.dialog.invite import UsageEvent, UsageState
from offhook.transaction import client_invite, server_invite, server_non_invite
from offhook.transaction.machine import Event, State
from offhook.ua import client, modify
from offhook.ua.client import RequestEvent, RequestState
from offhook.ua.modify import ModifyEvent, ModifyState
from tests.races import agents, proxied
from tests.races.agents import Callee, Caller
from tests.races.proxied import ProxyWorld
from tests.races.wire import STEP

Row = dict[Any, Any]

BREAKS: list[tuple[str, str, Row, str, Any, str]] = [
    (
        "a 2xx behind a CANCEL is passed over",
        "caller",
        client.TRANSITIONS[RequestState.CANCELLING],
        RequestEvent.SUCCESS,
        (None, RequestState.COMPLETED),
        r"a 2xx has no ACK",
    ),
    (
        "a 2xx that comes again gets no ACK",
        "caller",
        invite.CALLER[UsageState.ESTABLISHED],
        UsageEvent.SUCCESS,
        (None, UsageState.ESTABLISHED),
        r"a 2xx has no ACK",
    ),
    (
        "the callee's BYE does not wait for the ACK",
        "callee",
        invite.CALLEE[UsageState.MORATORIUM],
        UsageEvent.HANG_UP,
        invite.CALLEE[UsageState.ESTABLISHED][UsageEvent.HANG_UP],
        r"a callee's BYE went 0\.001 s behind its 2xx, without an ACK",
    ),
    (
        "a callee without an ACK waits for ever",
        "callee",
        invite.CALLEE[UsageState.MORATORIUM],
        UsageEvent.NO_ACK,
        (None, UsageState.MORATORIUM),
        r"our user heard of \['TOO_LONG'\]|we still have|the dialog .* was answered and never ended",
    ),
    (
        "a session that ends forgets the change that is under way",
        "caller",
        modify.TRANSITIONS[ModifyState.CALLING],
        ModifyEvent.STOP,
        (None, ModifyState.DONE),
        r"1 wishes to hold have 0 outcomes",
    ),
    (
        "an INVITE that was answered stays",
        "caller",
        server_invite.TRANSITIONS[State.ACCEPTED],
        Event.TIMER_L,
        (None, State.ACCEPTED),
        r"we still have",
    ),
    (
        "a cancelled INVITE waits for ever",
        "proxy",
        client_invite.TRANSITIONS[State.PROCEEDING],
        Event.TIMER_CANCELLED,
        (None, State.PROCEEDING),
        r"the proxy still has",
    ),
    (
        "a 2xx behind another is swallowed",
        "proxy",
        client_invite.TRANSITIONS[State.PROCEEDING],
        Event.SUCCESS,
        (None, State.ACCEPTED),
        r"a 2xx did not go back",
    ),
    (
        "a BYE is answered and its transaction stays",
        "proxy",
        server_non_invite.TRANSITIONS[State.COMPLETED],
        Event.TIMER_J,
        (None, State.COMPLETED),
        r"the proxy still has",
    ),
]


def faults_of_pairs(side: str) -> list[str]:
    """All that is wrong when two events are right behind each other."""
    events = proxied.EVENTS if side == "proxy" else agents.EVENTS
    found = []
    for pair in product(events, repeat=2):
        for start in {"caller": "RT", "callee": "WT", "proxy": "RT"}[side]:
            world = Caller() if side == "caller" else Callee() if side == "callee" else ProxyWorld(3)
            world.order(start, [(STEP, event) for event in pair])
            found += list(world.faults())
    return found


@pytest.mark.parametrize(
    ("side", "row", "event", "entry", "message"), [line[1:] for line in BREAKS], ids=[line[0] for line in BREAKS]
)
def test_a_broken_machine_is_found(
    side: str, row: Row, event: str, entry: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(row, event, entry)
    found = faults_of_pairs(side)
    assert any(re.search(message, fault) for fault in found), "\n".join(found) or "they found nothing"


@pytest.mark.parametrize("side", ["caller", "callee", "proxy"])
def test_whole_machines_have_no_fault(side: str) -> None:
    assert not faults_of_pairs(side)
