"""The two accounts that a server without a configuration has, for trying things out."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from offhook.accounts.base import Account, AccountExists, AccountStore
from offhook.errors import ConfigError

__all__ = ["DEMONSTRATION_DOMAIN", "DEMONSTRATION_USERS", "add_accounts", "passwords"]

DEMONSTRATION_DOMAIN: Final = "localhost"
DEMONSTRATION_USERS: Final = ("alice", "bob")
_FILE: Final = "demonstration.json"


def passwords(folder: Path) -> dict[str, str]:
    """The passwords of the demonstration accounts by user, as the server wrote them; empty when it never did.

    Raises ConfigError.
    """
    path = folder / _FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: is damaged; remove it, and the accounts, to have new ones made") from error


async def add_accounts(accounts: AccountStore, folder: Path) -> None:
    """Make the accounts at the first start, with passwords of their own that only this user of the machine can read.

    Raises ConfigError and StorageError.
    """
    known = passwords(folder)
    if known:
        return
    known = {user: secrets.token_urlsafe(12) for user in DEMONSTRATION_USERS}
    for user, password in known.items():
        account = Account.create(user, DEMONSTRATION_DOMAIN, password)
        try:
            await accounts.add(account)
        except AccountExists:
            await accounts.set_password(account.aor, password)
    _write(folder / _FILE, msgspec.json.encode(known))


def _write(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error
