"""What every store must do is tested on the memory store and on this one alike."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from offhook.accounts import sqlite
from offhook.accounts.base import (
    PENDING,
    Account,
    AccountError,
    AccountExists,
    AccountNotFound,
    AccountStore,
    Pending,
)
from offhook.accounts.memory import MemoryAccounts
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.storage.sqlite import Database, Row

ALICE = Account.create("alice", "a.example", "wonderland")
BOB = Account.create("bob", "b.example", "builder", username="b0b", realm="Bob & Co.")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "accounts.db", [ACCOUNTS_SCHEMA]) as opened:
        yield opened


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, database: Database) -> AccountStore:
    return MemoryAccounts() if request.param == "memory" else SqliteAccounts(database)


def values(account: Account | Pending | None) -> tuple[Any, ...] | None:
    if account is None:
        return None
    assert isinstance(account, Account)
    names = (account.aor, account.user, account.domain, account.username, account.realm)
    return (*names, account.ha1, account.enabled)


def all_octets(folder: Path) -> bytes:
    return b"".join([path.read_bytes() for path in sorted(folder.iterdir())])


def test_all_names_exist() -> None:
    assert all(hasattr(sqlite, name) for name in sqlite.__all__)


async def test_an_account_is_found_by_name_and_by_address(store: AccountStore) -> None:
    await store.add(ALICE)
    await store.add(BOB)
    assert values(await store.by_username("b0b", "Bob & Co.")) == values(BOB)
    assert values(await store.by_aor("sip:bob@b.example")) == values(BOB)
    assert values(await store.by_username("alice", "a.example")) == values(ALICE)
    assert values(store.by_username_now("alice", "a.example")) == values(ALICE)


@pytest.mark.parametrize(
    ("username", "realm"), [("Alice", "a.example"), ("alice", "b.example"), ("", ""), ("\udcff", "a.example")]
)
async def test_who_is_not_there_is_not_found(store: AccountStore, username: str, realm: str) -> None:
    await store.add(ALICE)
    assert await store.by_username(username, realm) is None
    assert await store.by_aor(f"sip:{username}@{realm}") is None


async def test_an_address_and_a_name_are_taken_once(store: AccountStore) -> None:
    await store.add(ALICE)
    with pytest.raises(AccountExists, match=r"there is an account sip:alice@a\.example already"):
        await store.add(Account.create("alice", "A.example", "other", username="x"))
    with pytest.raises(AccountExists, match=r"the username 'alice' is taken in the realm 'a\.example'"):
        await store.add(Account.create("eve", "a.example", "other", username="alice"))
    assert values(await store.by_aor(ALICE.aor)) == values(ALICE)
    assert len(await store.accounts()) == 1


async def test_a_password_is_changed(store: AccountStore) -> None:
    await store.add(BOB)
    assert await store.by_aor(BOB.aor) is not None
    await store.set_password(BOB.aor, "new")
    assert values(await store.by_username("b0b", "Bob & Co.")) == values(BOB.with_password("new"))
    await store.set_password(BOB.aor, "newer", ["SHA-256"])
    assert values(await store.by_aor(BOB.aor)) == values(BOB.with_password("newer", ["SHA-256"]))
    with pytest.raises(AccountError, match="must not be empty"):
        await store.set_password(BOB.aor, "")
    assert values(await store.by_aor(BOB.aor)) == values(BOB.with_password("newer", ["SHA-256"]))


async def test_an_account_is_disabled_and_removed(store: AccountStore) -> None:
    await store.add(ALICE)
    await store.set_enabled(ALICE.aor, False)
    assert values(await store.by_aor(ALICE.aor)) == values(ALICE.with_enabled(False))
    await store.set_enabled(ALICE.aor, True)
    assert values(await store.by_aor(ALICE.aor)) == values(ALICE)
    await store.remove(ALICE.aor)
    assert await store.by_aor(ALICE.aor) is None
    assert await store.by_username("alice", "a.example") is None
    await store.add(ALICE)
    assert values(await store.by_aor(ALICE.aor)) == values(ALICE)


async def test_what_is_not_there_cannot_be_changed(store: AccountStore) -> None:
    for change in (store.set_password("sip:x@y", "p"), store.set_enabled("sip:x@y", True), store.remove("sip:x@y")):
        with pytest.raises(AccountNotFound, match="there is no account sip:x@y"):
            await change


async def test_accounts_are_listed_in_order(store: AccountStore) -> None:
    for user, domain in (("zoe", "b.example"), ("bob", "b.example"), ("zoe", "a.example")):
        await store.add(Account.create(user, domain, "x"))
    assert [account.aor for account in await store.accounts()] == [
        "sip:zoe@a.example",
        "sip:bob@b.example",
        "sip:zoe@b.example",
    ]
    assert [account.user for account in await store.accounts("B.example.")] == ["bob", "zoe"]
    assert await store.accounts("c.example") == []


names = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters=":"), min_size=1, max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(user=names, username=names, realm=names, password=names)
def test_any_names_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, user: str, username: str, realm: str, password: str
) -> None:
    account = Account.create(user, "a.example", password, username=username, realm=realm)

    async def main() -> None:
        path = tmp_path_factory.mktemp("names") / "a.db"
        async with await Database.open(path, [ACCOUNTS_SCHEMA]) as database:
            store = SqliteAccounts(database)
            await store.add(account)
            assert values(await store.by_username(username, realm)) == values(account)
            assert values(await store.by_aor(account.aor)) == values(account)

    asyncio.run(main())


async def test_a_known_account_is_answered_at_once(database: Database) -> None:
    store = SqliteAccounts(database)
    await store.add(ALICE)
    assert store.by_username_now("alice", "a.example") is PENDING
    found = await store.by_username("alice", "a.example")
    assert store.by_username_now("alice", "a.example") is found
    assert store.by_aor_now(ALICE.aor) is PENDING
    assert await store.by_aor(ALICE.aor) is not None
    assert store.by_aor_now(ALICE.aor) is not PENDING


async def test_a_change_ends_what_is_remembered(database: Database) -> None:
    store = SqliteAccounts(database)
    await store.add(ALICE)
    assert await store.by_aor(ALICE.aor) is not None
    await store.remove(ALICE.aor)
    assert store.by_aor_now(ALICE.aor) is PENDING
    assert await store.by_aor(ALICE.aor) is None
    assert store.by_aor_now(ALICE.aor) is PENDING, "who is not there is asked for again: he may come any time"


async def test_what_was_read_before_a_change_is_not_remembered_after_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteAccounts(database)
    await store.add(ALICE)
    read = database.read

    async def read_too_early(sql: str, bindings: tuple[str, ...]) -> list[Row]:
        rows = await read(sql, bindings)
        await store.remove(ALICE.aor)
        return rows

    monkeypatch.setattr(database, "read", read_too_early)
    assert values(await store.by_aor(ALICE.aor)) == values(ALICE)
    assert store.by_aor_now(ALICE.aor) is PENDING


async def test_memory_is_bounded(database: Database) -> None:
    store = SqliteAccounts(database, remembered=2)
    users = [Account.create(name, "a.example", "x") for name in ("a", "b", "c")]
    for account in users:
        await store.add(account)
    a, b, c = [account.aor for account in users]
    await store.by_aor(a)
    await store.by_aor(b)
    assert store.by_aor_now(a) is not PENDING
    await store.by_aor(c)
    assert [store.by_aor_now(aor) is PENDING for aor in (a, b, c)] == [False, True, False], "b was used longest ago"


OTHER_PROCESS = """
import asyncio, sys
from offhook.accounts.base import Account
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.storage.sqlite import Database, Row

