"""How long a server keeps an INVITE while it is busy for a given share of its processor."""

from __future__ import annotations

import socket
import tempfile
import time
from pathlib import Path

from bench.loads import Load
from bench.measure import (
    PORT,
    Failed,
    Server,
    around,
    caller_command,
    cpu_seconds,
    running,
    wait_until_answering,
)
from bench.probe import Probe

__all__ = ["Latency", "latency"]

CONTROL_PORT = 8990
STEPS = 8
STEP = 3.0
FIRST_RATE = 200
OVERLOADED = 0.1
MOST = 10_000_000


class Latency:
    """At `rate` operations a second the server was busy for `share`; `delays` are the seconds that INVITEs took."""

    def __init__(self, rate: float, share: float, delays: list[float]) -> None:
        self.rate = rate
        self.share = share
        self.delays = sorted(delays) or [float("nan")]

    def part(self, part: float) -> float:
        """The milliseconds that a part of all INVITEs did not take longer than."""
        return 1e3 * self.delays[min(len(self.delays) - 1, int(len(self.delays) * part))]


def latency(server: Server, load: Load, share: float, seconds: float) -> Latency:
    """Raise the rate until a server takes the share of its processor, hold it, and time INVITEs. Raises Failed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log"
        log.touch()
        with running(server.command(load.kind, folder), 0, log) as process:
            wait_until_answering(process)
            caller = [*caller_command(load.slower(load.rate // FIRST_RATE), MOST, folder), "-cp", str(CONTROL_PORT)]
            probe = Probe(("127.0.0.1", PORT))
            probe.start()
            with around(load, folder), running(caller, 1, folder / "caller") as calling:
                rate = _found(process.pid, share, probe)
                spent, begun, first = sum(cpu_seconds(process.pid)), time.monotonic(), probe.count
                time.sleep(seconds)
                delays = probe.stop()[first:]
                took = time.monotonic() - begun
                if calling.poll() is not None:
                    raise Failed(f"SIPp ended by itself: {(folder / 'caller').read_text(errors='replace')[-300:]}")
                had = (sum(cpu_seconds(process.pid)) - spent) / took
                _steer("Q")
    return Latency(rate, had, delays)


def _found(pid: int, share: float, probe: Probe) -> float:
    """The rate at which the server takes its share."""
    rate = float(FIRST_RATE)
    time.sleep(1.0)
    for _ in range(STEPS):
        _steer(f"cset rate {rate:.0f}")
        time.sleep(1.0)
        spent, begun = sum(cpu_seconds(pid)), time.monotonic()
        time.sleep(STEP)
        had = (sum(cpu_seconds(pid)) - spent) / (time.monotonic() - begun)
        # What keeps INVITEs that long is too much, whatever share the server gets of a processor that others use too.
        rate *= 0.5 if probe.lately() > OVERLOADED else min(2.0, share / max(had, 1e-3))
    _steer(f"cset rate {rate:.0f}")
    return rate


def _steer(command: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as steering:
        steering.sendto(command.encode(), ("127.0.0.1", CONTROL_PORT))
