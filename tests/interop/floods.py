"""Calls of registered users while strangers flood their server: how long they took, and what the server grew by."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from offhook.accounts.base import Account
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.errors import SipError
from offhook.storage.sqlite import Database
from offhook.ua.agent import UserAgent
from tests.interop.flooding import VICTIM, VICTIMS_PASSWORD
from tests.interop.process import Process

__all__ = ["FLOODS", "Flood", "Outcome", "Site", "prepare"]

PAIRS: Final = 3
PASSWORD: Final = "of-every-phone"


class Flood(NamedTuple):
    """How many requests of a kind in a second, from how many addresses."""

    kind: str
    rate: int
    sources: int


FLOODS: Final = [
    Flood("challenged", 4000, 1),
    Flood("challenged", 1000, 500),
    Flood("guessing", 500, 500),
    Flood("calling", 300, 500),
    Flood("searching", 300, 500),
]


class Outcome(NamedTuple):
    """Seconds until calls were answered, the calls that failed, KiB of the server's memory, what the flood did.

    `answered` are the flood's requests that got an answer.
    """

    times: list[float]
    failed: list[str]
    resident: int
    flood: str
    answered: int

    def quantile(self, part: float) -> float:
        """In milliseconds."""
        times = sorted(self.times) or [math.inf]
        return 1000 * times[max(0, math.ceil(part * len(times)) - 1)]

    def __str__(self) -> str:
        return (
            f"{len(self.times)} calls answered, {len(self.failed)} failed, p50 {self.quantile(0.5):.0f} ms, "
            f"p99 {self.quantile(0.99):.0f} ms, server {self.resident / 1024:.0f} MB; {self.flood}"
        )


class Site:
    """A server as it is shipped, at UDP and TCP of a loopback address, and pairs of phones that call each other."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder = folder
        self.host = host
        self._exits = AsyncExitStack()
        # Each flood comes from addresses that no flood before it has had banned.
        self._networks = count(200)

    async def start(self) -> None:
        """Make accounts, start the server, register the phones."""
        await self._add_accounts()
        command = [sys.executable, "-m", "offhook", "serve", "-c", "offhook.toml"]
        self.server = self._exits.enter_context(Process(self.folder, "server", command))
        ready = await asyncio.to_thread(self.server.wait_for, rf"^ready: UDP {self.host}:(\d+)")
        self.port = int(ready[1])
        self.pairs = [(await self._phone(f"a{number}"), await self._phone(f"b{number}")) for number in range(PAIRS)]
        for _, callee in self.pairs:
            self._exits.callback(asyncio.ensure_future(_answer_all(callee)).cancel)

    async def close(self) -> None:
        """End all of it."""
        await self._exits.aclose()

    async def calls_during(self, flood: Flood | None, seconds: float) -> Outcome:
        """Let the pairs call each other all the time while a flood lasts; without one it is quiet."""
        times: list[float] = []
        failed: list[str] = []
        flooding = None
        if flood is not None:
            numbers = [str(number) for number in (flood.rate, seconds, flood.sources, next(self._networks))]
            where = [self.host, str(self.port)]
            command = [sys.executable, "-m", "tests.interop.flooding", *where, flood.kind, *numbers]
            flooding = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[2]
            )
            await asyncio.sleep(1.0)
        end = time.monotonic() + seconds - 1.0
        callers = [(caller, f"sip:b{number}@{self.host}") for number, (caller, _) in enumerate(self.pairs)]
        await asyncio.gather(*(_call_until(end, *pair, times, failed) for pair in callers))
        said, answered = "no flood", 0
        if flood is not None and flooding is not None:
            printed, _ = await asyncio.wait_for(flooding.communicate(), seconds + 30.0)
            counted = json.loads(printed)
            answered = sum(counted["answers"].values())
            said = f"{flood.kind} from {flood.sources}: {counted['sent']} sent, {counted['answers']}"
        return Outcome(times, failed, self.server.resident, said, answered)

    async def _add_accounts(self) -> None:
        database = await Database.open(self.folder / "data" / "offhook.db", [ACCOUNTS_SCHEMA])
        try:
            accounts = SqliteAccounts(database)
            await accounts.add(Account.create(VICTIM, self.host, VICTIMS_PASSWORD))
            for number in range(PAIRS):
                for side in "ab":
                    await accounts.add(Account.create(f"{side}{number}", self.host, PASSWORD))
        finally:
            await database.close()

    async def _phone(self, user: str) -> UserAgent:
        uri = f"sip:{user}@{self.host}"
        proxy = f"sip:{self.host}:{self.port}"
        phone = UserAgent(uri, PASSWORD, outbound_proxy=proxy, local="127.0.0.1", transport="udp", most_calls=1000)
        return await self._exits.enter_async_context(phone)


def prepare(folder: Path, host: str) -> Site:
    """Write the configuration of a site."""
    (folder / "data").mkdir(mode=0o700)
    (folder / "offhook.toml").write_text(
        f'data = "data"\n[[listen]]\ntransport = "udp"\naddress = "{host}"\nport = 0\n[[domain]]\nname = "{host}"\n'
    )
    return Site(folder, host)


async def _answer_all(callee: UserAgent) -> None:
    async for call in callee.incoming():
        await call.answer()


async def _call_until(end: float, caller: UserAgent, callee: str, times: list[float], failed: list[str]) -> None:
    while time.monotonic() < end:
        begun = time.monotonic()
        try:
            call = await caller.invite(callee)
            times.append(time.monotonic() - begun)
            await call.hang_up()
        except SipError as error:
            failed.append(str(error))
        await asyncio.sleep(0.05)
