"""Millions of mutated inputs for everything that reads what strangers send: no harm, no time, no memory.

OFFHOOK_FUZZ_INPUTS=100000 makes it shorter, OFFHOOK_FUZZ_SEED starts elsewhere. A tenth of the inputs is made under the
guidance of atheris, and another blindly beside it for comparison, where atheris can be used.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

from tests.fuzz.growth import MOST_BLOCKS, MOST_OCTETS, Sample, growth, sample
from tests.fuzz.guided import ABSENT, possible
from tests.fuzz.repeat import FOLDER, how_to_repeat
from tests.fuzz.target import Failed
from tests.fuzz.targets import TARGETS
from tests.fuzz.timing import stopwatch

INPUTS = int(os.environ.get("OFFHOOK_FUZZ_INPUTS", "5000000"))
FIRST_SEED = int(os.environ.get("OFFHOOK_FUZZ_SEED", "1000"))
EACH = 2000
SHARES = {
    "messages": 40,
    "streams": 4,
    "headers": 16,
    "uris": 14,
    "sessions": 7,
    "bodies": 6,
    "dns_answers": 2,
    "rtp": 4,
    "rtcp": 5,
    "keepalives": 2,
}
"""In percent: messages most, and little of what takes long (a stream is five messages)."""
GUIDED = 0.1
PROGRESS_SECONDS = 60.0
LONGEST_SECONDS = 1800.0

Outcome = tuple[str, int, float, float, int, Sample, str]


def outcome(task: tuple[str, int]) -> Outcome:
    """One shard: target, how many were accepted, seconds of CPU, the slowest, the process, its memory, a fault."""
    name, shard = task
    start = time.process_time()
    stopwatch.slowest = 0.0
    accepted, fault = 0, ""
    try:
        accepted = TARGETS[name].run(shard, EACH)
    except Failed as failure:
        fault = how_to_repeat(failure)
    return name, accepted, time.process_time() - start, stopwatch.slowest, os.getpid(), sample(), fault


def tasks(share: float) -> list[tuple[str, int]]:
    """Shards of all targets, evenly mixed, so that each process has all of them all the time."""
    found: list[tuple[float, str, int]] = []
    for name, percent in SHARES.items():
        count = max(1, round(INPUTS * share * percent / 100 / EACH))
        found += [((number + 0.5) / count, name, FIRST_SEED + number) for number in range(count)]
    return [(name, shard) for _, name, shard in sorted(found)]


def run_blindly(share: float) -> list[Outcome]:
    wanted = tasks(share)
    done: list[Outcome] = []
    begun = told = time.monotonic()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for each in pool.map(outcome, wanted):
            done.append(each)
            if time.monotonic() - told > PROGRESS_SECONDS:
                told = time.monotonic()
                print(f"{len(done) * EACH} of {len(wanted) * EACH} inputs, {told - begun:.0f} s", flush=True)  # noqa: T201
    return done


def summed_up(done: list[Outcome]) -> list[str]:
    lines = []
    for name in SHARES:
        of_name = [each for each in done if each[0] == name]
        count, seconds = len(of_name) * EACH, sum(each[2] for each in of_name)
        lines.append(
            f"{name}: {count} inputs, {sum(each[1] for each in of_name)} accepted, {seconds:.0f} s of CPU, "
            f"slowest {max(each[3] for each in of_name) * 1000:.1f} ms"
        )
    return lines


def grown(done: list[Outcome]) -> dict[int, Sample]:
    """By how much each process has grown."""
    samples: dict[int, list[Sample]] = defaultdict(list)
    for each in done:
        samples[each[4]].append(each[5])
    return {process: growth(found) for process, found in samples.items()}


def run_guided(name: str, blind: bool) -> tuple[str, dict[str, int], str]:
    """One target with atheris: its name, what was reached, and a fault."""
    inputs = max(100, int(INPUTS * GUIDED * SHARES[name] / 100))
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.guided", name, str(inputs), str(FIRST_SEED), str(FOLDER)]
    command += ["--blind"] if blind else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    if done.returncode != 0:
        assert done.returncode != ABSENT
        return name, {}, f"{' '.join(command[1:])}\n{done.stderr}"
    return name, json.loads(done.stdout), ""


def test_millions_of_inputs() -> None:
    guided = possible()
    begun = time.monotonic()
    done = run_blindly(1 - 2 * GUIDED if guided else 1.0)
    faults = [each[6] for each in done if each[6]]
    memory = grown(done)
    print(*summed_up(done), sep="\n")  # noqa: T201
    print(f"{len(done) * EACH} inputs, {sum(each[2] for each in done):.0f} s of CPU, {len(faults)} faults")  # noqa: T201
    for blocks, octets in memory.values():
        print(f"a process grew by {blocks} blocks and {octets / (1 << 20):.1f} MiB")  # noqa: T201
    if guided:
        faults += compare()
    else:
        print("atheris cannot be used here: all inputs were made without guidance")  # noqa: T201
    print(f"all in {time.monotonic() - begun:.0f} s")  # noqa: T201
    assert not faults, "\n".join(faults[:50])
    assert max(blocks for blocks, _ in memory.values()) < MOST_BLOCKS
    assert max(octets for _, octets in memory.values()) < MOST_OCTETS


def compare() -> list[str]:
    """Let atheris guide, and make as many inputs blindly; tell what each has reached. Returns faults."""
    faults: list[str] = []
    inputs = 0
    # Each runs in a process of its own.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        with_guidance = pool.map(lambda name: run_guided(name, False), SHARES)
        without = pool.map(lambda name: run_guided(name, True), SHARES)
        for (name, one, fault), (_, other, other_fault) in zip(with_guidance, without, strict=True):
            found = [each for each in (fault, other_fault) if each]
            faults += found
            if not found:
                inputs += one["inputs"] + other["inputs"]
                print(  # noqa: T201
                    f"{name}: {one['inputs']} inputs guided by atheris reached {one['edges']} edges and "
                    f"{one['features']} features, as many blind ones {other['edges']} and {other['features']}"
                )
    print(f"{inputs} inputs with atheris, {len(faults)} faults")  # noqa: T201
    return faults