async def main(path, verb, user, password):
    async with await Database.open(path, [ACCOUNTS_SCHEMA]) as database:
        store = SqliteAccounts(database)
        if verb == "add":
            await store.add(Account.create(user, "a.example", password))
        else:
            await store.set_password(f"sip:{user}@a.example", password)

asyncio.run(main(*sys.argv[1:]))
"""


async def other_process(database: Database, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", OTHER_PROCESS, database.path, *arguments)
    assert await process.wait() == 0


async def test_what_another_process_adds_is_found_at_once(database: Database) -> None:
    store = SqliteAccounts(database)
    assert await store.by_username("alice", "a.example") is None
    await other_process(database, "add", "alice", "wonderland")
    assert values(await store.by_username("alice", "a.example")) == values(ALICE)


async def test_what_another_process_changes_is_seen_within_a_second(database: Database) -> None:
    store = SqliteAccounts(database)
    await store.add(ALICE)
    await store.by_aor(ALICE.aor)
    changed = asyncio.Event()
    database.watch(changed.set)
    await other_process(database, "passwd", "alice", "new")
    await asyncio.wait_for(changed.wait(), 5.0)
    assert store.by_aor_now(ALICE.aor) is PENDING
    assert values(await store.by_aor(ALICE.aor)) == values(ALICE.with_password("new"))


async def test_processes_may_add_at_the_same_time(database: Database) -> None:
    store = SqliteAccounts(database)
    own = [store.add(Account.create(f"own{n}", "a.example", "x")) for n in range(200)]
    others = [other_process(database, "add", f"other{n}", "x") for n in range(3)]
    await asyncio.gather(*own, *others)
    assert len(await store.accounts()) == 203


async def test_no_password_is_kept(database: Database, tmp_path: Path) -> None:
    store = SqliteAccounts(database)
    await store.add(Account.create("alice", "a.example", "correct horse battery staple"))
    await store.set_password("sip:alice@a.example", "correct horse battery stable")
    await database.close()
    octets = all_octets(tmp_path)
    assert b"alice" in octets
    assert b"correct horse" not in octets


async def test_other_programs_can_read_the_tables(database: Database) -> None:
    """The schema is what administrators' own scripts meet."""
    await SqliteAccounts(database).add(BOB)
    await database.close()
    program = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchall())"
    query = "SELECT aor, algorithm, ha1 FROM account JOIN secret USING (aor) WHERE algorithm = 'MD5'"
    command = [sys.executable, "-c", program, database.path, query]
    result = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == repr([(BOB.aor, "MD5", BOB.ha1["MD5"])])
