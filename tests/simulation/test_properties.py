"""Whatever befalls a few calls, and whenever, they end alike and leave nothing; what fails shrinks to a short plan."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from tests.simulation.disasters import Disaster
from tests.simulation.properties import ALL, KEEPING, SEEDS, disasters, hold

# Half a second each; the soak draws many more.
few = settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])


@few
@given(SEEDS, disasters(*ALL))
def test_calls_end_alike_at_both_ends_and_leave_nothing_whatever_happens(seed: int, plan: list[Disaster]) -> None:
    hold(seed, plan)


@few
@given(SEEDS, disasters(*KEEPING))
def test_what_a_registrar_acknowledged_outlives_it_whatever_the_clock_says(seed: int, plan: list[Disaster]) -> None:
    hold(seed, plan)
