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
from bench.measure import HERE, Failed, Kamailio, Offhook, Sample, Server, round_of
from bench.report import Result, plot, table


def main() -> int:
    options = arguments()
    pythons = {"interpreted": sys.executable}
    if options.compiled:
        pythons["compiled"] = options.compiled
    built = " ".join(platform.python_build()) + ", " + platform.python_compiler()
    print(f"{platform.python_implementation()} {platform.python_version()} ({built}), {platform.machine()}\n")
    micro(pythons)
    servers: list[Server] = [Kamailio(), *(Offhook(name, python) for name, python in pythons.items())]
    results: list[Result] = []
    for load in LOADS:
        if options.only in (None, load.name):
            offered = load.slower(options.slower)
            samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
            for _ in range(options.rounds):
                for server in servers:
                    samples[server.name].append(round_of(server, offered, options.seconds))
            results.append((offered, samples))
            print(table(results[-1], options.seconds), flush=True)
    if options.plot:
        options.plot.parent.mkdir(parents=True, exist_ok=True)
        options.plot.write_text(plot(results))
        print(f"plotted in {options.plot}")
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--compiled", metavar="PYTHON", help="an interpreter with the compiled wheel")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=7.0)
    parser.add_argument("--slower", type=int, default=1, metavar="N", help="offer an Nth of the usual rates")
    parser.add_argument("--only", choices=[load.name for load in LOADS])
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios, as SVG")
    return parser.parse_args()


def micro(pythons: dict[str, str]) -> None:
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
