"""A million bindings: what each takes, how long looking one up takes, and how long a start takes that restores them.

usage: python bench/bindings.py [COUNT], by the interpreter that is measured; prints JSON.

They are a third each a desk phone's, a softphone's with an instance and a flow of its own, and a trunk's behind a Path;
nothing in them is the same object or text in two bindings but what a registrar would share.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from offhook import clock
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA
from offhook.clock import Moment
from offhook.flow import Flow
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.sqlite import LOCATION_SCHEMA, SqliteLocation
from offhook.location.update import Update
from offhook.server.config import DATABASE
from offhook.server.process import leave_standing
from offhook.storage.sqlite import Database

COUNT = 1_000_000
LOOKUPS = 20_000
AT_ONCE = 2000
CONFIGURATION = """
[[listen]]
transport = "udp"
address = "127.0.0.1"
port = 0
[[domain]]
name = "example.com"
"""
HOUR = 3600.0


def update(number: int, wall: float, generation: int = 1) -> Update:
    """What the registrar makes of one phone's REGISTER."""
    kind = number % 3
    remote = (f"198.51.{number >> 8 & 255}.{number & 255}", 1024 + number % 60_000)
    address = f"192.168.{number >> 8 & 255}.{number & 255}"
    flow = Flow("UDP", "udp:192.0.2.10:5060", ("192.0.2.10", 5060), remote)
    if kind:
        flow = Flow("TCP", "tcp:192.0.2.10:5060", ("192.0.2.10", 5060), remote, "0.0.18f2a3b4c5d", number, True)
    call_id = f"{random.getrandbits(96):024x}@{address}"
    agents = (
        "Yealink SIP-T46U 108.86.0.20",
        "Linphone-Desktop/5.2.6 (Debian GNU/Linux 12) LinphoneCore/5.3.93",
        "trunk",
    )
    binding = Binding(
        f"sip:u{number}@{address}:5060" + (";transport=tcp" if kind else ""),
        "",
        0.5 if kind == 1 else None,
        wall + HOUR + number % 600,
        call_id,
        generation,
        f"z9hG4bK{random.getrandbits(64):016x}",
        ("<sip:edge.example.com;transport=tcp;lr>",) if kind == 2 else (),
        flow.serialize(),
        True,
        f"urn:uuid:{random.getrandbits(128):032x}" if kind == 1 else "",
        1 if kind == 1 else 0,
        agents[kind],
    )
    return Update(f"sip:u{number}@example.com", call_id, generation, [binding])


def resident() -> int:
    """Octets of resident memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class Pauses:
    """How long the collector kept everything else waiting."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.collections = 0
        self._begun = 0.0
        gc.callbacks.append(self._note)

    def end(self) -> None:
        """Note no more of them."""
        gc.callbacks.remove(self._note)

    def _note(self, phase: str, info: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._begun = now
        else:
            self.collections += 1
            self.longest = max(self.longest, now - self._begun)


def filled(location: MemoryLocation, count: int, now: Moment) -> float:
    """Register all; the seconds that it took."""
    begun = time.perf_counter()
    for number in range(count):
        location.save(update(number, now.wall), now)
    return time.perf_counter() - begun


def looked_up(location: MemoryLocation, count: int, now: Moment) -> list[float]:
    """Microseconds for each of many look-ups at random, in order."""
    choice = random.Random(5)
    aors = [f"sip:u{choice.randrange(count)}@example.com" for _ in range(LOOKUPS)]
    took = []
    for aor in aors:
        begun = time.perf_counter()
        found = location.lookup_now(aor, now)
        took.append((time.perf_counter() - begun) * 1e6)
        assert len(found) == 1
    return sorted(took)


def in_memory(count: int) -> dict[str, float]:
    now = clock.now()
    leave_standing()
    before = resident()
    pauses = Pauses()
    location = MemoryLocation()
    seconds = filled(location, count, now)
    took = looked_up(location, count, now)
    each = (resident() - before) / count
    # A whole collection, such as comes by itself now and then, with all of them there.
    gc.collect()
    pauses.end()
    return {
        "octets": each,
        "save_us": seconds / count * 1e6,
        "lookup_us": took[len(took) // 2],
        "lookup_p99_us": took[len(took) * 99 // 100],
        "pause_ms": pauses.longest * 1e3,
        "collections": pauses.collections,
    }


async def written(folder: Path, count: int) -> float:
    """Register all durably, many at once; the seconds that it took."""
    database = await Database.open(folder / DATABASE, [ACCOUNTS_SCHEMA, LOCATION_SCHEMA])
    now = clock.now()
    location = await SqliteLocation.open(database, now)
    begun = time.perf_counter()
    for first in range(0, count, AT_ONCE):
        last = min(first + AT_ONCE, count)
        await asyncio.gather(*(location.save(update(number, now.wall), now) for number in range(first, last)))
    seconds = time.perf_counter() - begun
    await database.close()
    return seconds


def served(folder: Path) -> tuple[float, int, int]:
    """Start the server over a folder: the seconds until it is ready, its resident octets, and its bindings."""
    config = folder / "offhook.toml"
    config.write_text(f'data = "{folder}"\n{CONFIGURATION}')
    begun = time.perf_counter()
    command = [str(Path(sys.executable).parent / "offhook"), "serve", "-c", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            said = server.stdout
            assert said is not None
            while not said.readline().startswith("ready"):
                if server.poll() is not None:
                    raise SystemExit(f"the server ended with {server.returncode}")
            seconds = time.perf_counter() - begun
            server.send_signal(signal.SIGUSR1)
            line = said.readline()
            while "in use" not in line:
                line = said.readline()
        finally:
            server.terminate()
    found = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}
    return seconds, found["resident_kib"] * 1024, found["bindings"]


def restored(count: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asyncio.run(written(folder, 0))
        empty_seconds, empty, _ = served(folder)
        seconds = asyncio.run(written(folder, count))
        size = (folder / DATABASE).stat().st_size
        restart, octets, bindings = served(folder)
    assert bindings == count, bindings
    return {
        "durable_us": seconds / count * 1e6,
        "file_octets": size / count,
        "restored_s": restart - empty_seconds,
        "restored_octets": (octets - empty) / count,
    }


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else COUNT
    print(json.dumps(in_memory(wanted) | restored(wanted)))
