from __future__ import annotations

import pytest

from offhook.accounts import memory
from offhook.accounts.base import Account, AccountExists, AccountStore
from offhook.accounts.memory import MemoryAccounts


def test_all_names_exist() -> None:
    assert all(hasattr(memory, name) for name in memory.__all__)


async def test_it_is_an_account_store_that_answers_at_once() -> None:
    alice = Account.create("alice", "a.example", "x")
    store: AccountStore = MemoryAccounts([alice])
    assert store.by_username_now("alice", "a.example") is alice
    assert store.by_aor_now("sip:alice@a.example") is alice
    assert store.by_aor_now("sip:bob@a.example") is None
    assert await store.by_username("alice", "a.example") is alice


def test_the_same_account_twice() -> None:
    alice = Account.create("alice", "a.example", "x")
    with pytest.raises(AccountExists):
        MemoryAccounts([alice, alice])
