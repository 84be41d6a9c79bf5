"""The 100 of the server transactions, and what its Timestamp says (RFC 3261 8.2.6.1)."""

from __future__ import annotations

import pytest

from offhook.sip.message import Response
from offhook.sip.parser import parse
from offhook.transaction import trying
from offhook.transaction.effects import Transmit
from offhook.transaction.server_invite import InviteServerTransaction
from offhook.transaction.server_non_invite import NonInviteServerTransaction
from offhook.transaction.trying import make_trying
from tests.transaction.machines import FLOWS, Rig, request

KEY = (b"z9hG4bKone", "192.0.2.2", 5060, "")


@pytest.mark.rfc("3261 8.2.6.1 #3", "3261 8.2.6.1 #4")
@pytest.mark.parametrize(
    ("timestamp", "answered"), [("54", "54 1.500"), ("54.25 0.7", "54.25 1.500"), ("noon", "noon")]
)
def test_the_timestamp_goes_back_with_the_delay(timestamp: str, answered: str) -> None:
    made = make_trying(request("INVITE", Timestamp=timestamp), 1.5)
    assert (made.status, made.texts("Timestamp")) == (100, [answered])


def test_without_a_timestamp_there_is_none() -> None:
    assert not make_trying(request("INVITE"), 1.5).has("Timestamp")


@pytest.mark.rfc("3261 8.2.6.1 #5")
@pytest.mark.parametrize("late", [0.0, 0.125])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_the_delay_is_the_time_since_the_request_came(method: str, late: float) -> None:
    rig = Rig()
    kind = InviteServerTransaction if method == "INVITE" else NonInviteServerTransaction
    machine = kind(rig.table, KEY, request(method, Timestamp="54"), FLOWS["UDP"], FLOWS["UDP"])
    rig.table.add_server(machine)
    machine.begin(rig.now)
    waited = 0.2 if method == "INVITE" else rig.table.values.trying_non_invite
    due = rig.table.timers.take_due(rig.after(waited + late + 1e-9))
    assert due is not None
    machine.fire(due[1], None, rig.now)
    [effect] = [effect for effect in rig.table.effects if isinstance(effect, Transmit)]
    sent = parse(effect.data)
    assert isinstance(sent, Response)
    assert sent.text("Timestamp") == f"54 {waited + late:.3f}"


def test_all_names_exist() -> None:
    assert all(hasattr(trying, name) for name in trying.__all__)
