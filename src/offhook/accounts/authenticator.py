"""Who a request is from (RFC 3261 22, RFC 8760): the server's side of Digest, over an account store.

Budget on CPython 3.11, parser, engine and registrar included: 45 us to challenge a REGISTER, 90 us for one with
credentials (`python -m bench.engine --only "REGISTER with digest"`).
"""

from __future__ import annotations

from functools import lru_cache

from offhook.accounts.base import PENDING, Account, AccountStore, Pending
from offhook.accounts.retransmissions import Retransmissions
from offhook.clock import Moment
from offhook.security.digest import Challenge, Credentials, base_algorithm, verify
from offhook.security.nonce import NonceGuard, NonceSource, NonceState
from offhook.sip.headers.auth import Challenge as ChallengeValue
from offhook.sip.headers.auth import Credentials as CredentialsValue
from offhook.sip.message import Request

__all__ = ["Authenticator", "Proven", "Realm", "Unproven"]

_NOBODY = "0" * 32
_NONCE = ', nonce="'


class Realm:
    """What users are asked with: the realm's name and the algorithms in the order in which they are offered."""

    __slots__ = ("algorithms", "name")

    def __init__(self, name: str, algorithms: tuple[str, ...]) -> None:
        self.name = name
        self.algorithms = algorithms


class Proven:
    """A request of the owner of an account. `digest_uri` is what the digest was made for, as the client wrote it."""

    __slots__ = ("account", "digest_uri")

    def __init__(self, account: Account, digest_uri: str) -> None:
        self.account = account
        self.digest_uri = digest_uri


class Unproven:
    """A request that has not shown who it is from.

    `username` is who it claims to be from, None without credentials. `stale`: the digest was right and only the nonce
    has aged, so that the client may try again without asking its user.
    """

    __slots__ = ("stale", "username")

    def __init__(self, username: str | None = None, stale: bool = False) -> None:
        self.username = username
        self.stale = stale


