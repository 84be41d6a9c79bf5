"""Run the unit tests on every Python found, then tests on the compiled build.

usage: python -m tools.test_all [--jobs N] [--require 3.11,3.12,3.13] [--others] [--compiled unit|all]

A Python counts when it really starts: those on PATH first, then those of ~/.pyenv/versions. --require makes a missing
one a failure. --others leaves out the version that runs this program, where that has been tested already. --compiled
says which tests run on the compiled build.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.bootstrap import ROOT, SUPPORTED, VERSION, say

__all__ = ["interpreters", "main"]

UNIT = "not interop and not soak"
WHOLE = "not soak"
NAME = re.compile(r"python3(\.\d+)?")


def candidates() -> Iterator[Path]:
    """Every program that bears Python's name, in the order in which they are preferred."""
    folders = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    folders += sorted(Path.home().glob(".pyenv/versions/*/bin"))
    for folder in folders:
        if folder.is_dir():
            yield from (file for file in sorted(folder.iterdir()) if NAME.fullmatch(file.name))


def version_of(python: Path) -> str | None:
    """The version of a Python, such as "3.12"; None when it does not start."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([str(python), "-c", program], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def interpreters() -> dict[str, Path]:
    """The first Python that starts, of each supported version."""
    found: dict[str, Path] = {}
    seen: set[Path] = set()
    for python in candidates():
        real = python.resolve()
        if real in seen:
            continue
        seen.add(real)
        version = version_of(python)
        if version in SUPPORTED:
            found.setdefault(version, python)
    return {version: found[version] for version in SUPPORTED if version in found}


def prepare(python: Path, target: str, chosen: bool) -> Path | None:
    """The environment for a target, made by `tools.bootstrap`; None when it could not be made."""
    environment = os.environ | {"PYTHON": str(python) if chosen else ""}
    command = [str(python), "-m", "tools.bootstrap", target]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    return ROOT / done.stdout.strip() if done.returncode == 0 else None


def passes(venv: Path | None, jobs: str, selection: str, compiled: bool) -> bool:
    if venv is None:
        return False
    environment = os.environ | ({"OFFHOOK_EXPECT_COMPILED": "1"} if compiled else {})
    command = [str(venv / "bin/python"), "-m", "pytest", "-q", "-n", jobs, "--dist", "worksteal", "-m", selection]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode == 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.test_all")
    parser.add_argument("--jobs", default="2")
    parser.add_argument("--require", default="", help="versions that must be there, separated by commas")
    parser.add_argument("--others", action="store_true", help=f"leave out {VERSION}, which has been tested already")
    parser.add_argument("--compiled", choices=("unit", "all"), help="what to run on the compiled build")
    options = parser.parse_args(arguments)
    results: dict[str, str] = {}
    found = interpreters()
    for version in SUPPORTED:
        if options.others and version == VERSION:
            results[f"Python {version}"] = "tested before"
        elif version in found:
            say(f"unit tests on Python {version}, {found[version]}")
            venv = prepare(found[version], "develop", chosen=True)
            passed = passes(venv, options.jobs, UNIT, compiled=False)
            results[f"Python {version}"] = "passed" if passed else "failed"
        else:
            results[f"Python {version}"] = "failed: not found" if version in options.require.split(",") else "not found"
    if options.compiled:
        say(f"{options.compiled} tests on the compiled build")
        python, chosen = Path(sys.executable), bool(os.environ.get("PYTHON"))
        if options.compiled == "all":
            prepare(python, "test", chosen)
        venv = prepare(python, "compiled", chosen)
        selection = WHOLE if options.compiled == "all" else UNIT
        results["compiled build"] = "passed" if passes(venv, options.jobs, selection, compiled=True) else "failed"
    print("\n".join(f"{name}: {result}" for name, result in results.items()))
    return 1 if any(result.startswith("failed") for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
