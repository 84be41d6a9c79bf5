"""No log and no trace has a password, an HA1 or a digest response: a server and phones that tell all they can."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offhook.accounts.base import Account
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.clock import Moment
from offhook.errors import SipError
from offhook.flow import Flow
from offhook.security.digest import available_algorithms
from offhook.storage.sqlite import Database
from offhook.trace.transcript import Transcript
from offhook.ua.agent import UserAgent
from tests.interop.process import Process, until

DOMAIN = "example.test"
PASSWORDS = {"alice": "correct-horse", "bob": "battery-staple"}
WRONG = "tr0ub4dor-and-3"
MARK = "6629fae49393a05397450978507c4ef1"
"""Stands for a digest response that somebody writes in his own way."""

PARTS = 'username="alice", realm="example.test", nonce="n", uri="sip:example.test"'
WRITINGS = [
    f'Authorization: Digest {PARTS}, response="{MARK}"',
    f"Authorization: Digest {PARTS}, response={MARK}",
    f'authorization:Digest response="{MARK}",{PARTS}',
    f"Proxy-Authorization: Digest {PARTS}, RESPONSE = '{MARK}'",
    f'Authorization: Digest {PARTS},\r\n response="{MARK}"',
    f'Authorization: Digest {PARTS}, response\r\n =\r\n "{MARK}"',
    f'Authorization: Digest {PARTS}, response="{MARK}',
    f'Authorization: Digest {PARTS}, response="\\{MARK}"',
    f'Authorization: Digest {PARTS}, nc=1, qop=auth, response="{MARK}"',
    f'Authorization: Digest username="a\\", realm="x", response="{MARK}"',
    f"Authorization: Basic {MARK}",
    f"Authorization: Bearer {MARK}",
    f"Authorization: Basic\r\n {MARK}",
    f'Authentication-Info: rspauth="{MARK}"',
    f"Contact: <sip:alice:{MARK}@192.0.2.1>",
    f"Contact: <sip:alice@192.0.2.1>;password={MARK}",
    f'X-Login: ha1="{MARK}"',
]


class Clients:
    """What phones logged and traced, and the digest responses that they sent."""

    def __init__(self) -> None:
        self.shown = io.StringIO()
        self.responses: set[str] = set()
        self._transcript = Transcript(self.shown)

    def tap(self, direction: str, data: bytes, flow: Flow, now: Moment) -> None:
        self.responses.update(re.findall(r'response="([0-9a-f]+)"', data.decode("utf-8", "replace")))
        self._transcript(direction, data, flow, now)

    def phone(self, user: str, port: int, password: str, register: bool = True) -> UserAgent:
        proxy = f"sip:127.0.0.1:{port}"
        uri = f"sip:{user}@{DOMAIN}"
        return UserAgent(
            uri,
            password,
            outbound_proxy=proxy,
            local="127.0.0.1",
            transport="udp",
            register=register,
            tap=self.tap,
        )


@pytest.fixture
def clients() -> Iterator[Clients]:
    clients = Clients()
    handler = logging.StreamHandler(clients.shown)
    library = logging.getLogger("offhook")
    level = library.level
    library.addHandler(handler)
    library.setLevel(logging.DEBUG)
    yield clients
    library.removeHandler(handler)
    library.setLevel(level)


async def add_accounts(folder: Path) -> list[str]:
    """Accounts with a secret for each algorithm; the secrets."""
    database = await Database.open(folder / "offhook.db", [ACCOUNTS_SCHEMA])
    accounts = [Account.create(user, DOMAIN, password) for user, password in PASSWORDS.items()]
    try:
        for account in accounts:
            await SqliteAccounts(database).add(account)
    finally:
        await database.close()
    return [ha1 for account in accounts for ha1 in account.ha1.values()]


async def use(clients: Clients, port: int) -> None:
    """What phones do: register, call, write, with the right password and with a wrong one."""
    alices, bobs = (clients.phone(user, port, PASSWORDS[user]) for user in ("alice", "bob"))
    async with alices as alice, bobs as bob:
        ringing = asyncio.ensure_future(anext(bob.incoming()))
        calling = asyncio.ensure_future(alice.invite(f"sip:bob@{DOMAIN}"))
        await (await ringing).answer()
        call = await calling
        await call.hold()
        await call.hang_up()
        await alice.unregister()
    async with clients.phone("alice", port, WRONG, register=False) as stranger:
        with pytest.raises(SipError):
            await stranger.register()
        with pytest.raises(SipError):
            await stranger.message(f"sip:bob@{DOMAIN}", "hello")


def write_in_many_ways(port: int) -> None:
    """Requests with secrets in places and writings that no phone of ours has; broken ones too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(20.0)
        for number, writing in enumerate(WRITINGS):
            for method, via in (("REGISTER", True), ("MESSAGE", True), ("INVITE", False)):
                lines = [
                    f"{method} sip:{DOMAIN} SIP/2.0",
                    f"From: <sip:alice@{DOMAIN}>;tag=1",
                    f"To: <sip:alice:{MARK}@{DOMAIN}>",
                    f"Call-ID: c{number}",
                    f"CSeq: 1 {method}",
                    "Max-Forwards: 70",
                    writing,
                    "Content-Length: 0",
                ]
                if via:
                    lines.insert(1, f"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{method}{number};rport")
                peer.sendto("\r\n".join([*lines, "", ""]).encode(), ("127.0.0.1", port))
                if via:
                    peer.recv(65536)


@pytest.mark.parametrize(("form", "algorithms"), [("json", available_algorithms()), ("console", ("MD5",))])
async def test_nothing_that_is_written_has_a_secret(
    tmp_path: Path, clients: Clients, form: str, algorithms: tuple[str, ...]
) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    secrets = await add_accounts(tmp_path / "data")
    names = ", ".join(f'"{name}"' for name in algorithms)
    (tmp_path / "offhook.toml").write_text(
        f'data = "data"\n[[listen]]\ntransport = "udp"\naddress = "127.0.0.1"\nport = 0\n'
        f'[[domain]]\nname = "{DOMAIN}"\nalgorithms = [{names}]\n[log]\nlevel = "debug"\nformat = "{form}"\n'
    )
    command = [sys.executable, "-m", "offhook", "serve", "--trace", "-c", "offhook.toml"]
    with Process(tmp_path, "server", command) as server:
        port = int(server.wait_for(r"^ready: UDP 127\.0\.0\.1:(\d+)")[1])
        await use(clients, port)
        await asyncio.to_thread(write_in_many_ways, port)
        until("lines", lambda: "security: refused" in server.output)
    written = server.output + clients.shown.getvalue()
    assert len(clients.responses) > 5
    # What makes it a test: the messages are there, without their secrets.
    assert server.output.count("response=***") > 5
    assert server.output.count("security: ") > 3
    for secret in (*secrets, *clients.responses, *PASSWORDS.values(), WRONG, MARK):
        found = [line for line in written.splitlines() if secret in line]
        assert not found, found[:3]
