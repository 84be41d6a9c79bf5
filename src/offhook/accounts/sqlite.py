"""Accounts in an SQLite file, which other processes may change while the server runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Final

import apsw

from offhook.accounts.base import (
    PENDING,
    Account,
    AccountExists,
    AccountNotFound,
    Pending,
    account_domain,
    is_text,
)
from offhook.storage.schema import Schema
from offhook.storage.sqlite import Database, Row, Value

__all__ = ["ACCOUNTS_SCHEMA", "SqliteAccounts"]

ACCOUNTS_SCHEMA: Final = Schema(
    "accounts",
    [
        """
        CREATE TABLE account (
            aor TEXT PRIMARY KEY,
            user TEXT NOT NULL,
            domain TEXT NOT NULL,
            username TEXT NOT NULL,
            realm TEXT NOT NULL,
            enabled INTEGER NOT NULL,
            UNIQUE (username, realm)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE secret (
            aor TEXT NOT NULL REFERENCES account (aor) ON DELETE CASCADE,
            algorithm TEXT NOT NULL,
            ha1 TEXT NOT NULL,
            PRIMARY KEY (aor, algorithm)
        ) STRICT, WITHOUT ROWID
        """
    ],
)
"""The schema that the database has to be opened with."""

DEFAULT_REMEMBERED: Final = 65_536

_SELECT: Final = (
    "SELECT user, domain, username, realm, enabled, algorithm, ha1 FROM account LEFT JOIN secret USING (aor) "
)
_BY_USERNAME: Final = _SELECT + "WHERE username = ? AND realm = ?"
_BY_AOR: Final = _SELECT + "WHERE aor = ?"
_ALL: Final = _SELECT + "ORDER BY domain, user"
_OF_DOMAIN: Final = _SELECT + "WHERE domain = ? ORDER BY domain, user"

_Key = tuple[str, str] | str


class SqliteAccounts:
    """An account store that is kept in an SQLite file. Use it from the event loop of its database.

    Accounts that were asked for are remembered, at most `remembered` of them, until the file changes; so a lookup is
    answered at once mostly. What another process adds is found at once, what it changes or removes within a second.
    """

    def __init__(self, database: Database, remembered: int = DEFAULT_REMEMBERED) -> None:
        """`database` was opened with `ACCOUNTS_SCHEMA`."""
        self._database = database
        self._remembered = remembered
        self._cache: OrderedDict[_Key, Account] = OrderedDict()
        self._generation = 0
        database.watch(self._forget)

    def by_username_now(self, username: str, realm: str) -> Account | Pending | None:
        """The account whose owner gives these credentials, or PENDING."""
        return self._look_up_now((username, realm))

    async def by_username(self, username: str, realm: str) -> Account | None:
        """The account whose owner gives these credentials. Raises StorageError."""
        return await self._look_up((username, realm), _BY_USERNAME, (username, realm))

    def by_aor_now(self, aor: str) -> Account | Pending | None:
        """The account of an address-of-record, or PENDING."""
        return self._look_up_now(aor)

    async def by_aor(self, aor: str) -> Account | None:
        """The account of an address-of-record. Raises StorageError."""
        return await self._look_up(aor, _BY_AOR, (aor,))

    async def add(self, account: Account) -> None:
        """Keep a new account; it is on disk when this returns. Raises AccountExists, StorageError."""
        await self._change(partial(_add, account))

    async def set_password(self, aor: str, password: str, algorithms: Sequence[str] | None = None) -> None:
        """Replace all secrets of an account. Raises AccountNotFound, AccountError, StorageError."""
        await self._change(partial(_set_password, aor, password, algorithms))

    async def set_enabled(self, aor: str, enabled: bool) -> None:
        """Let an account log in or not. Raises AccountNotFound, StorageError."""
        await self._change(partial(_set_enabled, aor, enabled))

    async def remove(self, aor: str) -> None:
        """Forget an account. Raises AccountNotFound, StorageError."""
        await self._change(partial(_remove, aor))

    async def accounts(self, domain: str | None = None) -> list[Account]:
        """All accounts, or those of a domain, ordered by domain and user. Raises StorageError."""
        if domain is None:
            return _accounts(await self._database.read(_ALL))
        return _accounts(await self._database.read(_OF_DOMAIN, (account_domain(domain),)))

    def _look_up_now(self, key: _Key) -> Account | Pending | None:
        account = self._cache.get(key)
        if account is None:
            return PENDING
        self._cache.move_to_end(key)
        return account

    async def _look_up(self, key: _Key, sql: str, bindings: tuple[str, ...]) -> Account | None:
        generation = self._generation
        if not all(map(is_text, bindings)):
            return None  # A stranger's octets: no account has such a name, and SQLite takes no such text.
        accounts = _accounts(await self._database.read(sql, bindings))
        if not accounts:
            return None
        # What was read before a change must not be remembered after it.
        if generation == self._generation:
            self._cache[key] = accounts[0]
            if len(self._cache) > self._remembered:
                self._cache.popitem(last=False)
        return accounts[0]

    async def _change(self, act: partial[None]) -> None:
        try:
            await self._database.transact(act)
        finally:
            self._forget()

    def _forget(self) -> None:
        self._generation += 1
        self._cache.clear()


def _accounts(rows: Sequence[Row]) -> list[Account]:
    found: dict[tuple[str, str], Account] = {}
    for user, domain, username, realm, enabled, algorithm, ha1 in rows:
        account = found.get((user, domain))
        if account is None:
            account = found[user, domain] = Account(user, domain, username, realm, {}, bool(enabled))
        if algorithm is not None:
            account.ha1[algorithm] = ha1
    return list(found.values())


# In the database's thread


def _add(account: Account, connection: apsw.Connection) -> None:
    if _has(connection, "aor = ?", account.aor):
        raise AccountExists(f"there is an account {account.aor} already")
    if _has(connection, "username = ? AND realm = ?", account.username, account.realm):
        raise AccountExists(f"the username {account.username!r} is taken in the realm {account.realm!r}")
    values = (account.aor, account.user, account.domain, account.username, account.realm, account.enabled)
    connection.execute("INSERT INTO account VALUES (?, ?, ?, ?, ?, ?)", values)
    _put_secrets(account, connection)


def _set_password(aor: str, password: str, algorithms: Sequence[str] | None, connection: apsw.Connection) -> None:
    accounts = _accounts(connection.execute(_BY_AOR, (aor,)).fetchall())
    if not accounts:
        raise AccountNotFound(f"there is no account {aor}")
    account = accounts[0].with_password(password, algorithms)
    connection.execute("DELETE FROM secret WHERE aor = ?", (aor,))
    _put_secrets(account, connection)


def _set_enabled(aor: str, enabled: bool, connection: apsw.Connection) -> None:
    connection.execute("UPDATE account SET enabled = ? WHERE aor = ?", (enabled, aor))
    _require_change(aor, connection)


def _remove(aor: str, connection: apsw.Connection) -> None:
    connection.execute("DELETE FROM account WHERE aor = ?", (aor,))
    _require_change(aor, connection)


def _require_change(aor: str, connection: apsw.Connection) -> None:
    if connection.changes() == 0:
        raise AccountNotFound(f"there is no account {aor}")


def _put_secrets(account: Account, connection: apsw.Connection) -> None:
    rows = [(account.aor, algorithm, ha1) for algorithm, ha1 in account.ha1.items()]
    connection.executemany("INSERT INTO secret VALUES (?, ?, ?)", rows)


def _has(connection: apsw.Connection, condition: str, *values: Value) -> bool:
    return connection.execute(f"SELECT 1 FROM account WHERE {condition}", values).fetchone() is not None
