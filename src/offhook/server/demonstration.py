"""The two accounts that a server without a configuration has, for trying things out."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

import msgspec

from offhook.accounts.base import Account, AccountExists, AccountStore, account_aor
from offhook.errors import ConfigError
from offhook.server.private_file import write_private
from offhook.server.reasons import reason_of

__all__ = [
    "DEMONSTRATION_ALIASES",
    "DEMONSTRATION_DOMAIN",
    "DEMONSTRATION_USERS",
    "add_accounts",
    "forget",
    "passwords",
]

DEMONSTRATION_DOMAIN: Final = "localhost"
DEMONSTRATION_ALIASES: Final = ("127.0.0.1", "[::1]")
DEMONSTRATION_USERS: Final = ("alice", "bob")
_FILE: Final = "demonstration.json"


def passwords(folder: Path) -> dict[str, str]:
    """The passwords of the demonstration accounts by user, as the server wrote them; empty when it never did.

    Raises ConfigError.
    """
    return _read(folder / _FILE) or {}


async def add_accounts(accounts: AccountStore, folder: Path) -> None:
    """Make the accounts at the first start, with passwords of their own that only this user of the machine can read.

    Later, only those are made again whose database is gone while their passwords are known still. Raises ConfigError
    and StorageError.
    """
    known = _read(folder / _FILE)
    if known is not None:
        for user, password in known.items():
            if await accounts.by_aor(account_aor(user, DEMONSTRATION_DOMAIN)) is None:
                await accounts.add(Account.create(user, DEMONSTRATION_DOMAIN, password))
        return
    known = {user: secrets.token_urlsafe(12) for user in DEMONSTRATION_USERS}
    for user, password in known.items():
        account = Account.create(user, DEMONSTRATION_DOMAIN, password)
        try:
            await accounts.add(account)
        except AccountExists:
            # A start that was cut short, or an administrator who was faster.
            await accounts.set_password(account.aor, password)
    write_private(folder / _FILE, msgspec.json.encode(known))


def forget(folder: Path, aor: str) -> None:
    """Keep the password of an account no longer: its owner has another one now, or the account is gone.

    Raises ConfigError.
    """
    known = passwords(folder)
    kept = {user: password for user, password in known.items() if account_aor(user, DEMONSTRATION_DOMAIN) != aor}
    if kept != known:
        write_private(folder / _FILE, msgspec.json.encode(kept))


def _read(path: Path) -> dict[str, str] | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {reason_of(error)}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: is damaged; remove it to have new demonstration accounts made") from error
