"""An UPDATE of the peer's (RFC 3311 5.2)."""

from __future__ import annotations

import pytest

from offhook.sip.serializer import new_request
from offhook.sip.uri import parse_uri
from tests.ua.household import House, sdp
from tests.ua.test_accept import ABLE, acknowledge, called, in_dialog, statuses
from tests.ua.test_reinvite import CONTACT, answered


def test_a_hold_by_update_works() -> None:
    house, bob, script = answered()
    script.send(in_dialog(script, "UPDATE", 2, CONTACT, body=sdp(version=2, direction="sendonly")), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 200
    assert b"a=recvonly" in script.responses[-1].body
    assert script.responses[-1].text("Contact") == "<sip:bob@192.0.2.1:5060>"
    assert bob.heard == ["answered", "held"]


@pytest.mark.rfc("3261 12.2.2 #6")
def test_without_an_offer_it_only_moves_the_target() -> None:
    house, bob, script = answered()
    script.send(in_dialog(script, "UPDATE", 2, CONTACT), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 200
    assert script.responses[-1].body == b""
    session = bob.got[0].session
    assert session is not None
    assert str(session.dialog.remote_target) == "sip:moved@192.0.2.9:5060"


def test_what_we_cannot_take_is_488_and_changes_nothing() -> None:
    house, bob, script = answered()
    script.send(in_dialog(script, "UPDATE", 2, CONTACT, body=sdp(codecs="3", version=2)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 488
    assert script.responses[-1].has("Warning")
    session = bob.got[0].session
    assert session is not None
    assert str(session.dialog.remote_target) == "sip:peer@192.0.2.9:5060"
    assert session.exchange.stable


@pytest.mark.rfc("3311 5.2")
def test_while_our_offer_is_open_it_is_491() -> None:
    house, bob, script = answered()
    bob.do(lambda now: bob.got[0].hold(True, lambda error, now: None, now))
    script.send(in_dialog(script, "UPDATE", 2, body=sdp(version=2)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 491
    # One without an offer disturbs nobody.
    script.send(in_dialog(script, "UPDATE", 3), bob)
    house.run(0.5)
    assert statuses(script)[-1] == 200


@pytest.mark.rfc("3311 5.2")
def test_while_its_own_offer_is_open_it_is_500() -> None:
    house, bob, script = called()
    bob.ring()
    house.run(0.2)
    script.send(in_dialog(script, "UPDATE", 2, body=sdp(version=2)), bob)
    house.run(0.3)
    assert statuses(script)[-1] == 500
    assert 0 <= int(script.responses[-1].text("Retry-After") or "-1") <= 10


def test_an_early_dialog_is_updated_once_its_first_exchange_is_over() -> None:
    house, bob, script = called(ABLE)
    bob.ring(early_media=True)
    house.run(0.2)
    acknowledge(script, bob, 2)
    house.run(0.3)
    script.send(in_dialog(script, "UPDATE", 3, body=sdp(port=7000, version=2)), bob)
    house.run(0.4)
    assert statuses(script)[-1] == 200
    remote = bob.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 7000


def test_the_caller_takes_one_in_an_early_dialog() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run(0.1)
    script.respond(183, ("Require", "100rel"), ("RSeq", "1"), body=sdp())
    house.run(0.2)
    invite = script.last("INVITE")
    draft = new_request("UPDATE", "sip:alice@192.0.2.1").add("Max-Forwards", "70")
    draft.add("From", "<sip:peer@192.0.2.9>;tag=peer").add("To", invite.text("From") or "")
    draft.add("Call-ID", invite.call_id).add("CSeq", "1 UPDATE").body(sdp(port=7000, version=2), "application/sdp")
    script.send(draft, alice)
    house.run(0.3)
    assert statuses(script) == [200]
    remote = alice.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 7000


def test_outside_of_a_dialog_it_is_481() -> None:
    house, bob, script = answered()
    draft = in_dialog(script, "UPDATE", 2)
    draft.set("To", "<sip:bob@example.com>;tag=unknown")
    script.send(draft, bob)
    house.run(0.4)
    assert statuses(script)[-1] == 481
