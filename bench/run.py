"""Measure Offhook beside Kamailio and print the ratios.

usage: python -m bench.run [--compiled PYTHON] [--rounds N] [--seconds S] [--only NAME] [--slower N] [--plot FILE]

Servers take turns within one run, each pinned to processor 0 with SIPp on processor 1; what counts is the ratio of
the medians of CPU time (user and system, all processes of a server) for each operation.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

from bench.loads import LOADS
from bench.measure import HERE, Failed, Kamailio
from bench.report import against_goals, plot
from bench.turns import Pythons, by_turns, interpreters, offhooks, options_of


def main() -> int:
    options = arguments()
    pythons = interpreters(options)
    built = " ".join(platform.python_build()) + ", " + platform.python_compiler()
    print(f"{platform.python_implementation()} {platform.python_version()} ({built}), {platform.machine()}\n")
    micro(pythons)
    chosen = [load for load in LOADS if options.only in (None, load.name)]
    results = [by_turns(load, [Kamailio(), *offhooks(pythons)], options) for load in chosen]
    print(f"CPU time for each operation, as a multiple of Kamailio's\n\n{against_goals(results, list(pythons))}")
    if options.plot:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        options.plot.write_text(plot(results))
        print(f"plotted in {options.plot}")
    return 0


def arguments() -> argparse.Namespace:
    parser = options_of(__doc__.partition("\n")[0], rounds=7, seconds=7.0)
    parser.add_argument("--only", choices=[load.name for load in LOADS])
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios, as SVG")
    return parser.parse_args()


def micro(pythons: Pythons) -> None:
    """Microseconds for each kind of message."""
    print("one message, microseconds of CPU (the least of nine series)\n")
    print("| message | " + " | ".join(f"parse, {name} | forward, {name}" for name in pythons) + " |")
    print("|---|" + "---|" * (2 * len(pythons)))
    found = {}
    for name, python in pythons.items():
        run = subprocess.run([python, str(HERE / "micro.py")], capture_output=True, text=True, check=True)
        found[name] = json.loads(run.stdout)
    for message in next(iter(found.values())):
        cells = [f"{found[name][message][what]:.1f}" for name in pythons for what in ("parse", "forward")]
        print(f"| {message} | {' | '.join(cells)} |")
    print(flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"bench: {error}")
