"""Plans of disasters as hypothesis draws and shrinks them, and what has to be true of each: for tests and soaks."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.simulation.disasters import HOUR, RESTARTS, Disaster, Kind
from tests.simulation.plan import Conditions
from tests.simulation.run import simulate

__all__ = ["ALL", "KEEPING", "SEEDS", "disasters", "hold"]

CALLS = 4
END = 60.0
"""Seconds until the last disaster; the calls begin within them too."""

ALL = tuple(Kind)
KEEPING = (Kind.SERVER_CRASH_WRITING, Kind.SERVER_STOP, Kind.CLOCK)
"""What a registrar has to outlive."""

SEEDS = st.integers(0, 1 << 16)


def disasters(*kinds: Kind) -> st.SearchStrategy[list[Disaster]]:
    """Up to eight of some kinds, at quarters of seconds."""
    moments = st.integers(0, int(4 * END)).map(lambda number: number / 4)
    one = st.sampled_from(kinds).flatmap(
        lambda kind: st.builds(Disaster, st.just(kind), moments, _lasting(kind), st.integers(0, 9))
    )
    return st.lists(one, max_size=8)


def hold(seed: int, plan: list[Disaster]) -> None:
    """Let a few calls go through it; all invariants are held against what comes of them."""
    restarts = sum(disaster.kind in RESTARTS for disaster in plan)
    _, faults = simulate(seed, CALLS, Conditions(restarts=restarts, durable=True), disasters=plan)
    assert not faults, "\n".join(faults)


def _lasting(kind: Kind) -> st.SearchStrategy[float]:
    if kind is Kind.CLOCK:
        return st.sampled_from((-20 * HOUR, -HOUR, -61.0, -5.0, 5.0, 61.0, HOUR, 20 * HOUR))
    return st.integers(0, 40).map(float)
