"""Calls by the hundred thousand in a world in which everything goes wrong, each thousand with a seed of its own.

OFFHOOK_SIMULATION_CALLS=500000 makes it longer, OFFHOOK_SIMULATION_SEED starts elsewhere; `make million` is for more.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.simulation.campaign import EACH, Summary, run_seeds
from tests.simulation.disasters import Disaster, Kind
from tests.simulation.properties import ALL, KEEPING, SEEDS, disasters, hold

CALLS = int(os.environ.get("OFFHOOK_SIMULATION_CALLS", "100000"))
FIRST_SEED = int(os.environ.get("OFFHOOK_SIMULATION_SEED", "1000"))
PLANS = int(os.environ.get("OFFHOOK_SIMULATION_PLANS", "200"))


def test_calls_by_the_hundred_thousand() -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + max(1, CALLS // EACH))
    summary = Summary(len(seeds))
    run_seeds(seeds, os.cpu_count() or 1, summary.add)
    print("\n".join(summary.lines()))  # noqa: T201
    assert not summary.faults, "\n".join(summary.faults[:50])


@pytest.mark.parametrize("kinds", [ALL, KEEPING], ids=["everything", "what a registrar outlives"])
def test_few_calls_under_many_plans(kinds: tuple[Kind, ...]) -> None:
    @settings(max_examples=PLANS, suppress_health_check=[HealthCheck.too_slow])
    @given(SEEDS, disasters(*kinds))
    def holds(seed: int, plan: list[Disaster]) -> None:
        hold(seed, plan)

    holds()
