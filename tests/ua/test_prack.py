"""PRACK between two user agents; its odds and ends are tested with the callee and the caller (RFC 3262)."""

from __future__ import annotations

import pytest

from offhook.testing.network import Faults
from tests.ua.household import House, sdp
from tests.ua.test_invite import calling


def test_early_media_goes_reliably_between_our_own() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.phone("bob")
    alice.invite(bob.uri)
    house.run(0.1)
    bob.ring(early_media=True)
    house.run(0.2)
    assert alice.heard == ["183+media"]
    assert house.log() == ["1>2 INVITE", "2>1 183 (INVITE)", "1>2 PRACK", "2>1 200 (PRACK)"]
    bob.answer()
    house.run(0.3)
    # The answer is given already: the 200 to the INVITE brings none.
    assert alice.heard == ["183+media", "answered"]
    assert alice.port.direction == bob.port.direction == "sendrecv"
    alice.do(alice.core.hang_up_all)
    house.run()
    assert house.nothing_is_left()


RELIABLE = (("Require", "100rel"), ("RSeq", "1"))


@pytest.mark.rfc("3261 12.2.1.2 #3")
def test_a_callee_that_is_gone_while_it_rings_is_called_no_longer() -> None:
    house, alice, script, call = calling()
    script.respond(180, *RELIABLE)
    house.run(0.2)
    house.run(33)
    assert len(script.cancelled) == 1
    assert alice.heard == ["180", "ended: LOST"]
    assert (call.failure and call.failure.status, "BYE" in script.methods()) == (408, False)
    script.respond(487, method="INVITE")
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 12.2.1.2 #3", "3261 15 #2")
def test_of_two_that_ring_the_one_that_is_gone_gets_a_bye() -> None:
    house, alice, script, _ = calling()
    script.respond(180, tag="other")
    script.respond(180, *RELIABLE, tag="gone")
    house.run(0.2)
    house.run(33)
    assert script.cancelled == []
    bye = script.last("BYE")
    assert (bye.to_tag, bye.cseq_number) == ("gone", 3)
    script.respond(200, method="BYE", contact=False)
    script.respond(200, method="INVITE", tag="other", body=sdp())
    house.run(house.now + 1)
    assert alice.heard == ["180", "180", "answered"]
    alice.do(alice.core.hang_up_all)
    house.run(house.now + 0.1)
    assert script.last("BYE").to_tag == "other"
    script.respond(200, method="BYE", contact=False)
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 12.2.1.2 #3")
def test_an_answered_call_whose_prack_finds_nobody_ends_with_bye() -> None:
    house, alice, script, _ = calling()
    script.respond(180, *RELIABLE)
    house.run(0.2)
    script.respond(200, method="INVITE", body=sdp())
    house.run(40)
    assert alice.heard == ["180", "answered", "ended: LOST"]
    assert "BYE" in script.methods()


@pytest.mark.rfc("3261 12.2.1.2 #2")
def test_a_prack_for_which_nothing_waits_ends_nothing() -> None:
    house, alice, script, _ = calling()
    script.respond(180, *RELIABLE)
    house.run(0.2)
    script.respond(481, method="PRACK", contact=False)
    house.run(0.3)
    script.respond(200, method="INVITE", body=sdp())
    house.run(40)
    assert alice.heard == ["180", "answered"]
    assert (script.cancelled, script.methods().count("BYE")) == ([], 0)


@pytest.mark.parametrize("seed", range(10))
def test_it_works_over_a_bad_network(seed: int) -> None:
    house = House(seed, Faults(loss=0.2, duplication=0.2, delay=(0.01, 0.6)))
    alice, bob = house.phone("alice"), house.phone("bob")
    alice.invite(bob.uri)
    while not bob.got:
        house.run(house.now + 0.5)
    bob.ring(early_media=True)
    bob.answer()
    house.run(house.now + 60)
    assert "answered" in alice.heard
    assert bob.heard[0] == "answered"
    alice.do(alice.core.hang_up_all)
    house.run()
    assert house.nothing_is_left()
