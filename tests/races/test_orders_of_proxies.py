"""Races of three events and more at a proxy: whatever the order, what has to be true is true.

All orders of three that are right behind each other, and orders of four to six with any time between them.
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.races.proxied import EVENTS, ProxyWorld
from tests.races.wire import STEP

GAPS = (STEP, 0.004, 0.006, 0.011, 0.021, 0.3, 1.1, 5.0, 33.0, 200.0)
"""Seconds: within the way to an end, about it, the ways and back, behind a first repetition, behind each timer."""

STARTS = ("C", "R", "T")


def faults(branches: int, start: str, events: list[tuple[float, str]]) -> list[str]:
    world = ProxyWorld(branches)
    world.order(start, events)
    return list(world.faults())


@pytest.mark.parametrize("start", ["R", "T"])
@pytest.mark.parametrize("branches", [1, 3])
def test_whatever_three_events_meet(branches: int, start: str) -> None:
    found = {}
    for events in product(EVENTS, repeat=3):
        wrong = faults(branches, start, [(STEP, event) for event in events])
        if wrong:
            found[events] = wrong
    assert not found


ORDERS = st.lists(st.tuples(st.sampled_from(GAPS), st.sampled_from(EVENTS)), min_size=4, max_size=6)


@settings(max_examples=150)
@given(branches=st.sampled_from((1, 3)), start=st.sampled_from(STARTS), events=ORDERS)
def test_whatever_more_events_meet(branches: int, start: str, events: list[tuple[float, str]]) -> None:
    assert not faults(branches, start, events)
