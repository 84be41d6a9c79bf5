"""How much of a core calls take that play and record: one side is measured, on a processor of its own."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from threading import Timer

from bench.measure import HERE, Failed, cpu_seconds

__all__ = ["Sound", "sound"]

PACKETS = 50
"""A second, in each direction of a call (20 ms each)."""
SETTING_UP = 45.0
"""Seconds in which all calls have to stand."""


class Sound:
    """What `calls` took: the share of a core of the side that plays and records, and the parts of its packets that
    were sent, and that came and were not too late.
    """

    def __init__(self, calls: int, share: float, sent: float, played: float) -> None:
        self.calls = calls
        self.share = share
        self.sent = sent
        self.played = played


def sound(python: str, calls: int, seconds: float) -> Sound:
    """Let calls stand for some seconds. Raises Failed."""
    with tempfile.TemporaryDirectory() as folder, _side(python, 0, "answer", str(calls), folder) as answering:
        try:
            where = _line(answering)
            with _side(python, 1, "call", str(calls), f"sip:answer@{where}", folder) as calling:
                late = Timer(SETTING_UP, calling.kill)
                late.start()
                try:
                    if _line(calling) != "all stand":
                        raise Failed("the calls do not stand")
                    late.cancel()
                    return _measured(answering, calls, seconds)
                finally:
                    late.cancel()
                    calling.kill()
        finally:
            answering.kill()


def _measured(answering: subprocess.Popen[str], calls: int, seconds: float) -> Sound:
    before, spent, begun = _numbers(answering), sum(cpu_seconds(answering.pid)), time.monotonic()
    time.sleep(seconds)
    after, took = _numbers(answering), time.monotonic() - begun
    share = (sum(cpu_seconds(answering.pid)) - spent) / took
    expected = calls * PACKETS * took
    grown = {name: after[name] - before[name] for name in after}
    return Sound(calls, share, grown["sent"] / expected, (grown["received"] - grown["late"]) / expected)


def _side(python: str, processor: int, *arguments: str) -> subprocess.Popen[str]:
    command = ["taskset", "-c", str(processor), python, str(HERE / "audio.py"), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        raise Failed("the calls did not come about in time")
    return line


def _numbers(process: subprocess.Popen[str]) -> dict[str, int]:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    found: dict[str, int] = json.loads(_line(process))
    return found
