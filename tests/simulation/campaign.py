"""Simulated calls by the million: seed after seed, each with a thousand calls, and the sum of what happened in them.

usage: python -m tests.simulation.campaign [--calls N] [--first SEED] [--jobs N] [--again]

Of each seed that is done a line is kept in build/simulation, by commit and build: what was stopped goes on there,
unless the tree has changes of its own or --again asks for all of it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

from offhook import stack
from tests.simulation.run import ROOT, bad, simulate, worst
from tools.soak import commit

__all__ = ["EACH", "Outcome", "Summary", "build", "main", "play", "run_seeds"]

EACH: Final = 1000
FIRST_SEED: Final = 1000
BATCH: Final = 40
"""Seeds after which the processes start afresh: what many leave behind, the next do not find."""
FOLDER: Final = ROOT / "build/simulation"
MOST_SHOWN: Final = 50
BETWEEN_LINES: Final = 60.0


class Outcome:
    """What came of one seed. `seconds` of CPU."""

    def __init__(self, seed: int, seconds: float, happened: dict[str, int], faults: list[str]) -> None:
        self.seed = seed
        self.seconds = seconds
        self.happened = happened
        self.faults = faults


def play(seed: int) -> Outcome:
    """One seed: two in three are the worst of worlds, the others a bad network alone."""
    start = time.process_time()
    kind = "worst" if seed % 3 else "bad"
    world, faults = simulate(seed, EACH, worst(EACH) if kind == "worst" else bad(EACH))
    again = f"python -m tests.simulation.run {seed} {EACH} {kind}"
    happened = {**world.happened, f"worlds of the {kind} kind": 1}
    return Outcome(seed, time.process_time() - start, happened, [f"{again}: {fault}" for fault in faults])


def run_seeds(seeds: Sequence[int], jobs: int, done: Callable[[Outcome], None]) -> None:
    """Play seeds in processes of their own; `done` gets each outcome as it comes."""
    # A pool for each batch: one that replaces its processes by itself stands still in the end, before Python 3.12.3.
    for start in range(0, len(seeds), BATCH):
        pool = ProcessPoolExecutor(jobs, get_context("spawn"))
        try:
            for future in as_completed([pool.submit(play, seed) for seed in seeds[start : start + BATCH]]):
                done(future.result())
        finally:
            # Whoever stops it waits for the seeds that are being played, not for all that are left.
            pool.shutdown(cancel_futures=True)


class Summary:
    """The sum of outcomes, and what is left to do of `total` seeds."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.seeds = 0
        self.seconds = 0.0
        self.happened: Counter[str] = Counter()
        self.faults: list[str] = []

    def add(self, outcome: Outcome) -> None:
        """Take one more."""
        self.seeds += 1
        self.seconds += outcome.seconds
        self.happened.update(outcome.happened)
        self.faults += outcome.faults

    @property
    def progress(self) -> str:
        """One line."""
        calls = self.seeds * EACH
        each = 1000 * self.seconds / calls if calls else 0.0
        return f"{calls:,} of {self.total * EACH:,} calls, {each:.1f} ms of CPU each, {len(self.faults)} faults"

    def lines(self) -> list[str]:
        """What happened how often, and what was wrong."""
        counts = [f"{count:>12,} {what}" for what, count in sorted(self.happened.items())]
        return [*counts, *self.faults[:MOST_SHOWN], f"{self.progress}, {self.seconds:.0f} s of CPU, {self.seeds} seeds"]


class Record:
    """The file in which the outcomes of one commit and build are kept; None keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> list[Outcome]:
        """All that is kept; a last line that was not finished counts as none."""
        if self._path is None or not self._path.exists():
            return []
        found: dict[int, Outcome] = {}
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                values: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            found[values["seed"]] = Outcome(**values)
        return list(found.values())

    def write(self, outcome: Outcome) -> None:
        """Keep one more."""
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write("\n" * (file.tell() > 0) + json.dumps(vars(outcome)))


def build() -> str:
    """Which build plays, as a word."""
    kind = "interpreted" if str(stack.__file__).endswith(".py") else "compiled"
    return f"{kind}-{sys.version_info[0]}.{sys.version_info[1]}"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.campaign")
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=FIRST_SEED, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="play what has been played before too")
    options = parser.parse_args(arguments)
    seeds = range(options.first, options.first + max(1, options.calls // EACH))
    tested = commit()
    is_kept = not options.again and tested.isalnum()
    record = Record(FOLDER / f"{tested}-{build()}.jsonl" if is_kept else None)
    summary = Summary(len(seeds))
    before = [outcome for outcome in record.read() if outcome.seed in seeds]
    for outcome in before:
        summary.add(outcome)
    if before:
        say(f"{summary.progress}, from before")
    said = time.monotonic()

    def done(outcome: Outcome) -> None:
        nonlocal said
        record.write(outcome)
        summary.add(outcome)
        for fault in outcome.faults:
            say(fault)
        if time.monotonic() - said >= BETWEEN_LINES:
            said = time.monotonic()
            say(summary.progress)

    known = {outcome.seed for outcome in before}
    run_seeds([seed for seed in seeds if seed not in known], options.jobs, done)
    say("\n".join([f"simulation of commit {tested}, {build()}", *summary.lines()]))
    return 1 if summary.faults else 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
