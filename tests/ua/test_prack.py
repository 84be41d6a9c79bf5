"""PRACK between two user agents; its odds and ends are tested with the callee and the caller (RFC 3262)."""

from __future__ import annotations

import pytest

from offhook.testing.network import Faults
from tests.ua.household import House


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
