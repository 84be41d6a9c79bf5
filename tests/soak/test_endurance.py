"""Half an hour at 60 % of a core with phones that are killed and started again: nothing fails, nothing is left behind.

OFFHOOK_ENDURANCE_SECONDS=60 makes it shorter; the growth of memory is judged at full length alone. A machine on which
others work meanwhile has no 60 % to spare: OFFHOOK_ENDURANCE_SHARE=0.2 asks for less.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import pytest

from bench.measure import cpu_seconds
from bench.probe import Probe
from offhook.accounts.base import Account
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.storage.sqlite import Database
from tests.interop.process import Process, until
from tests.interop.server import OffhookServer, listening
from tests.soak.crowd import ACCOUNTS, PASSWORD, Crowd
from tests.transport.certificates import Authority

pytestmark = pytest.mark.interop("sipp")

SECONDS: Final = float(os.environ.get("OFFHOOK_ENDURANCE_SECONDS", "1800"))
WHOLE: Final = 1800.0
FINDING: Final = min(120.0, SECONDS / 3)
"""Seconds in which the rate is found that takes the server's share of a core."""
SHARE: Final = float(os.environ.get("OFFHOOK_ENDURANCE_SHARE", "0.6"))
MOST_RATE: Final = 3000.0
MOST_DELAY: Final = 0.1
"""Seconds for which the server may keep an INVITE before it is offered less."""
MOST_GROWTH_KIB: Final = 4096
AT_REST: Final = 280.0
"""Seconds after which transactions are gone: Timer C ends a call whose both phones were killed while it rang."""
HOST: Final = "127.98.0.1"
DOMAIN: Final = "example.com"
TRANSPORTS: Final = ("udp", "tcp", "tls", "udp", "tcp", "udp")
KILLED_EVERY: Final = 4.0
ROOT: Final = Path(__file__).resolve().parents[2]


