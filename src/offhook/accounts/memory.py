"""Accounts in memory, for tests, for programs that bring their own, and as what other stores are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from offhook.accounts.base import Account, AccountExists, AccountNotFound, account_domain

__all__ = ["MemoryAccounts"]


class MemoryAccounts:
    """An account store that forgets everything when the process ends. No question is ever pending."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self._by_aor: dict[str, Account] = {}
        self._by_username: dict[tuple[str, str], Account] = {}
        for account in accounts:
            self._add(account)

    def by_username_now(self, username: str, realm: str) -> Account | None:
        """The account whose owner gives these credentials, enabled or not."""
        return self._by_username.get((username, realm))

    async def by_username(self, username: str, realm: str) -> Account | None:
        """The same as `by_username_now`."""
        return self.by_username_now(username, realm)

    def by_aor_now(self, aor: str) -> Account | None:
        """The account of an address-of-record, enabled or not."""
        return self._by_aor.get(aor)

    async def by_aor(self, aor: str) -> Account | None:
        """The same as `by_aor_now`."""
        return self.by_aor_now(aor)

    async def add(self, account: Account) -> None:
        """Keep a new account. Raises AccountExists."""
        self._add(account)

    async def set_password(self, aor: str, password: str, algorithms: Sequence[str] | None = None) -> None:
        """Replace all secrets of an account. Raises AccountNotFound."""
        self._put(self._found(aor).with_password(password, algorithms))

    async def set_enabled(self, aor: str, enabled: bool) -> None:
        """Let an account log in or not. Raises AccountNotFound."""
        self._put(self._found(aor).with_enabled(enabled))

    async def remove(self, aor: str) -> None:
        """Forget an account. Raises AccountNotFound."""
        account = self._found(aor)
        del self._by_aor[aor]
        del self._by_username[account.username, account.realm]

    async def accounts(self, domain: str | None = None) -> list[Account]:
        """All accounts, or those of a domain, ordered by domain and user."""
        wanted = None if domain is None else account_domain(domain)
        chosen = [account for account in self._by_aor.values() if wanted is None or account.domain == wanted]
        return sorted(chosen, key=lambda account: (account.domain, account.user))

    def _add(self, account: Account) -> None:
        if account.aor in self._by_aor:
            raise AccountExists(f"there is an account {account.aor} already")
        if (account.username, account.realm) in self._by_username:
            raise AccountExists(f"the username {account.username!r} is taken in the realm {account.realm!r}")
        self._put(account)

    def _put(self, account: Account) -> None:
        self._by_aor[account.aor] = account
        self._by_username[account.username, account.realm] = account

    def _found(self, aor: str) -> Account:
        account = self._by_aor.get(aor)
        if account is None:
            raise AccountNotFound(f"there is no account {aor}")
        return account