class Authenticator:
    """Checks credentials and writes challenges. Nothing is kept but the counts of nonces in use and, for a short while,
    which requests they came with. `repeating`: for how many seconds copies of a request may arrive.

    `run` names this run of the server. Nonces are bound to it: how often those of another were used nobody knows here,
    and whether they are older the wall clock cannot tell, which may have been set back.

    For the same reason the age of a nonce is told by the wall clock of the first use, which goes on from there at the
    pace of the monotonic one.
    """

    __slots__ = ("_accounts", "_ahead", "_guard", "_nonces", "_retransmissions", "_run")

    def __init__(
        self, accounts: AccountStore, nonces: NonceSource, guard: NonceGuard, run: str, repeating: float = 37.0
    ) -> None:
        self._accounts = accounts
        self._retransmissions = Retransmissions(repeating)
        self._nonces = nonces
        self._guard = guard
        self._run = run
        self._ahead: float | None = None

    def check(self, request: Request, realm: Realm, header: str, now: Moment) -> Proven | Unproven | Pending:
        """Who a request is from; Pending when `wait` has to be awaited.

        Wrong credentials always have to be: the answer for a user whom the store has at hand comes no sooner than that
        for one who does not exist, and by the same way.

        `header` is Authorization or Proxy-Authorization. Raises ParseError when it is malformed.
        """
        credentials = self._credentials(request, realm, header, now)
        if credentials is None:
            return Unproven()
        account = self._accounts.by_username_now(credentials.username, realm.name)
        if isinstance(account, Pending):
            # As much work as for one at hand, whose credentials are gone through here and, when wrong, in `wait` too.
            verify(credentials, _NOBODY, request.method, request.body)
            return account
        found = self._verified(request, realm, credentials, account, now)
        return PENDING if isinstance(found, Unproven) and not found.stale else found

    async def wait(self, request: Request, realm: Realm, header: str, now: Moment) -> Proven | Unproven:
        """The same, when the account store takes time. Raises StorageError."""
        credentials = self._credentials(request, realm, header, now)
        if credentials is None:
            return Unproven()
        account = await self._accounts.by_username(credentials.username, realm.name)
        return self._verified(request, realm, credentials, account, now)

    def check_ack(self, ack: Request, realm: Realm, header: str, now: Moment) -> Account | None:
        """The account that an ACK is from, by the credentials of its INVITE, which it repeats (RFC 3261 22.1).

        They count, whatever their age, if they were accepted for the INVITE; None where nobody is proven. An account
        that would have to be awaited proves nobody: that of the INVITE was looked up just now. Raises ParseError.
        """
        credentials = self._credentials(ack, realm, header, now)
        if credentials is None or not self._guard.has_accepted(credentials.nonce, credentials.nonce_count):
            return None
        account = self._accounts.by_username_now(credentials.username, realm.name)
        if account is None or isinstance(account, Pending):
            return None
        ha1 = account.ha1_for(base_algorithm(credentials.algorithm))
        return account if ha1 is not None and verify(credentials, ha1, "INVITE") else None

    def challenges(self, realm: Realm, name: str, stale: bool, now: Moment) -> tuple[tuple[str, str], ...]:
        """The fields of a challenge: one for each algorithm, all with one nonce (RFC 8760 2.3).

        `name` is WWW-Authenticate or Proxy-Authenticate.
        """
        nonce = self._nonces.issue(realm.name, self._time(now), self._run)
        written = [_around_nonce(realm.name, algorithm, stale) for algorithm in realm.algorithms]
        return tuple([(name, f"{before}{nonce}{behind}") for before, behind in written])

    def _credentials(self, request: Request, realm: Realm, header: str, now: Moment) -> Credentials | None:
        """Those for our realm; what others asked for along the way is not ours to judge (RFC 3261 22.3).

        Several servers may share a realm, each with its own nonces: an answer to us goes before one to them.
        """
        found: Credentials | None = None
        for value in request.headers(header):
            if isinstance(value, CredentialsValue) and value.is_digest and value.realm == realm.name:
                credentials = Credentials.parse(value.params, header)
                if found is None:
                    found = credentials
                elif self._nonces.check(found.nonce, realm.name, self._time(now), self._run) is NonceState.FORGED:
                    found = credentials
        return found

    def _time(self, now: Moment) -> float:
        """The present as nonces tell it, wall seconds that nobody sets."""
        if self._ahead is None:
            self._ahead = now.wall - now.monotonic
        return self._ahead + now.monotonic

    def _verified(
        self, request: Request, realm: Realm, credentials: Credentials, account: Account | None, now: Moment
    ) -> Proven | Unproven:
        algorithm = base_algorithm(credentials.algorithm)
        ha1 = account.ha1_for(algorithm) if account is not None and algorithm in realm.algorithms else None
        # A user who does not exist costs the same work as one who does, and gets the same answer. The digest-uri is
        # not compared with the Request-URI, which proxies and phones write in other ways (RFC 8760 2.6 item 6): whoever
        # serves the request looks at it.
        right = verify(credentials, _NOBODY if ha1 is None else ha1, request.method, request.body)
        if account is None or ha1 is None or not right:
            return Unproven(credentials.username)
        state = self._nonces.check(credentials.nonce, realm.name, self._time(now), self._run)
        if state is NonceState.FRESH and self._guard.accept(credentials.nonce, credentials.nonce_count):
            self._retransmissions.remember(request, now)
        elif not self._retransmissions.holds(request, now):
            # The nonce has aged; or a count was seen before: a replay, or a phone that never counts on. A new nonce
            # suits all of them. Without a qop there is no count, and a nonce serves once.
            return Unproven(credentials.username, stale=True)
        return Proven(account, credentials.uri)


@lru_cache(maxsize=256)
def _around_nonce(realm: str, algorithm: str, stale: bool) -> tuple[str, str]:
    """What stands before and behind the nonce of a challenge."""
    written = ChallengeValue("Digest", Challenge(realm, "", algorithm, stale=stale).parameters()).serialize()
    # A realm that looks like it has its quotation marks escaped.
    before, mark, behind = written.partition(_NONCE)
    return before + mark, behind
