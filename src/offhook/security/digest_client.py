"""The client's side of Digest: which realms were answered, how often, and when to give up (RFC 3261 22.2 and 22.3).

A `DigestClient` lives as long as its Call-ID: one registration, or one dialog with what led to it, because
credentials for proxies must not be kept across dialogs (22.3). Those for servers may be, for each destination (22.2).
Each request is one `Attempt`, whatever number of times it is sent again::

    attempt = client.attempt("REGISTER", "sip:example.com")
    send(attempt.credentials())
    # on 401 or 407; raises AuthenticationFailed when there is nothing better to send
    attempt.challenged(401, www_authenticate, proxy_authenticate)
    send(attempt.credentials())
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from offhook.errors import AuthenticationFailed
from offhook.ids import IdSource
from offhook.security.digest import (
    AuthenticationInfo,
    Challenge,
    Credentials,
    answer_challenge,
    choose_challenges,
    compute_ha1,
    verify_rspauth,
)

__all__ = ["AUTHORIZATION", "PROXY_AUTHORIZATION", "Attempt", "DigestClient", "Secret", "Session", "Sessions"]

AUTHORIZATION: Final = "Authorization"
PROXY_AUTHORIZATION: Final = "Proxy-Authorization"

MAX_ANSWERS: Final = 3
"""How many challenges of one realm an attempt answers: a server that forever says `stale` must not keep it going."""


class Secret:
    """A name and its password. `realm` is the only realm that may ask for it; None leaves that to the client."""

    __slots__ = ("password", "realm", "username")

    def __init__(self, username: str, password: str, realm: str | None = None) -> None:
        self.username = username
        self.password = password
        self.realm = realm


class Session:
    """What is remembered of one realm's last challenge (RFC 7616 3.6).

    The cnonce stays the same for all answers to a nonce, so that a ``-sess`` key is the same for a server that
    computes it once and for one that computes it every time.
    """

    __slots__ = ("challenge", "cnonce", "count", "ha1", "username")

    def __init__(self, challenge: Challenge, secret: Secret, cnonce: str) -> None:
        self.challenge = challenge
        self.username = secret.username
        self.ha1 = compute_ha1(challenge.algorithm, secret.username, challenge.realm, secret.password)
        self.cnonce = cnonce
        self.count = 0

    def answer(self, method: str, uri: str, body: bytes) -> Credentials:
        self.count += 1
        return answer_challenge(self.challenge, self.username, self.ha1, method, uri, self.cnonce, self.count, body)

    def renew(self, nonce: str, cnonce: str) -> None:
        """Go on with the nonce that a nextnonce gave (RFC 7616 3.5)."""
        old = self.challenge
        self.challenge = Challenge(old.realm, nonce, old.algorithm, old.qop, old.opaque, False, old.domain)
        self.cnonce = cnonce
        self.count = 0


Sessions = dict[str, Session]
"""What was answered last, by realm."""


class DigestClient:
    """The secrets of a user, and the realms that were answered with them.

    `admits` says which realms may ask for a secret that names none; without it all may. `kept` is what servers of the
    same destination were answered under other Call-IDs.
    """

    __slots__ = ("_admits", "_ids", "_secrets", "_sessions")

    def __init__(
        self,
        secrets: Sequence[Secret],
        ids: IdSource,
        admits: Callable[[str], bool] | None = None,
        kept: Sessions | None = None,
    ) -> None:
        self._secrets = tuple(secrets)
        self._ids = ids
        self._admits = admits
        self._sessions: dict[str, Sessions] = {
            AUTHORIZATION: {} if kept is None else kept,
            PROXY_AUTHORIZATION: {},
        }

    def attempt(self, method: str, uri: str, body: bytes = b"") -> Attempt:
        """Begin a request. `uri` is its Request-URI as it will be sent, `body` counts for auth-int."""
        return Attempt(self, method, uri, body)

    def _secret(self, realm: str) -> Secret | None:
        for secret in self._secrets:
            if secret.realm == realm:
                return secret
        if self._admits is None or self._admits(realm):
            for secret in self._secrets:
                if secret.realm is None:
                    return secret
        return None

    def _begin(self, header: str, challenge: Challenge, secret: Secret) -> None:
        self._sessions[header][challenge.realm] = Session(challenge, secret, self._ids.unique())

    def _forget(self, header: str, realm: str) -> None:
        self._sessions[header].pop(realm, None)

    def _answers(self, method: str, uri: str, body: bytes) -> dict[tuple[str, str], Credentials]:
        return {
            (header, realm): session.answer(method, uri, body)
            for header, sessions in self._sessions.items()
            for realm, session in sessions.items()
        }

    def _accepted(self, credentials: Credentials, info: AuthenticationInfo, body: bytes) -> bool | None:
        session = self._sessions[AUTHORIZATION].get(credentials.realm)
        if session is None:
            return None
        proved: bool | None = None
        if info.rspauth is not None:
            proved = verify_rspauth(info, credentials, session.ha1, body)
        # Requests that overlap answer the same nonce: only the first nextnonce replaces it.
        if info.nextnonce and proved is not False and session.challenge.nonce == credentials.nonce:
            session.renew(info.nextnonce, self._ids.unique())
        return proved


class Attempt:
    """One request, sent again as often as its challenges can be answered."""

    __slots__ = ("_answered", "_body", "_client", "_method", "_sent", "_uri")

    def __init__(self, client: DigestClient, method: str, uri: str, body: bytes) -> None:
        self._client = client
        self._method = method
        self._uri = uri
        self._body = body
        self._sent: dict[tuple[str, str], Credentials] = {}
        self._answered: dict[tuple[str, str], int] = {}

    def credentials(self) -> list[tuple[str, Credentials]]:
        """What to put into the request that is about to be sent: pairs of header name and value.

        Realms that were answered before are answered at once (RFC 3261 22.3). Each call counts as one use of the
        nonces. The ACK for a 2xx repeats the values of its INVITE (22.1): keep them for it.
        """
        self._sent = self._client._answers(self._method, self._uri, self._body)
        return [(key[0], credentials) for key, credentials in self._sent.items()]

    def challenged(
        self, status: int, www_authenticate: Sequence[Challenge], proxy_authenticate: Sequence[Challenge]
    ) -> None:
        """Take the challenges of a 401 or 407. When it returns, `credentials` has something better to send.

        Raises AuthenticationFailed when the password was refused, when no challenge can be understood, and when no
        secret is known for any of the realms. A realm without a secret is passed over as long as another one can be
        answered (RFC 8760 2.4).
        """
        asked = [(AUTHORIZATION, challenge) for challenge in choose_challenges(www_authenticate)]
        asked += [(PROXY_AUTHORIZATION, challenge) for challenge in choose_challenges(proxy_authenticate)]
        if not asked:
            raise AuthenticationFailed("the server asks for no kind of authentication that we know", status=status)
        unknown: list[str] = []
        for header, challenge in asked:
            secret = self._client._secret(challenge.realm)
            if secret is None:
                unknown.append(challenge.realm)
            else:
                self._answer(status, header, challenge, secret)
        if len(unknown) == len(asked):
            realms = ", ".join([repr(realm) for realm in unknown])
            raise AuthenticationFailed(f"no password is known for the realm {realms}", status=status, realm=unknown[0])

    def _answer(self, status: int, header: str, challenge: Challenge, secret: Secret) -> None:
        key = (header, challenge.realm)
        answered = self._answered.get(key, 0)
        if answered >= MAX_ANSWERS or not self._is_worth_answering(key, answered, challenge):
            self._client._forget(header, challenge.realm)
            raise AuthenticationFailed(
                f"the server refuses the password of {secret.username!r} in the realm {challenge.realm!r}",
                status=status,
                realm=challenge.realm,
            )
        self._answered[key] = answered + 1
        self._client._begin(header, challenge, secret)

    def _is_worth_answering(self, key: tuple[str, str], answered: int, challenge: Challenge) -> bool:
        sent = self._sent.get(key)
        if sent is None or challenge.stale:
            return True
        # Not stale, so it is the secret that was wrong (RFC 7616 3.3), unless what we sent was left from an earlier
        # request: many servers forget a nonce and only say that by asking with another.
        return answered == 0 and challenge.nonce != sent.nonce

    def accepted(self, info: AuthenticationInfo, body: bytes = b"") -> bool | None:
        """Take the Authentication-Info of a 2xx whose body is `body`: its nextnonce, and its proof.

        True: the server knows our secret. False: its proof is wrong. None: it sent none.
        """
        for (header, _realm), credentials in self._sent.items():
            if header == AUTHORIZATION and info.cnonce in {None, credentials.cnonce}:
                return self._client._accepted(credentials, info, body)
        return None
