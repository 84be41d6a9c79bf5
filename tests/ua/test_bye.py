"""BYE: what it says, and when it is over (RFC 3261 15.1.1)."""

from __future__ import annotations

import pytest

from offhook.ua.bye import Bye
from tests.ua.test_in_dialog import in_call


@pytest.mark.rfc("3261 15.1.1 #2")
@pytest.mark.parametrize("status", [200, 481, 500, None])
def test_it_is_answered_once_and_over_once(status: int | None) -> None:
    house, script = in_call()
    alice = house.phones[0]
    session = alice.core.calls[0].session
    assert session is not None
    told: list[str] = []
    bye = Bye(
        session.context,
        session.dialog,
        session.digest,
        lambda: told.append("answered"),
        lambda now: told.append("over"),
        "SIP;cause=200",
    )
    alice.do(bye.send)
    house.run(0.3)
    assert script.last("BYE").text("Reason") == "SIP;cause=200"
    if status is not None:
        script.respond(status, method="BYE", contact=False)
        house.run(0.4)
        assert told == ["answered"]
    house.run(60)
    assert told == ["answered", "over"]


@pytest.mark.rfc("3261 15.1.1 #1", "3261 15.1.1 #2")
@pytest.mark.parametrize("status", [481, 500, None])
def test_the_call_is_over_with_the_bye_and_the_dialog_with_its_answer_or_none(status: int | None) -> None:
    house, script = in_call()
    alice = house.phones[0]
    assert not alice.port.closed
    alice.do(alice.core.hang_up_all)
    assert (alice.heard[-1], alice.port.closed, script.methods()[-1]) == ("ended: HUNG_UP", True, "ACK")
    house.run(0.3)
    if status is not None:
        script.respond(status, method="BYE", contact=False)
    house.run(40)
    assert script.methods().count("BYE") == 1
    assert house.nothing_is_left()


def test_a_challenged_bye_is_sent_again() -> None:
    house, script = in_call()
    alice = house.phones[0]
    alice.do(alice.core.hang_up_all)
    house.run(0.3)
    script.respond(401, ("WWW-Authenticate", 'Digest realm="example.com", nonce="n"'), method="BYE", contact=False)
    house.run(0.4)
    assert script.last("BYE").has("Authorization")
    assert alice.core.calls[0].parting
    script.respond(200, method="BYE", contact=False)
    house.run()
    assert house.nothing_is_left()


def test_a_plain_bye_has_no_reason() -> None:
    house, script = in_call()
    house.phones[0].do(house.phones[0].core.hang_up_all)
    house.run(0.3)
    assert not script.last("BYE").has("Reason")
