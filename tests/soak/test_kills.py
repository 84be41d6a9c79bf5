"""Servers killed hundreds of times, at each of their write points and at random ones, while phones register.

OFFHOOK_KILLS=1000 makes it longer.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from random import Random
from threading import Timer

from tests.cli.terminal import OFFHOOK, free_port
from tests.server.kill_runs import KINDS, kill_first_commands, kill_servers, plans
from tests.server.kills import Site, died
from tests.server.zygote import Zygote

KILLS = int(os.environ.get("OFFHOOK_KILLS", "216"))
RANDOM_KILLS = 30
REACHED = (
    *("write log", "sync log", "delete log"),
    *("write database", "sync database"),
)


def report(what: str, kills: int, start: float) -> None:
    print(f"{what}: {kills} kills in {time.monotonic() - start:.0f} s, nothing lost")  # noqa: T201


def test_servers_at_each_write_point(tmp_path: Path) -> None:
    start = time.monotonic()
    with Zygote() as zygote:
        deaths = kill_servers(tmp_path, zygote, plans(KILLS))
    assert deaths.total() > KILLS * 0.95
    missing = [f"{kind} {point}" for kind in KINDS for point in REACHED if not deaths[f"{kind} {point}"]]
    assert not missing
    report("servers at their write points", deaths.total(), start)


def test_the_first_command_at_each_write_point(tmp_path: Path) -> None:
    start = time.monotonic()
    with Zygote() as zygote:
        deaths = kill_first_commands(tmp_path, zygote, step=1)
    assert {death.partition(" ")[2] for death in deaths} >= {
        *("write journal", "sync journal", "delete journal", "write database", "sync database"),
        *("write log", "sync log", "delete log"),
    }
    report("the first command", deaths.total(), start)


def test_servers_at_any_moment(tmp_path: Path) -> None:
    """The command itself, by a signal from outside, from its first moment on."""
    start = time.monotonic()
    site = Site(tmp_path, free_port(), 2)
    choice = Random(3)
    for _ in range(RANDOM_KILLS):
        with site.log.open("wb") as log:
            server = subprocess.Popen([*OFFHOOK, "serve", "-c", str(site.config)], stdout=log, stderr=log)
        # One in eight dies while it starts.
        starting = Timer(choice.uniform(0.2, 1.0), server.kill)
        if choice.random() < 1 / 8:
            starting.start()
        site.connect()
        site.await_ready(server)
        killing = Timer(choice.expovariate(2.0), server.kill)
        killing.start()
        if site.compare(server):
            site.register(server, 60.0)
        assert died(server)
        starting.cancel()
        killing.cancel()
        site.compare_files()
        assert "Traceback" not in site.log.read_text()
    assert site.answers > RANDOM_KILLS
    site.close()
    report(f"servers at any moment, {site.answers} registrations", RANDOM_KILLS, start)
