"""A server that is killed, again and again, while phones register, and what of it has to be there afterwards."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final, Protocol

from offhook import clock
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.location.sqlite import LOCATION_SCHEMA, SqliteLocation
from offhook.server.config import DATABASE
from offhook.storage.sqlite import Database

__all__ = ["DOMAIN", "Site", "Victim", "died", "kept", "kept_accounts"]

DOMAIN: Final = "example.test"
USERS: Final = 12
AT_ONCE: Final = 5
PATIENCE: Final = 60.0
HOSTS: Final = ("192.0.2.1", "192.0.2.2")
"""Each REGISTER binds two contacts: a change of two rows, of which one alone must never be found."""

State = int | None
"""The number of the REGISTER that bound a user's contacts; None without any."""

_CONTACT: Final = re.compile(r"Contact: <sip:\w+@([0-9.]+)>;n=(\d+)")


class Victim(Protocol):
    """A server that runs; `subprocess.Popen` is one."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class User:
    """What a user was told, and what he asked for without an answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: State = None
        self.asked: list[State] = []

    def answered(self) -> None:
        [self.told] = self.asked
        self.asked.clear()

    def compare(self, found: State) -> None:
        """What is there must be what was told, or what was asked for last."""
        assert found in (self.told, *self.asked), (self.name, found, self.told, self.asked)
        self.told = found
        self.asked.clear()


class Site:
    """A folder with a server's data, and the users that register there."""

    def __init__(self, folder: Path, port: int, seed: int) -> None:
        self.folder = folder
        self.port = port
        self.choice = Random(seed)
        self.users = [User(f"user{number}") for number in range(USERS)]
        self.log = folder / "server.log"
        self.data = folder / "data"
        self.config = folder / "offhook.toml"
        self.config.write_text(
            f'data = "{self.data}"\n[[listen]]\ntransport = "udp"\naddress = "127.0.0.1"\nport = {port}\n'
            f'[[domain]]\nname = "{DOMAIN}"\ntrusted = ["127.0.0.0/8"]\n'
        )
        self.answers = 0
        self._number = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def close(self) -> None:
        self._socket.close()

    def connect(self) -> None:
        """From another port than before: what the last server has answered is of no interest."""
        self._socket.close()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", self.port))
        self._socket.settimeout(0.05)

    def await_ready(self, server: Victim) -> None:
        """When this returns a server is ready, or dead."""
        end = time.monotonic() + PATIENCE
        while server.poll() is None and b"ready" not in self.log.read_bytes():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.01)

    def compare(self, server: Victim) -> bool:
        """Ask for the bindings of all users; whether the server lived to tell them all."""
        for user in self.users:
            self._send(user, ())
            answer = self._receive(server)
            if answer is None:
                return False
            user.compare(state_of(_CONTACT.findall(answer)))
        return True

    def register(self, server: Victim, seconds: float) -> None:
        """Let users register, several at a time, until the server is dead or the time is over."""
        waiting: dict[str, User] = {}
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            idle = [user for user in self.users if user.name not in waiting]
            for user in self.choice.sample(idle, AT_ONCE - len(waiting)):
                self._ask(user)
                waiting[user.name] = user
            if not self._settle(server, waiting):
                return
        while waiting and self._settle(server, waiting):
            """The last answers."""

    def _settle(self, server: Victim, waiting: dict[str, User]) -> bool:
        answer = self._receive(server)
        if answer is None:
            return False
        name = answer.partition("Call-ID: ")[2].partition("@")[0]
        assert answer.startswith("SIP/2.0 200 "), answer
        waiting.pop(name).answered()
        self.answers += 1
        return True

    def _ask(self, user: User) -> None:
        gone = self.choice.random() < 0.15
        number = self._number + 1
        lines = ("Contact: *", "Expires: 0")
        if not gone:
            lines = (", ".join([f"<sip:{user.name}@{host}>;n={number}" for host in HOSTS]), "Expires: 3600")
            lines = (f"Contact: {lines[0]}", lines[1])
        user.asked.append(None if gone else number)
        self._send(user, lines)

    def _send(self, user: User, lines: Iterable[str]) -> None:
        self._number += 1
        uri = f"sip:{user.name}@{DOMAIN}"
        head = (
            f"REGISTER sip:{DOMAIN} SIP/2.0",
            f"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK-kill-{self._number}",
            "Max-Forwards: 70",
            f"From: <{uri}>;tag={self._number}",
            f"To: <{uri}>",
            f"Call-ID: {user.name}@kills",
            f"CSeq: {self._number} REGISTER",
            *lines,
            "Content-Length: 0",
        )
        with suppress(ConnectionRefusedError):
            self._socket.send(("\r\n".join(head) + "\r\n\r\n").encode())

    def _receive(self, server: Victim) -> str | None:
        """The next answer; None when the server is dead and has left none."""
        end = time.monotonic() + PATIENCE
        while True:
            dead = server.poll() is not None
            try:
                return self._socket.recv(65536).decode()
            except ConnectionRefusedError:
                continue
            except TimeoutError:
                if dead:
                    return None
            assert time.monotonic() < end, self.log.read_text()

    def compare_files(self) -> None:
        """Open a copy of what the dead server left, and compare."""
        found = asyncio.run(kept(self.data, [user.name for user in self.users]))
        for user in self.users:
            user.compare(found[user.name])


def state_of(contacts: Sequence[tuple[str, str]]) -> State:
    """What the contacts of a user, as host and number, tell; never half of what was asked for."""
    if not contacts:
        return None
    assert sorted(host for host, _ in contacts) == list(HOSTS), contacts
    [number] = {number for _, number in contacts}
    return int(number)


def died(server: Victim) -> bool:
    """Whether it was killed, rather than ended by itself."""
    code = server.wait(PATIENCE)
    assert code in (0, -signal.SIGKILL), code
    return code != 0


async def kept(data: Path, users: Sequence[str]) -> dict[str, State]:
    """The bindings in a copy of a data folder, read as a server reads them at its start."""
    async with await _copied(data) as database:
        service = await SqliteLocation.open(database, now := clock.now())
        found: dict[str, State] = {}
        for user in users:
            bindings = service.lookup_now(f"sip:{user}@{DOMAIN}", now)
            contacts = [(one.contact.partition("@")[2], one.params.removeprefix(";n=")) for one in bindings]
            found[user] = state_of(contacts)
        return found


async def kept_accounts(data: Path) -> set[str]:
    """The accounts in a copy of a data folder."""
    async with await _copied(data) as database:
        return {account.user for account in await SqliteAccounts(database).accounts()}


async def _copied(data: Path) -> Database:
    copy = data.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data, copy)
    database = await Database.open(copy / DATABASE, [ACCOUNTS_SCHEMA, LOCATION_SCHEMA])
    await database.check()
    return database
