from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.location.update import Update
from offhook.storage.errors import StorageError, StorageFault
from tests.registrar.wiring import Desk, SlowLocation

CONTACT = "Contact: <sip:alice@192.0.2.1>"
FULL = StorageError("the disk is full", fault=StorageFault.FULL, path="x")


@pytest.mark.rfc("3261 10.3 #28", "3261 10.3 #29")
@pytest.mark.parametrize("error", [FULL, OSError("gone"), ValueError("\udcff")])
def test_a_service_that_fails_later(error: Exception) -> None:
    desk = Desk(location=SlowLocation())
    desk.receive(desk.text(CONTACT, call_id="c\udcff"))
    with capture_logs() as logs:
        [answer] = desk.release(error)
    assert answer.status == 500
    assert answer.text("Retry-After") == "10"
    assert desk.contacts() == []
    assert [(entry["call_id"], entry["error"]) for entry in logs] == [("c\udcff", str(error))]
    # The next try is as good as any.
    desk.receive(desk.text(CONTACT, cseq=2))
    assert [answer.status for answer in desk.release()] == [200]


@pytest.mark.parametrize("step", [-7200.0, 7200.0])
def test_no_more_is_granted_than_was_asked_for_when_the_wall_clock_is_set(step: float) -> None:
    """10.3 step 7, while the location service takes its time."""
    desk = Desk(location=SlowLocation())
    desk.receive(desk.text(f"{CONTACT};expires=300"))
    desk.wait(2.0)
    desk.clock.step_wall(step)
    [answer] = desk.release()
    assert answer.text("Contact") == "<sip:alice@192.0.2.1>;expires=298"


class LateToTell(SlowLocation):
    """It keeps at once what it tells of later."""

    def save(self, update: Update, now: Moment) -> Any:
        kept = self.memory.save(update, now)
        return lambda at: kept


def test_what_has_ended_while_the_service_took_its_time_is_not_told() -> None:
    desk = Desk(location=LateToTell())
    desk.receive(desk.text(f"{CONTACT};expires=60"))
    desk.release()
    desk.wait(59.0)
    desk.receive(desk.text("Contact: <sip:alice@192.0.2.2>;expires=300", call_id="b"))
    desk.wait(2.0)
    [answer] = desk.release()
    assert answer.texts("Contact") == ["<sip:alice@192.0.2.2>;expires=298"]


class Broken(SlowLocation):
    """A service of somebody else's with a fault."""

    def save(self, update: Update, now: Moment) -> Any:
        raise KeyError(update.aor)


@pytest.mark.rfc("3261 10.3 #28")
def test_a_service_that_fails_at_once() -> None:
    desk = Desk(location=Broken())
    with capture_logs() as logs:
        answer = desk.register(CONTACT)
    assert (answer.status, answer.text("Retry-After")) == (500, "10")
    assert len(logs) == 1
    assert not desk.stack.transactions.servers


class Rude(Broken):
    """A service of somebody else's that answers for everybody."""

    def save(self, update: Update, now: Moment) -> Any:
        raise ProtocolError("nowhere", status=604)


@pytest.mark.rfc("3261 10.3 #1")
def test_no_service_makes_a_registrar_answer_6xx() -> None:
    assert Desk(location=Rude()).register(CONTACT).status == 500
    desk = Desk(location=SlowLocation())
    for status, expected in ((603, 500), (403, 403)):
        desk.receive(desk.text(CONTACT))
        [answer] = desk.release(ProtocolError("no", status=status))
        assert answer.status == expected


def test_a_service_that_fails_to_look_up() -> None:
    desk = Desk(location=SlowLocation())
    desk.receive(desk.text())
    with capture_logs():
        [answer] = desk.release(FULL)
    assert answer.status == 500


def test_an_answer_without_a_transaction_bears_a_tag_of_its_own() -> None:
    desk = Desk()
    tags = {desk.register(CONTACT, cseq=number).to_tag for number in range(1, 20)}
    assert len(tags) == 19
    assert Desk().register(CONTACT, cseq=1).to_tag in tags, "it follows from the request and the secret alone"
