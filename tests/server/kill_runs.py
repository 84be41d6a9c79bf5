"""Runs of kills: servers under load, and commands that change accounts, each killed where its plan says."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Final

from tests.cli.terminal import free_port
from tests.server.kills import DOMAIN, Site, died, kept_accounts
from tests.server.zygote import Zygote
from tests.storage.faulty_disk import Point, points_died_at

__all__ = ["KINDS", "Plan", "kill_first_commands", "kill_servers", "plans"]

KINDS: Final = ("before", "half", "after", "cut")
POINTS: Final = ("write log", "sync log", "write database", "sync database", "delete log", "")
LOAD_SECONDS: Final = 2.0

Plan = tuple[int, str, Point]
"""The how-manieth point, how the process dies there, and of which points it is one, "" for all."""


def plans(number: int) -> Iterator[Plan]:
    """Plans that go through all ways to die at all points, near the start of a process and further on."""
    for turn in range(number):
        point = POINTS[turn % len(POINTS)]
        kind = KINDS[turn // len(POINTS) % len(KINDS)]
        rare = point.endswith("database") or point.startswith("delete")
        yield 1 + turn // 24 % 2 if rare and point != "delete log" else 1 if rare else 1 + turn * 7 % 60, kind, point


def kill_servers(folder: Path, zygote: Zygote, plans: Iterable[Plan]) -> Counter[str]:
    """Run servers on one data folder, each under load until it dies; the points at which they did."""
    deaths: Counter[str] = Counter()
    faults = folder / "faults"
    site = Site(folder, free_port(), 1)
    was_killed = True
    for number, (nth, kind, point) in enumerate([*plans, (0, "before", "")]):
        faults.write_text(f"kill {nth} {kind} {number} {point}\n", "ascii")
        site.log.write_bytes(b"")
        site.connect()
        server = zygote.start(["serve", "-c", str(site.config)], site.log, faults)
        site.await_ready(server)
        if server.poll() is None and site.compare(server):
            site.register(server, LOAD_SECONDS)
        server.terminate()
        was_killed = died(server)
        site.compare_files()
        found = points_died_at(faults)
        assert was_killed == bool(found)
        deaths.update(f"{kind} {found_at}" for found_at in found)
        assert "Traceback" not in site.log.read_text()
    assert not was_killed
    site.close()
    return deaths


def kill_first_commands(folder: Path, zygote: Zygote, step: int) -> Counter[str]:
    """Make the first account of many servers, dying at one point after the other; then go on with it."""
    deaths: Counter[str] = Counter()
    faults, log, config = folder / "faults", folder / "log", folder / "offhook.toml"
    data = folder / "data"
    config.write_text(f'data = "{data}"\n[[domain]]\nname = "{DOMAIN}"\n')
    words = ["user", "add", f"alice@{DOMAIN}", "-c", str(config)]
    for nth in count(1, step):
        kind = KINDS[nth // step % len(KINDS)]
        shutil.rmtree(data, ignore_errors=True)
        faults.write_text(f"kill {nth} {kind} {nth}\n", "ascii")
        code = zygote.start(words, log, faults, OFFHOOK_PASSWORD="secret").wait(60)
        found = points_died_at(faults)
        kept = asyncio.run(kept_accounts(data))
        if not found:
            assert (code, kept) == (0, {"alice"})
            return deaths
        deaths.update(f"{kind} {found_at}" for found_at in found)
        again = zygote.start(words, log, OFFHOOK_PASSWORD="secret").wait(60)
        assert again == (1 if kept else 0), log.read_text()
        assert asyncio.run(kept_accounts(data)) == {"alice"}
    raise AssertionError("there is no end to its write points")
