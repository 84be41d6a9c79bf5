"""Measure what `make bench` leaves out, each figure beside its goal.

usage: python -m bench.more [--compiled PYTHON] [--rounds N] [--seconds S] [--slower N] [--count N] [--only NAME]

What is compared with another server takes turns with it, as in `bench.run`. A million bindings and ten thousand calls
that ring are about memory; all else needs a machine on which nothing else runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator

from bench.goals import Goal, verdicts
from bench.latency import latency
from bench.loads import LOADS, MORE, Load
from bench.measure import HERE, Failed, Kamailio, Offhook, Server
from bench.proceeding import ringing
from bench.report import ratio
from bench.run import micro
from bench.sippy import Sippy
from bench.sound import Sound, sound
from bench.turns import Pythons, by_turns, interpreters, offhooks, options_of

CALL = LOADS[0]
SIPPY_RATE = 100
DURABLE = 2.0
BINDINGS = (
    ("octets of a binding in memory", "octets", 1000.0, "octets"),
    ("octets of a binding restored", "restored_octets", 1000.0, "octets"),
    ("longest pause of the collector", "pause_ms", 10.0, "ms"),
    ("restored at a start from SQLite", "restored_s", 60.0, "s"),
    ("looking one up", "lookup_us", None, "us"),
    ("looking one up, p99", "lookup_p99_us", None, "us"),
    ("saving one in memory", "save_us", None, "us"),
    ("saving one durably", "durable_us", None, "us"),
)
"""What of the million bindings is told: its name there, the most that it may be, and its unit."""
RINGING = 10_000
RINGING_OCTETS = 6 * 1024.0
BUSY = 0.7
BUSY_SECONDS = 20.0
BUSY_MS = 5.0
SOUND_CALLS = 300
SOUND_SECONDS = 10.0


def compared(load: Load, others: list[Server], pythons: Pythons, options: argparse.Namespace) -> dict[str, float]:
    """Measure a load by turns, print the table, and give each interpreter's ratio to the first of the others."""
    _, samples = by_turns(load, [*others, *offhooks(pythons)], options)
    return {name: ratio(samples, name) for name in pythons}


def loads(pythons: Pythons, options: argparse.Namespace) -> Iterator[Goal]:
    """What Kamailio does too."""
    for load in MORE:
        most = DURABLE if load.kind == "durable" else None
        beside = "Kamailio's, in memory" if load.kind == "durable" else "Kamailio's"
        found = compared(load, [Kamailio()], pythons, options)
        yield Goal(f"CPU of {load.name}, beside {beside}", found, most, "times")


def sippy(pythons: Pythons, options: argparse.Namespace) -> Iterator[Goal]:
    """A call through another SIP server in Python."""
    load = Load("call, beside sippy", CALL.kind, CALL.scenario, SIPPY_RATE, CALL.callee)
    yield Goal("CPU of a call, beside sippy's B2BUA", compared(load, [Sippy()], pythons, options), None, "times")


def messages(pythons: Pythons, options: argparse.Namespace) -> Iterator[Goal]:
    """Parsing and serializing; the table is all that there is to say."""
    micro(pythons)
    yield from ()


def bindings(pythons: Pythons, options: argparse.Namespace) -> Iterator[Goal]:
    """A million of them."""
    found: dict[str, dict[str, float]] = {}
    for name, python in pythons.items():
        command = [python, str(HERE / "bindings.py"), str(options.count)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if run.returncode:
            raise Failed(f"bindings: {run.stderr.strip()[-500:]}")
        found[name] = json.loads(run.stdout)
    for words, key, most, unit in BINDINGS:
        values = {name: figures[key] for name, figures in found.items()}
        yield Goal(f"{options.count:,} bindings: {words}", values, most, unit)


def proceeding(pythons: Pythons, options: argparse.Namespace) -> Iterator[Goal]:
    """Calls that ring: each is a server transaction and a client transaction."""
    found = {name: ringing(Offhook(name, python), RINGING)[0] for name, python in pythons.items()}
    halves = {name: octets / 2 for name, octets in found.items()}
    yield Goal(f"{RINGING:,} calls that ring: octets of an INVITE transaction", halves, RINGING_OCTETS, "octets")
    yield Goal(f"{RINGING:,} calls that ring: octets of a call", found, None, "octets")


def busy(pythons: Pythons, options: argparse.Namespace) -> Iterator[Goal]:
    """How long an INVITE stays while the processor is busy."""
    found = {name: latency(Offhook(name, python), CALL, BUSY, BUSY_SECONDS) for name, python in pythons.items()}
    what = f"INVITE at {BUSY:.0%} of a core"
    yield Goal(f"{what}: calls a second", {name: one.rate for name, one in found.items()}, None, "/s")
    yield Goal(f"{what}: share that was had", {name: one.share for name, one in found.items()}, None, "core")
    yield Goal(f"{what}: p50", {name: one.part(0.5) for name, one in found.items()}, None, "ms")
    yield Goal(f"{what}: p99", {name: one.part(0.99) for name, one in found.items()}, BUSY_MS, "ms")


def calls_with_sound(pythons: Pythons, options: argparse.Namespace) -> Iterator[Goal]:
    """Playing and recording G.711; where so many do not come about, what fewer take tells how far it is."""
    found = {name: _as_many_as_stand(python) for name, python in pythons.items()}
    what = f"{SOUND_CALLS} calls that play and record"
    shares = {name: one.share * SOUND_CALLS / one.calls for name, one in found.items()}
    yield Goal(f"{what}: share of a core", shares, 1.0, "core")
    yield Goal(f"{what}: measured with", {name: float(one.calls) for name, one in found.items()}, None, "calls")
    missing = {name: 100 * max(0.0, 1 - min(one.sent, one.played)) for name, one in found.items()}
    yield Goal(f"{what}: packets that are not sent or not played", missing, 1.0, "%")


def _as_many_as_stand(python: str) -> Sound:
    for calls in (SOUND_CALLS, SOUND_CALLS // 3):
        try:
            return sound(python, calls, SOUND_SECONDS)
        except Failed as error:
            print(f"{calls} calls: {error}", flush=True)
    return sound(python, SOUND_CALLS // 10, SOUND_SECONDS)


PARTS: dict[str, Callable[[Pythons, argparse.Namespace], Iterator[Goal]]] = {
    "messages": messages,
    "loads": loads,
    "sippy": sippy,
    "busy": busy,
    "sound": calls_with_sound,
    "ringing": proceeding,
    "bindings": bindings,
}


def main() -> int:
    options = arguments()
    pythons = interpreters(options)
    goals: list[Goal] = []
    for name, part in PARTS.items():
        if options.only in (None, name):
            try:
                goals += part(pythons, options)
            except Failed as error:
                print(f"{name} was not measured: {error}\n", flush=True)
    print(verdicts(goals, list(pythons)))
    return 0


def arguments() -> argparse.Namespace:
    parser = options_of(__doc__.partition("\n")[0], rounds=5, seconds=6.0)
    parser.add_argument("--count", type=int, default=1_000_000, help="bindings")
    parser.add_argument("--only", choices=list(PARTS))
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"bench: {error}")
