"""Run the soaks, each by itself, and sum them up.

usage: python -m tools.soak [NAME]

A soak is a file of tests/soak, `test_NAME.py`. All of them together have two hours.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

from tools.bootstrap import ROOT, SetupError, say

__all__ = ["main"]

TIME_FOR_ALL = 2 * 3600.0


def commit() -> str:
    """The commit that is tested, and whether the tree has changed since."""
    command = ["git", "describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown (git is not installed)"
    return done.stdout.strip() or "unknown (not a git checkout)"


def soak(name: str, seconds: float) -> str:
    """Run one soak; returns how it ended."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-m", "soak", f"tests/soak/test_{name}.py"]
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        return "failed: out of time"
    finally:
        # Servers and phones that it has left behind would disturb the next one.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return "passed" if code == 0 else f"failed: pytest ended with {code}"


def main(arguments: list[str]) -> int:
    names = sorted(file.stem.removeprefix("test_") for file in (ROOT / "tests/soak").glob("test_*.py"))
    if not names:
        raise SetupError("tests/soak holds no soak.")
    wanted = arguments or names
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise SetupError(f"no soak is named {unknown[0]}; there are: {', '.join(names)}.")
    tested = commit()
    end = time.monotonic() + TIME_FOR_ALL
    results: list[tuple[str, str, float]] = []
    for name in wanted:
        say(f"soak {name}")
        start = time.monotonic()
        results.append((name, soak(name, max(end - start, 0.0)), time.monotonic() - start))
    print(f"soaks of commit {tested}")
    for name, result, seconds in results:
        print(f"{name}: {result} ({seconds:.0f} s)")
    failed = sum(result != "passed" for _, result, _ in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    # Whoever ends this ends what it runs: see `soak`.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"offhook: {error}")
