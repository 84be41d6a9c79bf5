"""The same seed gives the same run, octet for octet, in another process and with other hashes of strings."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.run import ROOT, bad, simulate, trace_hash, worst

COUNT = 60


def hash_of(seed: int, hash_seed: str) -> str:
    """The hash of the trace as another process finds it."""
    command = [sys.executable, "-m", "tests.simulation.run", str(seed), str(COUNT), "worst"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[0]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_seed_repeats_exactly_in_another_process(seed: int) -> None:
    world, faults = simulate(seed, COUNT, worst(COUNT), trace=True)
    assert not faults, "\n".join(faults)
    own = trace_hash(world)
    assert hash_of(seed, "1") == own
    assert hash_of(seed, "4242") == own


def test_another_seed_gives_another_run() -> None:
    hashes = {trace_hash(simulate(seed, 5, bad(5), trace=True)[0]) for seed in (1, 2)}
    assert len(hashes) == 2
