"""Hold the cost of each kind of work against that of the commit named in bench/REFERENCE.

usage: python -m bench.guard [--rounds N] [--seconds S] [--only NAME]

Both are measured by turns, interpreted, at a quarter of the usual rates; what counts is the least CPU time for each
operation. More than 15 % dearer fails, and the functions that cost more are printed. The reference has a tree and an
environment of its own in build/reference.
"""

from __future__ import annotations

import argparse
import os
import pstats
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.loads import LOADS, Load
from bench.measure import Failed, Offhook, round_of

ROOT = Path(__file__).resolve().parent.parent
MOST = 1.15
SLOWER = 4
SHOWN = 15


def main() -> int:
    options = arguments()
    commit = (ROOT / "bench" / "REFERENCE").read_text().split()[0]
    tree = reference(commit)
    python = {"reference": tree / ".venv" / "bin" / "python", "now": Path(sys.executable)}
    trees = {"reference": tree, "now": ROOT}
    print(
        f"beside {commit}, microseconds of CPU each\n\n| work | reference | now | ratio |\n|---|---|---|---|",
        flush=True,
    )
    dearer: list[Load] = []
    for load in LOADS:
        if options.only in (None, load.name):
            offered = load.slower(SLOWER)
            before, now = least(offered, [Offhook(name, str(python[name]), trees[name]) for name in trees], options)
            if now > before * MOST:
                dearer.append(offered)
            print(f"| {load.name} | {before * 1e6:.0f} | {now * 1e6:.0f} | {now / before:.2f} |", flush=True)
    for load in dearer:
        print(f"\n{load.name} is dearer by more than {MOST - 1:.0%}; where, in microseconds for each operation:\n")
        print(difference(*(profiled(name, str(python[name]), trees[name], load) for name in trees)))
    return 1 if dearer else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", choices=[load.name for load in LOADS])
    return parser.parse_args()


def least(load: Load, servers: list[Offhook], options: argparse.Namespace) -> list[float]:
    """The least CPU time of each server for one operation, the reference first."""
    found = [float("inf")] * len(servers)
    # A second series, where the first says no, tells a dearer program from a disturbed machine.
    for _ in range(2):
        for _ in range(options.rounds):
            for place, server in enumerate(servers):
                found[place] = min(found[place], round_of(server, load, options.seconds).cpu)
        if found[1] <= found[0] * MOST:
            break
    return found


def reference(commit: str) -> Path:
    """The tree of the reference with its environment, made where it is not there yet."""
    tree = ROOT / "build" / "reference" / commit
    if not tree.is_dir():
        try:
            # In a container, the checkout often belongs to somebody else.
            command = ["git", "-c", f"safe.directory={ROOT}", "archive", commit]
            archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
        except FileNotFoundError as error:
            raise Failed(f"there is no commit {commit} here: git is not installed") from error
        except subprocess.CalledProcessError as error:
            raise Failed(f"there is no commit {commit} here: {error.stderr.decode().strip()}") from error
        tree.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=tree.parent) as unfinished:
            subprocess.run(["tar", "-x"], cwd=unfinished, input=archive.stdout, check=True)
            Path(unfinished).rename(tree)
    base = sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable)
    subprocess.run([base, "-m", "tools.bootstrap", "run"], cwd=tree, stdout=subprocess.DEVNULL, check=True)
    return tree


Costs = dict[str, float]
"""Seconds in functions alone, by file and name."""


def profiled(name: str, python: str, tree: Path, load: Load) -> Costs:
    """What each function costs under the profiler, which makes all of it dearer; what the start costs is left out."""
    short, long = (_profile(name, python, tree, load, seconds) for seconds in (1.0, 4.0))
    return {function: (spent - short.get(function, 0.0)) / (3 * load.rate) for function, spent in long.items()}


def _profile(name: str, python: str, tree: Path, load: Load, seconds: float) -> Costs:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "profile"
        round_of(Offhook(name, python, tree, file), load, seconds)
        stats = pstats.Stats(str(file))
    found: Costs = {}
    for (path, _, function), (_, _, own, _, _) in stats.stats.items():  # type: ignore[attr-defined]
        short = path.rpartition("/offhook/")[2] if "/offhook/" in path else Path(path).name
        key = f"{short} {function}"
        found[key] = found.get(key, 0.0) + own
    return found


def difference(before: Costs, now: Costs) -> str:
    """The functions whose cost has grown most."""
    grown = {name: now.get(name, 0.0) - before.get(name, 0.0) for name in {*before, *now}}
    lines = ["| function | reference | now | more |", "|---|---|---|---|"]
    for name, more in sorted(grown.items(), key=lambda item: -item[1])[:SHOWN]:
        figures = (before.get(name, 0.0), now.get(name, 0.0), more)
        lines.append(f"| {name} | " + " | ".join(f"{each * 1e6:.1f}" for each in figures) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"guard: {error}")
