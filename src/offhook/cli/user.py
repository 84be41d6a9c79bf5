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

from offhook.accounts.base import Account
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.cli.identity import PASSWORD
from offhook.cli.serve import ConfigOption, server_config
from offhook.errors import ConfigError, ParseError
from offhook.location.sqlite import LOCATION_SCHEMA
from offhook.server.app import DATABASE
from offhook.server.config import ServerConfig, default_data_folder
from offhook.server.demonstration import DEMONSTRATION_DOMAIN
from offhook.server.private_file import make_folder
from offhook.sip.uri import SipUri, parse_uri
from offhook.storage.sqlite import Database

__all__ = ["add", "list_users", "passwd", "remove", "user"]

user = typer.Typer(help="Accounts: add, passwd, list, remove.", no_args_is_help=True)

UserArgument = Annotated[str, typer.Argument(metavar="USER@DOMAIN", help="Such as alice@example.com.")]
UsernameOption = Annotated[str, typer.Option(help="What the user logs in as, where that is not the user.")]


@user.command("add")
def add(address: UserArgument, *, username: UsernameOption = "", config: ConfigOption = None) -> None:
    """Make an account; its password comes from OFFHOOK_PASSWORD, a terminal, or the first line of the input."""
    settings = server_config(config)
    uri = _address(address)
    host = uri.bare_host.lower()
    account = Account.create(
        uri.user_unescaped or "",
        uri.host,
        _password(confirm=True),
        username=username or None,
        realm=_realm(settings, host),
    )
    asyncio.run(_add(settings, account))
    print(f"{account.aor} added")


async def _add(settings: ServerConfig, account: Account) -> None:
    async with _accounts(settings) as accounts:
        await accounts.add(account)


@user.command("passwd")
def passwd(address: UserArgument, *, config: ConfigOption = None) -> None:
    """Give an account another password."""
    settings = server_config(config)
    aor = _address(address).aor()
    asyncio.run(_passwd(settings, aor, _password(confirm=True)))
    print(f"{aor} has another password")


async def _passwd(settings: ServerConfig, aor: str, password: str) -> None:
    async with _accounts(settings) as accounts:
        await accounts.set_password(aor, password)


@user.command("list")
def list_users(
    domain: Annotated[str | None, typer.Argument(help="Only the accounts of this domain.")] = None,
    *,
    config: ConfigOption = None,
) -> None:
    """Show all accounts."""
    for account in asyncio.run(_list(server_config(config), domain)):
        state = "" if account.enabled else "  (disabled)"
        print(f"{account.aor}  logs in as {account.username!r} in realm {account.realm!r}{state}")


async def _list(settings: ServerConfig, domain: str | None) -> list[Account]:
    async with _accounts(settings) as accounts:
        return await accounts.accounts(domain)


@user.command("remove")
def remove(address: UserArgument, *, config: ConfigOption = None) -> None:
    """Forget an account. Its bindings end when they expire."""
    settings = server_config(config)
    aor = _address(address).aor()
    asyncio.run(_remove(settings, aor))
    print(f"{aor} removed")


async def _remove(settings: ServerConfig, aor: str) -> None:
    async with _accounts(settings) as accounts:
        await accounts.remove(aor)


@asynccontextmanager
async def _accounts(settings: ServerConfig) -> AsyncIterator[SqliteAccounts]:
    folder = Path(settings.data) if settings.data else default_data_folder()
    make_folder(folder)
    database = await Database.open(folder / DATABASE, [ACCOUNTS_SCHEMA, LOCATION_SCHEMA])
    try:
        yield SqliteAccounts(database)
    finally:
        await database.close()


def _address(text: str) -> SipUri:
    try:
        uri = parse_uri(text if text.lower().startswith(("sip:", "sips:")) else f"sip:{text}")
    except ParseError as error:
        raise ConfigError(f"{text!r} is not an address; write for example alice@example.com") from error
    if not isinstance(uri, SipUri) or uri.user is None:
        raise ConfigError(f"{text!r} has no user; write for example alice@example.com")
    return uri.without_params().without_headers()


def _realm(settings: ServerConfig, host: str) -> str | None:
    """The realm in which the server asks users of a domain for their passwords."""
    for domain in settings.domain:
        if host in [name.lower() for name in (domain.name, *domain.aliases)]:
            return domain.realm or domain.name
    if settings.domain or host != DEMONSTRATION_DOMAIN:
        print(f"note: the configuration serves no domain {host}", file=sys.stderr)
    return None


def _password(*, confirm: bool) -> str:
    given = os.environ.get(PASSWORD)
    if given:
        return given
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=confirm))
    line = sys.stdin.readline().rstrip("\r\n")
    if not line:
        raise ConfigError(f"no password: set {PASSWORD}, or write it to the standard input")
    return line
