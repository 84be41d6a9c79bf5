"""Fuzzing: 200,000 mutated messages and a slice of everything else that reads what strangers send.

Each shard is a test of its own and always the same; what ever fails is printed with the command that shows it again.
`make soak ONLY=fuzz` does millions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.fuzz import repeat
from tests.fuzz.growth import MOST_BLOCKS, MOST_OCTETS, Sample, growth, sample
from tests.fuzz.guided import ABSENT, possible
from tests.fuzz.repeat import how_to_repeat
from tests.fuzz.target import Failed, Target
from tests.fuzz.targets import TARGETS
from tests.fuzz.timing import MOST_SECONDS, Stopwatch

SHARDS: Final = {
    "messages": (40, 5000),
    "streams": (20, 1000),
    "headers": (4, 10_000),
    "uris": (4, 5000),
    "sessions": (4, 1000),
    "bodies": (4, 2500),
    "dns_answers": (4, 500),
    "rtp": (4, 1500),
    "rtcp": (4, 5000),
    "keepalives": (2, 10_000),
}
"""How many shards of how many inputs."""
LEAST_ACCEPTED: Final = {"keepalives": 0.02, "dns_answers": 0.02}
MOST_ACCEPTED: Final = 0.95


@pytest.mark.parametrize("name", TARGETS)
def test_the_mutator_repeats_itself(name: str) -> None:
    target = TARGETS[name]
    one, again, other = (list(target.inputs(shard, 300)) for shard in (1, 1, 2))
    assert one == again
    assert len(set(one) & set(other)) < 100
    assert len(set(one)) > 200


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_not_mutated(name: str) -> None:
    target = TARGETS[name]
    accepted = sum(target.check(data) for data in target.seeds())
    assert accepted > 0.2 * len(target.seeds())


@pytest.mark.parametrize(("name", "shard"), [(name, shard) for name in SHARDS for shard in range(SHARDS[name][0])])
def test_mutated_inputs(name: str, shard: int) -> None:
    count = SHARDS[name][1]
    try:
        accepted = TARGETS[name].run(shard, count)
    except Failed as failure:
        raise AssertionError(f"{failure.data[:3000]!r}\n{how_to_repeat(failure)}") from failure
    # A mutator that only breaks, or never does, would prove little.
    assert LEAST_ACCEPTED.get(name, 0.15) * count < accepted < MOST_ACCEPTED * count


def test_all_targets_have_a_slice() -> None:
    assert list(SHARDS) == list(TARGETS)


# What has to fail does


def wrong(data: bytes) -> bool:
    if b"7" in data:
        raise KeyError("7")
    return True


def test_a_fault_is_told_and_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeat, "FOLDER", tmp_path)
    target = Target("keepalives", lambda: [b"17"], wrong)
    with pytest.raises(Failed) as caught:
        target.check(b"x7")
    sentence = how_to_repeat(caught.value)
    assert sentence.startswith("KeyError('7'): python -m tests.fuzz.repeat keepalives ")
    done = subprocess.run([sys.executable, *sentence.split()[2:]], capture_output=True, text=True, check=True)
    assert done.stdout.endswith(": refused\n")


def test_what_takes_long_fails() -> None:
    def dawdle() -> None:
        end = sum(range(3_000_000))
        assert end

    with pytest.raises(AssertionError, match="s of CPU"):
        Stopwatch().within(dawdle, MOST_SECONDS / 10)
    watch = Stopwatch()
    watch.within(dawdle, 60.0)
    assert 0.0 < watch.slowest < 60.0


def samples_of(kept: int, runs: int = 30) -> list[Sample]:
    leak: list[object] = []
    found = []
    for number in range(runs):
        leak += [object() for _ in range(kept)]
        # A memory of bounded size, such as our parsers have.
        memo = [object() for _ in range(1000 * (number % 5))]
        found.append(sample())
        del memo
    return found


def test_a_leak_shows() -> None:
    blocks, _ = growth(samples_of(5000))
    assert blocks > MOST_BLOCKS
    blocks, octets = growth(samples_of(0))
    assert blocks < MOST_BLOCKS / 10
    assert octets < MOST_OCTETS
    assert growth([(1, 1)]) == (0, 0)


def test_atheris_guides_where_it_can(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz.guided", "headers", "3000", "1", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if possible():
        assert json.loads(done.stdout)["inputs"] == 3000
    else:
        assert done.returncode == ABSENT
        assert done.stderr == "atheris is not there, or offhook is compiled\n"
