"""Calls by the hundred thousand in a world in which everything goes wrong, each thousand with a seed of its own.

OFFHOOK_SIMULATION_CALLS=1000000 makes it longer, OFFHOOK_SIMULATION_SEED starts elsewhere.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.simulation.run import bad, simulate, worst

CALLS = int(os.environ.get("OFFHOOK_SIMULATION_CALLS", "200000"))
FIRST_SEED = int(os.environ.get("OFFHOOK_SIMULATION_SEED", "1000"))
EACH = 1000
BATCH = 40
"""Seeds after which the processes start afresh: what many leave behind, the next do not find."""


def outcome(seed: int) -> tuple[int, float, list[str]]:
    """One seed: two in three are the worst of worlds, the others a bad network alone."""
    start = time.process_time()
    kind = "worst" if seed % 3 else "bad"
    _, faults = simulate(seed, EACH, worst(EACH) if kind == "worst" else bad(EACH))
    again = f"python -m tests.simulation.run {seed} {EACH} {kind}"
    return seed, time.process_time() - start, [f"{again}: {fault}" for fault in faults]


def test_calls_by_the_hundred_thousand() -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + max(1, CALLS // EACH))
    faults: list[str] = []
    spent = 0.0
    # A pool for each batch: one that replaces its processes by itself stands still in the end, before Python 3.12.3.
    for start in range(0, len(seeds), BATCH):
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            for _, seconds, found in pool.map(outcome, seeds[start : start + BATCH]):
                spent += seconds
                faults += found
    print(f"{len(seeds) * EACH} calls, {len(seeds)} seeds, {spent:.0f} s of CPU, {len(faults)} faults")  # noqa: T201
    assert not faults, "\n".join(faults[:50])
