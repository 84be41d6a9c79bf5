"""Races of three events and more at a user agent: whatever the order, what has to be true is true.

All orders of three that are right behind each other, and orders of four to six with any time between them.
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.races.agents import EVENTS, AgentWorld, Callee, Caller
from tests.races.wire import STEP

GAPS = (STEP, 0.004, 0.006, 0.011, 0.3, 1.1, 5.0, 33.0, 190.0)
"""Seconds: within the way to the peer, about it, the way and back, behind a first repetition, behind each timer."""

WORLDS: dict[str, type[AgentWorld]] = {"caller": Caller, "callee": Callee}
STARTS = [("caller", "R"), ("caller", "T"), ("callee", "W"), ("callee", "T")]


def faults(side: str, start: str, events: list[tuple[float, str]], late_offer: bool = False) -> list[str]:
    """`late_offer`: the peer's INVITEs make no offer, so that ours are in our 2xx and the answers in its ACKs."""
    world = WORLDS[side]()
    world.puppet.late_offer = late_offer
    world.order(start, events)
    return list(world.faults())


@pytest.mark.parametrize("first", EVENTS)
@pytest.mark.parametrize(("side", "start"), STARTS)
def test_whatever_three_events_meet(side: str, start: str, first: str) -> None:
    found = {}
    for events in product((first,), EVENTS, EVENTS):
        wrong = faults(side, start, [(STEP, event) for event in events])
        if wrong:
            found[events] = wrong
    assert not found


ORDERS = st.lists(st.tuples(st.sampled_from(GAPS), st.sampled_from(EVENTS)), min_size=4, max_size=6)


@settings(max_examples=250)
@given(where=st.sampled_from([*STARTS, ("caller", "C"), ("callee", "M")]), events=ORDERS, late_offer=st.booleans())
def test_whatever_more_events_meet(where: tuple[str, str], events: list[tuple[float, str]], late_offer: bool) -> None:
    side, start = where
    assert not faults(side, start, events, late_offer)
