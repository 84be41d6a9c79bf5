"""BYE: what it says, and when it is over (RFC 3261 15.1.1)."""

from __future__ import annotations

import pytest

from offhook.ua.bye import Bye
from tests.ua.test_in_dialog import in_call


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
