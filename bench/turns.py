"""Servers that take turns within one run, and what each such run can be asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench.loads import Load
from bench.measure import Offhook, Sample, Server, round_of
from bench.report import Result, table

__all__ = ["Pythons", "by_turns", "interpreters", "offhooks", "options_of"]

Pythons = dict[str, str]
"""The interpreters that are measured, by their names."""


def options_of(what: str, rounds: int, seconds: float) -> argparse.ArgumentParser:
    """A parser with the options that all runs have; `rounds` of so many `seconds` where nothing is said."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--compiled", metavar="PYTHON", help="an interpreter with the compiled wheel")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--seconds", type=float, default=seconds)
    parser.add_argument("--slower", type=int, default=1, metavar="N", help="offer an Nth of the usual rates")
    return parser


def interpreters(options: argparse.Namespace) -> Pythons:
    """The one that runs this, and the compiled one that was named."""
    return {"interpreted": sys.executable} | ({"compiled": options.compiled} if options.compiled else {})


def offhooks(pythons: Pythons) -> list[Server]:
    """Our server on each interpreter."""
    return [Offhook(name, python) for name, python in pythons.items()]


def by_turns(load: Load, servers: Sequence[Server], options: argparse.Namespace) -> Result:
    """Offer a load to each server in turn, round by round, and print what it took."""
    offered = load.slower(options.slower)
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    for _ in range(options.rounds):
        for server in servers:
            samples[server.name].append(round_of(server, offered, options.seconds))
    print(table((offered, samples), options.seconds), flush=True)
    return offered, samples
