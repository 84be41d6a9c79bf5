from __future__ import annotations

import json
from pathlib import Path

import pytest

from offhook.accounts.base import Account
from offhook.accounts.memory import MemoryAccounts
from offhook.errors import ConfigError
from offhook.security.digest import compute_ha1
from offhook.server import demonstration
from offhook.server.demonstration import add_accounts, forget, passwords

ALICE = "sip:alice@localhost"
BOB = "sip:bob@localhost"


def ha1_of(accounts: MemoryAccounts, aor: str) -> str | None:
    account = accounts.by_aor_now(aor)
    return None if account is None else account.ha1_for("MD5")


def test_all_names_exist() -> None:
    assert all(hasattr(demonstration, name) for name in demonstration.__all__)


async def test_the_first_start_makes_two_accounts(tmp_path: Path) -> None:
    accounts = MemoryAccounts()
    assert passwords(tmp_path) == {}
    await add_accounts(accounts, tmp_path)
    known = passwords(tmp_path)
    assert sorted(known) == ["alice", "bob"]
    assert known["alice"] != known["bob"]
    assert ha1_of(accounts, ALICE) == compute_ha1("MD5", "alice", "localhost", known["alice"])
    assert (tmp_path / "demonstration.json").stat().st_mode & 0o777 == 0o600


async def test_later_starts_change_nothing(tmp_path: Path) -> None:
    accounts = MemoryAccounts()
    await add_accounts(accounts, tmp_path)
    known = passwords(tmp_path)
    await accounts.set_password(ALICE, "another")
    await add_accounts(accounts, tmp_path)
    assert passwords(tmp_path) == known
    assert ha1_of(accounts, ALICE) == compute_ha1("MD5", "alice", "localhost", "another")


async def test_accounts_whose_database_is_gone_are_made_again(tmp_path: Path) -> None:
    await add_accounts(MemoryAccounts(), tmp_path)
    accounts = MemoryAccounts()
    await add_accounts(accounts, tmp_path)
    assert ha1_of(accounts, BOB) == compute_ha1("MD5", "bob", "localhost", passwords(tmp_path)["bob"])


async def test_a_start_that_was_cut_short_is_made_up_for(tmp_path: Path) -> None:
    accounts = MemoryAccounts([Account.create("alice", "localhost", "never told to anybody")])
    await add_accounts(accounts, tmp_path)
    assert ha1_of(accounts, ALICE) == compute_ha1("MD5", "alice", "localhost", passwords(tmp_path)["alice"])


async def test_a_removed_account_stays_removed(tmp_path: Path) -> None:
    accounts = MemoryAccounts()
    await add_accounts(accounts, tmp_path)
    for aor in (ALICE, BOB, "sip:carol@localhost"):
        forget(tmp_path, aor)
    for aor in (ALICE, BOB):
        await accounts.remove(aor)
    await add_accounts(accounts, tmp_path)
    assert passwords(tmp_path) == {}
    assert await accounts.accounts() == []


def test_nothing_to_forget_writes_nothing(tmp_path: Path) -> None:
    forget(tmp_path, ALICE)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["{", '["alice"]', json.dumps({"alice": 1})])
def test_a_damaged_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "demonstration.json").write_text(content, "utf-8")
    with pytest.raises(ConfigError, match=r"demonstration.json: is damaged; remove it"):
        passwords(tmp_path)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "demonstration.json").mkdir()
    with pytest.raises(ConfigError, match=r"demonstration.json: cannot be read: is a directory"):
        passwords(tmp_path)