class Phones:
    """Phones that call one another in a ring. A kill of one excuses what was tried with it meanwhile."""

    def __init__(self, folder: Path, authorities: Path, running: ExitStack) -> None:
        self._folder = folder
        self._authorities = authorities
        self._running = running
        self._choice = Random(7)
        self._starts = 0
        self._alive: dict[int, Process] = {}
        self._all: list[tuple[int, Process]] = []
        # For each phone: from when until when it was not there.
        self._absences: dict[int, list[tuple[float, float]]] = {number: [] for number in range(len(TRANSPORTS))}
        for number in self._absences:
            self._start(number)
        for number in self._absences:
            self._await(number)
            self._absences[number].append((float("-inf"), time.monotonic()))

    @property
    def kills(self) -> int:
        return self._starts - len(TRANSPORTS)

    def kill_one(self) -> None:
        """Kill one of them, and start it again."""
        number = self._choice.randrange(len(TRANSPORTS))
        killed = time.monotonic()
        self._alive[number].kill()
        self._start(number)
        self._await(number)
        self._absences[number].append((killed, time.monotonic()))

    def end(self) -> tuple[dict[str, int], list[str]]:
        """Let them finish; how often each thing succeeded, and what failed without an excuse."""
        for process in self._alive.values():
            process.type("")
        for process in self._alive.values():
            process.wait_for('"what": "rest"', 90.0)
            process.wait(30.0)
        succeeded: dict[str, int] = {}
        failed: list[str] = []
        for number, process in self._all:
            for line in process.output.splitlines():
                done = _result(line)
                if done is None:
                    # Beside the results stand complaints, and what a phone had half written when it was killed.
                    continue
                if not done["failed"]:
                    succeeded[done["what"]] = succeeded.get(done["what"], 0) + 1
                elif not self._is_excused(number, done):
                    failed.append(f"{process.name}: {line}")
        return succeeded, failed

    def _is_excused(self, number: int, done: dict[str, Any]) -> bool:
        peer = (number + 1) % len(TRANSPORTS)
        absences = self._absences[number] + self._absences[peer]
        return any(begun <= done["ended"] and done["began"] <= ended for begun, ended in absences)

    def _start(self, number: int) -> None:
        transport = TRANSPORTS[number]
        port = 5061 if transport == "tls" else 5060
        command = [sys.executable, "-m", "tests.soak.restless", f"sip:p{number}@{DOMAIN}"]
        command += [f"sip:p{(number + 1) % len(TRANSPORTS)}@{DOMAIN}", f"sip:{HOST}:{port};transport={transport};lr"]
        self._starts += 1
        process = Process(
            self._folder,
            f"phone{number}-{self._starts}",
            [*command, transport, str(self._authorities)],
            environment={"OFFHOOK_PASSWORD": PASSWORD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._alive[number] = self._running.enter_context(process)
        self._all.append((number, process))

    def _await(self, number: int) -> None:
        self._alive[number].wait_for('"what": "registered"')


def _result(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "what" in found else None


def add_accounts(folder: Path) -> None:
    async def add() -> None:
        data = folder / "data"
        data.mkdir(mode=0o700)
        database = await Database.open(data / "offhook.db", [ACCOUNTS_SCHEMA])
        accounts = SqliteAccounts(database)
        users = [*ACCOUNTS, *(f"p{number}" for number in range(len(TRANSPORTS)))]
        await asyncio.gather(*(accounts.add(Account.create(user, DOMAIN, PASSWORD)) for user in users))
        await database.close()

    asyncio.run(add())


def serve(folder: Path, authority: Authority) -> OffhookServer:
    chain, key = authority.issue(folder, HOST, DOMAIN)
    add_accounts(folder)
    configuration = f"""
        {listening("udp", HOST)}
        {listening("tcp", HOST)}
        {listening("tls", HOST)}
        [tls]
        certificate = "{chain}"
        key = "{key}"
        [throttle]
        exempt = ["127.0.0.0/8"]
        [[domain]]
        name = "{DOMAIN}"
        aliases = ["{HOST}"]
        trusted = ["127.0.0.2/32"]
    """
    return OffhookServer(folder, configuration)


def in_use(server: Process) -> dict[str, int]:
    """What the server says that it holds."""
    before = server.output.count("in use")
    os.kill(server.pid, signal.SIGUSR1)
    until("answer to SIGUSR1", lambda: server.output.count("in use") > before and server.output.endswith("\n"))
    line = next(line for line in reversed(server.output.splitlines()) if "in use" in line)
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


class Watch:
    """The server's share of a core and its memory over time."""

    def __init__(self, server: Process) -> None:
        self._server = server
        self.begun = time.monotonic()
        self._spent = (self.begun, sum(cpu_seconds(server.pid)))
        self.resident: list[tuple[float, int]] = []

    def share(self) -> float:
        """Of one core, since this was asked before."""
        then, spent = self._spent
        self._spent = (time.monotonic(), sum(cpu_seconds(self._server.pid)))
        return (self._spent[1] - spent) / max(self._spent[0] - then, 1e-3)

    def note(self) -> None:
        """Note how much memory it has."""
        self.resident.append((time.monotonic() - self.begun, self._server.resident))

    def resident_at(self, seconds: float) -> int:
        """KiB, at the moment noted that is nearest."""
        return min(self.resident, key=lambda noted: abs(noted[0] - seconds))[1]


class Steering(threading.Thread):
    """Offers the crowd's rate each second, and little of it while the server is kept from its work by others.

    There would be ever more of what comes again.
    """

    def __init__(self, crowd: Crowd, rate: float, probe: Probe) -> None:
        super().__init__(daemon=True)
        self._crowd = crowd
        self._rate = rate
        self._probe = probe
        self._ended = threading.Event()
        self.held_back = 0
        """Seconds in which less was offered."""

    def run(self) -> None:
        while not self._ended.wait(1.0):
            is_kept = self._probe.lately() > MOST_DELAY
            self.held_back += is_kept
            self._crowd.offer(self._rate / 10 if is_kept else self._rate)

    def end(self) -> None:
        """Offer nothing any more."""
        self._ended.set()
        self.join()


def find_rate(crowd: Crowd, watch: Watch, probe: Probe) -> float:
    """Raise the rate until the server takes its share of a core: the median of what fits, for a machine has moods."""
    rate = 50.0
    tried: list[float] = []
    end = time.monotonic() + FINDING
    while time.monotonic() < end:
        crowd.offer(rate)
        time.sleep(1.0)
        watch.share()
        time.sleep(3.0)
        fitting = rate * SHARE / watch.share()
        rate = rate / 2 if probe.lately() > MOST_DELAY else min(fitting, 2 * rate, MOST_RATE)
        tried.append(rate)
    return median(tried[len(tried) // 2 :])


def test_half_an_hour_at_sixty_percent(tmp_path: Path) -> None:
    authority = Authority("endurance")
    with ExitStack() as running:
        server = running.enter_context(serve(tmp_path, authority)).process
        idle = in_use(server)
        phones = Phones(tmp_path, authority.write(tmp_path / "authorities.pem"), running)
        crowd = Crowd(tmp_path, HOST, running)
        crowd.begin()
        probe = Probe((HOST, 5060))
        watch = Watch(server)
        probe.start()
        rate = find_rate(crowd, watch, probe)
        steering = Steering(crowd, rate, probe)
        steering.start()
        running.callback(steering.end)
        watch.share()
        while (passed := time.monotonic() - watch.begun) < SECONDS:
            phones.kill_one()
            watch.note()
            time.sleep(max(0.0, min(KILLED_EVERY, SECONDS - passed)))
        share = watch.share()
        steering.end()
        most = in_use(server)
        delays = sorted(probe.stop())
        counted = crowd.end()
        done, failed = phones.end()
        end = time.monotonic() + AT_REST
        while not at_rest(left := in_use(server), idle) and time.monotonic() < end:
            time.sleep(2.0)
        complaints = [line for line in server.output.splitlines() if "Traceback" in line or "[error" in line]
    thirds = [watch.resident_at(SECONDS * part / 3) for part in (1, 2, 3)]
    growth = thirds[2] - thirds[0]
    total = sum(map(sum, counted.values()))
    print(  # noqa: T201
        f"{SECONDS:.0f} s: {total} by SIPp at {rate:.0f}/s ({', '.join(f'{n} {k}' for k, (n, _) in counted.items())}), "
        f"{sum(done.values())} by phones, {phones.kills} phones killed; "
        f"held back for {steering.held_back} s; server at {share:.0%} of a core, "
        f"{'/'.join(f'{kib / 1024:.1f}' for kib in thirds)} MB after each third, {growth} KiB more, "
        f"{most['server_transactions'] + most['client_transactions']} transactions, then "
        f"{left['server_transactions'] + left['client_transactions']}; INVITE p50 "
        f"{1000 * delays[len(delays) // 2]:.1f} ms, p99 {1000 * delays[len(delays) * 99 // 100]:.1f} ms"
    )
    assert not failed, "\n".join(failed[:10])
    assert {kind: number for kind, (_, number) in counted.items() if number} == {}
    assert all(number for number, _ in counted.values()), counted
    assert done["call"], done
    assert at_rest(left, idle), left
    assert not complaints, complaints[:10]
    if SECONDS >= WHOLE:
        assert growth < MOST_GROWTH_KIB, watch.resident
        # A server that is kept from its work, or has little of it, proves little.
        assert share > 0.8 * SHARE
        assert steering.held_back < SECONDS / 20


def at_rest(left: dict[str, int], idle: dict[str, int]) -> bool:
    """Whether nothing is held that was not before: the phones' bindings, which are theirs, aside."""
    names = ("server_transactions", "client_transactions", "unanswered", "timers", "connections", "lookups")
    return all(left[name] == idle[name] for name in names)
