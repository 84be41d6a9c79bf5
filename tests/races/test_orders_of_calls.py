"""Races of whole calls through a proxy, with user agents of ours at all ends: what has to be true is true.

One phone is called or three are, by UDP and TCP. Their users and the network do three to eight things, in any order and
with any time between them.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.races.calls import EVENTS, CallWorld

GAPS = (0.0, 0.001, 0.004, 0.006, 0.011, 0.021, 0.3, 1.1, 5.0, 33.0)
"""Seconds: at once, within the way to the proxy, to the other end and back, behind a repetition, behind 64*T1."""

ORDERS = st.lists(st.tuples(st.sampled_from(GAPS), st.sampled_from(EVENTS), st.integers(0, 3)), min_size=3, max_size=8)
TRANSPORT = st.sampled_from(("UDP", "TCP"))
TRANSPORTS = st.one_of(st.tuples(TRANSPORT, TRANSPORT), st.tuples(TRANSPORT, TRANSPORT, TRANSPORT, TRANSPORT))


@settings(max_examples=250)
@given(transports=TRANSPORTS, talking=st.booleans(), events=ORDERS)
def test_whatever_users_and_network_do(
    transports: tuple[str, ...], talking: bool, events: list[tuple[float, str, int]]
) -> None:
    world = CallWorld(transports)
    world.order(talking, events)
    assert not list(world.faults())
