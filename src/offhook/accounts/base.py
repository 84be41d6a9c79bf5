"""The account of a user and the protocol of account stores: what authentication and administration ask of them.

Any class with the methods of `AccountStore` can take the place of ours: a database, a directory, another server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from offhook.errors import ParseError, SipError
from offhook.security.digest import available_algorithms, compute_ha1
from offhook.sip.host import bracketed_host, canonical_host
from offhook.sip.uri import SipUri

__all__ = [
    "PENDING",
    "Account",
    "AccountError",
    "AccountExists",
    "AccountNotFound",
    "AccountStore",
    "Pending",
    "account_aor",
    "account_domain",
    "is_text",
]

MAX_NAME: Final = 255


class AccountError(SipError):
    """Something about an account that its administrator asked for and cannot have, in one sentence."""


class AccountExists(AccountError):
    """There is an account with this address or with this name in this realm."""


class AccountNotFound(AccountError):
    """There is no account with this address."""


class Pending:
    """The answer of a store that has to look elsewhere: the same question has to be awaited."""

    __slots__ = ()


PENDING: Final = Pending()


def account_aor(user: str, domain: str) -> str:
    """The address-of-record of a user, as plain text, at a domain, in the canonical form of RFC 3261 10.3 step 5.

    Raises AccountError when there can be no such address.
    """
    _require_name("user", user)
    try:
        return SipUri.build(domain, user).aor()
    except ParseError as error:
        raise AccountError(f"{domain!r} is no domain: {error.reason}") from error


def account_domain(domain: str) -> str:
    """A domain as accounts write it: in lower case, without a final dot, an IPv6 address in brackets."""
    return canonical_host(bracketed_host(domain)).rstrip(".")


def is_text(text: str) -> bool:
    """Whether it is proper Unicode, as names of accounts are; text from the wire need not be."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Account:
    """One user: an address-of-record, and the name and secrets by which its owner is known.

    `user` is plain text, `domain` a host in lower case, `aor` the canonical URI of both. A client gives `username`
    and `realm` in its credentials; mostly they are the same as user and domain. `ha1` maps names of algorithms
    ("SHA-256") to H(A1) in hexadecimal (RFC 7616 3.4.2): passwords are never kept, but whoever gets hold of an HA1 can
    log in with it in its realm.
    """

    __slots__ = ("aor", "domain", "enabled", "ha1", "realm", "user", "username")

    def __init__(
        self, user: str, domain: str, username: str, realm: str, ha1: Mapping[str, str], enabled: bool = True
    ) -> None:
        self.aor = account_aor(user, domain)
        self.user = user
        self.domain = account_domain(domain)
        self.username = username
        self.realm = realm
        self.ha1 = dict(ha1)
        self.enabled = enabled

    @classmethod
    def create(
        cls,
        user: str,
        domain: str,
        password: str,
        *,
        username: str | None = None,
        realm: str | None = None,
        algorithms: Sequence[str] | None = None,
    ) -> Account:
        """A new account. The username is the user and the realm is the domain unless they are given.

        Without `algorithms` it gets a secret for every one of `available_algorithms`, so that what a domain offers can
        change later without asking for passwords. Raises AccountError for names that cannot be.
        """
        username = user if username is None else username
        account = cls(user, domain, username, account_domain(domain) if realm is None else realm, {})
        _require_name("username", username)
        _require_name("realm", account.realm)
        if ":" in username:
            # A1 is username ":" realm ":" password: with a colon it could be that of another user in another realm.
            raise AccountError(f"the username {username!r} has a colon, which Digest cannot tell apart")
        return account.with_password(password, algorithms)

    def with_password(self, password: str, algorithms: Sequence[str] | None = None) -> Account:
        """The same account with the secrets of another password. Raises AccountError for an empty one."""
        if not password:
            raise AccountError("a password must not be empty")
        if not is_text(password):
            raise AccountError("the password is not UTF-8 text")
        names = available_algorithms() if algorithms is None else algorithms
        ha1 = {name: compute_ha1(name, self.username, self.realm, password) for name in names}
        return Account(self.user, self.domain, self.username, self.realm, ha1, self.enabled)

    def with_enabled(self, enabled: bool) -> Account:
        """The same account, able to log in or not."""
        return Account(self.user, self.domain, self.username, self.realm, self.ha1, enabled)

    def ha1_for(self, algorithm: str) -> str | None:
        """HA1 for a base algorithm ("MD5"), None when there is none or the account is disabled."""
        return self.ha1.get(algorithm) if self.enabled else None

    def __repr__(self) -> str:
        return f"Account({self.aor!r}, username={self.username!r}, realm={self.realm!r}, enabled={self.enabled})"


class AccountStore(Protocol):
    """Keeps accounts.

    The two lookups come in pairs: the one ending in `_now` answers at once, or gives PENDING when the other has to be
    awaited. None means that there is no such account. Names may be any text from the wire. When the storage fails,
    what was awaited raises StorageError.
    """

    def by_username_now(self, username: str, realm: str) -> Account | Pending | None:
        """The account whose owner gives these credentials, enabled or not."""

    async def by_username(self, username: str, realm: str) -> Account | None:
        """The same, when asking takes time."""

    def by_aor_now(self, aor: str) -> Account | Pending | None:
        """The account of an address-of-record as `account_aor` writes it, enabled or not."""

    async def by_aor(self, aor: str) -> Account | None:
        """The same, when asking takes time."""

    async def add(self, account: Account) -> None:
        """Keep a new account. Raises AccountExists."""

    async def set_password(self, aor: str, password: str, algorithms: Sequence[str] | None = None) -> None:
        """Replace all secrets of an account, as `Account.with_password` does. Raises AccountNotFound."""

    async def set_enabled(self, aor: str, enabled: bool) -> None:
        """Let an account log in or not. Raises AccountNotFound."""

    async def remove(self, aor: str) -> None:
        """Forget an account. Raises AccountNotFound."""

    async def accounts(self, domain: str | None = None) -> list[Account]:
        """All accounts, or those of a domain, ordered by domain and user."""


def _require_name(what: str, name: str) -> None:
    if not name:
        raise AccountError(f"the {what} is empty")
    if len(name) > MAX_NAME:
        raise AccountError(f"the {what} is longer than {MAX_NAME} characters")
    if not is_text(name) or not name.isprintable():
        raise AccountError(f"the {what} {name!r} has characters that cannot be printed")
