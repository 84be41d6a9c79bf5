"""What the engine gives out is told apart by `kind`."""

from __future__ import annotations

from offhook.flow import Query, Target
from offhook.transaction import effects
from offhook.transaction.effects import (
    CANCELLED,
    CLOSE,
    CONNECT,
    ENDED,
    FLOW_CLOSED,
    REQUEST,
    RESOLVE,
    RESOLVED,
    RESPONSE,
    RESPONSE_LOST,
    TIMER,
    TRANSMIT,
    Cancelled,
    Close,
    Connect,
    Effect,
    Ended,
    FlowClosed,
    RequestReceived,
    Resolve,
    Resolved,
    ResponseLost,
    ResponseReceived,
    TimerFired,
    Transmit,
)
from offhook.transaction.machine import Transaction
from tests.transaction.machines import FLOWS, request, response

FLOW = FLOWS["TCP"]
INVITE = request("INVITE")
OK = response(INVITE, 200)
TRANSACTION = Transaction({"Trying": {}}, "Trying", (b"", "", 0, "INVITE"), INVITE, FLOW)
TARGET = Target("TCP", "192.0.2.2", 5060, FLOW.listener, FLOW.local, "192.0.2.1:5060")

FOR_THE_DRIVER: list[tuple[Effect, int]] = [
    (Transmit(b"x", FLOW), TRANSMIT),
    (Connect(FLOW, TARGET), CONNECT),
    (Close(FLOW), CLOSE),
    (Resolve(Query("example.com")), RESOLVE),
]
FOR_THE_ROLE: list[tuple[Effect, int]] = [
    (RequestReceived(INVITE, FLOW), REQUEST),
    (ResponseReceived(OK, TRANSACTION), RESPONSE),
    (Cancelled(INVITE, TRANSACTION), CANCELLED),
    (Ended(TRANSACTION, "timeout"), ENDED),
    (TimerFired("me", "now"), TIMER),
    (Resolved("me", 1, [TARGET], None), RESOLVED),
    (FlowClosed(FLOW, "reset"), FLOW_CLOSED),
    (ResponseLost(TRANSACTION), RESPONSE_LOST),
]


def test_each_effect_has_a_kind_of_its_own() -> None:
    both = FOR_THE_DRIVER + FOR_THE_ROLE
    assert [effect.kind for effect, _ in both] == [kind for _, kind in both]
    assert len({kind for _, kind in both}) == len(both)


def test_kinds_from_request_on_are_the_roles() -> None:
    assert all(effect.kind < REQUEST for effect, _ in FOR_THE_DRIVER)
    assert all(effect.kind >= REQUEST for effect, _ in FOR_THE_ROLE)


def test_no_effect_is_missing_here() -> None:
    classes = {name for name in effects.__all__ if not name.isupper()} - {"Effect"}
    assert {type(effect).__name__ for effect, _ in FOR_THE_DRIVER + FOR_THE_ROLE} == classes
