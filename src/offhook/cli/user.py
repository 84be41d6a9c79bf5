"""`offhook user`: the accounts of a server. It may be running meanwhile, and knows of changes within a second."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer

from offhook.accounts.base import Account, account_aor
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.cli.identity import PASSWORD, account_uri
from offhook.cli.options import ConfigOption
from offhook.cli.say import note, say
from offhook.errors import ConfigError
from offhook.location.sqlite import LOCATION_SCHEMA
from offhook.server.assembly import domains_of, realm_of
from offhook.server.config import DATABASE, DomainConfig, ServerConfig, default_data_folder, load
from offhook.server.demonstration import forget
from offhook.server.private_file import make_folder
from offhook.sip.host import host_key
from offhook.storage.sqlite import Database

__all__ = ["add", "list_users", "passwd", "remove", "user"]

user = typer.Typer(help="Add, list and remove the accounts of a server.", no_args_is_help=True)

UserArgument = Annotated[str, typer.Argument(metavar="USER@DOMAIN", help="Such as alice@example.com.")]
UsernameOption = Annotated[str, typer.Option(metavar="NAME", help="What the user logs in as, if not the user.")]


@user.command("add")
def add(address: UserArgument, *, username: UsernameOption = "", config: ConfigOption = None) -> None:
    """Make an account. The password comes from OFFHOOK_PASSWORD, the terminal, or the first line of the input."""
    place = _Place(config)
    name, domain = place.user_of(address)
    account = Account.create(name, domain.name, _password(), username=username or None, realm=realm_of(domain))
    asyncio.run(place.add(account))
    say(f"{account.aor} added")


@user.command("passwd")
def passwd(address: UserArgument, *, config: ConfigOption = None) -> None:
    """Give an account another password."""
    place = _Place(config)
    aor = place.aor_of(address)
    asyncio.run(place.set_password(aor, _password()))
    say(f"{aor} has another password")


@user.command("list")
def list_users(
    domain: Annotated[str | None, typer.Argument(metavar="DOMAIN", help="Only the accounts of this domain.")] = None,
    *,
    config: ConfigOption = None,
) -> None:
    """Show all accounts."""
    place = _Place(config)
    accounts = asyncio.run(place.accounts(None if domain is None else place.domain_named(domain).name))
    for account in accounts:
        state = "" if account.enabled else "  (disabled)"
        say(f"{account.aor}  logs in as {account.username!r} in realm {account.realm!r}{state}")
    if not accounts:
        note("no accounts; `offhook user add USER@DOMAIN` makes one")


@user.command("remove")
def remove(address: UserArgument, *, config: ConfigOption = None) -> None:
    """Forget an account. Its phones stay reachable until their registrations expire."""
    place = _Place(config)
    aor = place.aor_of(address)
    asyncio.run(place.remove(aor))
    say(f"{aor} removed")


class _Place:
    """Where the accounts of a server are, and which domains it serves."""

    def __init__(self, config: Path | None) -> None:
        settings = ServerConfig() if config is None else load(config)
        self._domains = domains_of(settings)
        self._data = Path(settings.data) if settings.data else default_data_folder()
        self._name = "a server without a configuration" if config is None else str(config)

    def user_of(self, address: str) -> tuple[str, DomainConfig]:
        """The user in an address, and its domain. Raises ConfigError for a domain that is not served."""
        uri = account_uri(address)
        return uri.user_unescaped or "", self.domain_named(uri.host)

    def domain_named(self, host: str) -> DomainConfig:
        """The domain that has this name or alias. Raises ConfigError for one that is not served."""
        for domain in self._domains:
            if host_key(host) in [host_key(name) for name in (domain.name, *domain.aliases)]:
                return domain
        served = ", ".join(domain.name for domain in self._domains)
        raise ConfigError(f"{self._name} serves no domain {host}; it serves {served} (-c names a configuration)")

    def aor_of(self, address: str) -> str:
        name, domain = self.user_of(address)
        return account_aor(name, domain.name)

    async def add(self, account: Account) -> None:
        async with self._accounts() as accounts:
            await accounts.add(account)

    async def set_password(self, aor: str, password: str) -> None:
        async with self._accounts() as accounts:
            await accounts.set_password(aor, password)
        forget(self._data, aor)

    async def accounts(self, domain: str | None) -> list[Account]:
        async with self._accounts() as accounts:
            return await accounts.accounts(domain)

    async def remove(self, aor: str) -> None:
        async with self._accounts() as accounts:
            await accounts.remove(aor)
        forget(self._data, aor)

    @asynccontextmanager
    async def _accounts(self) -> AsyncIterator[SqliteAccounts]:
        make_folder(self._data)
        database = await Database.open(self._data / DATABASE, [ACCOUNTS_SCHEMA, LOCATION_SCHEMA])
        try:
            yield SqliteAccounts(database)
        finally:
            await database.close()


def _password() -> str:
    given = os.environ.get(PASSWORD)
    if given:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise ConfigError(f"no password: set {PASSWORD}, or write it to the standard input")
    return line
