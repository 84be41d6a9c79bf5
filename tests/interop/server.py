"""`offhook serve` as the real phones see it: another process, with a configuration and accounts of the test's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from offhook.accounts.base import Account
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.storage.sqlite import Database
from tests.interop.namespaces import DOMAIN, SERVER, SERVER6, Network
from tests.interop.process import Process
from tests.transport.certificates import Authority

__all__ = ["OFFHOOK", "PASSWORDS", "HubServer", "OffhookServer", "add_accounts", "listening"]

OFFHOOK: Final = str(Path(sys.executable).with_name("offhook"))
"""The command that is tested."""

PASSWORDS: Final = {"alice": "wonderland", "bob": "scaffolding"}


def listening(transport: str, address: str) -> str:
    """The part of a configuration that opens one listener, at the well-known port."""
    return f'[[listen]]\ntransport = "{transport}"\naddress = "{address}"\n'


class OffhookServer:
    """A server process with its own folder; `within` stands before its command, to run it in a namespace."""

    def __init__(self, folder: Path, configuration: str, within: Sequence[str] = ()) -> None:
        self.folder = folder
        self._file = folder / "offhook.toml"
        self._file.write_text(f'data = "{folder}/data"\n{configuration}', "utf-8")
        self._within = within
        self._starts = count(1)
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stop()

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        command = [*self._within, OFFHOOK, "serve", "-c", str(self._file)]
        self.process = Process(self.folder, f"server-{next(self._starts)}", command)
        try:
            self.process.wait_for("^ready")
        except BaseException:
            self.process.stop()
            raise

    def kill(self) -> None:
        """End it as a power failure does."""
        self.process.kill()
        self.process.stop()


class HubServer(OffhookServer):
    """A server in the hub, for example.com, over UDP, TCP and TLS and both families."""

    def __init__(self, folder: Path, network: Network, authority: Authority, algorithms: Sequence[str]) -> None:
        self.authorities = authority.write(folder / "authorities.pem")
        chain, key = authority.issue(folder, DOMAIN, SERVER, SERVER6)
        add_accounts(folder, DOMAIN)
        listeners = "".join(
            listening(transport, address) for transport in ("udp", "tcp", "tls") for address in (SERVER, SERVER6)
        )
        names = ", ".join(f'"{name}"' for name in algorithms)
        configuration = f"""
            {listeners}
            [tls]
            certificate = "{chain}"
            key = "{key}"
            [[domain]]
            name = "{DOMAIN}"
            algorithms = [{names}]
        """
        super().__init__(folder, configuration, network.hub.command())


def add_accounts(folder: Path, domain: str) -> None:
    """Give Alice and Bob accounts in `domain`, with a secret for each algorithm."""

    async def add() -> None:
        data = folder / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        database = await Database.open(data / "offhook.db", [ACCOUNTS_SCHEMA])
        try:
            accounts = SqliteAccounts(database)
            for user, password in PASSWORDS.items():
                await accounts.add(Account.create(user, domain, password))
        finally:
            await database.close()

    asyncio.run(add())
