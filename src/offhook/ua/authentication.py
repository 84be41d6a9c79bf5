"""Answering challenges (RFC 3261 22.2, 22.3): from header fields to the digest client and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from offhook.errors import ParseError
from offhook.security import digest
from offhook.security.digest_client import Attempt
from offhook.sip.headers.auth import AuthenticationInfo, Credentials, parse_challenge
from offhook.sip.message import Response
from offhook.sip.serializer import Draft

__all__ = ["add_credentials", "challenged", "is_stale", "succeeded"]


def add_credentials(draft: Draft, attempt: Attempt) -> Draft:
    """Put the credentials into a request that is about to be sent."""
    for name, credentials in attempt.credentials():
        draft.add(name, Credentials("Digest", credentials.parameters()).serialize())
    return draft


def challenged(attempt: Attempt, response: Response, asked: Callable[[Sequence[str]], None] | None = None) -> None:
    """Take a 401 or 407; the request may be sent again when this returns. Raises AuthenticationFailed.

    `asked` is told the realms before any is answered.
    """
    of_server = _challenges(response, "WWW-Authenticate")
    of_proxies = _challenges(response, "Proxy-Authenticate")
    if asked is not None:
        asked([challenge.realm for challenge in (*of_server, *of_proxies)])
    attempt.challenged(response.status, of_server, of_proxies)


def succeeded(attempt: Attempt, response: Response) -> None:
    """Take the Authentication-Info of a 2xx: the nonce for the next request (RFC 3261 20.6, RFC 7616 3.5).

    A server need not prove that it knows our secret, so a wrong proof changes nothing either: an attacker on the way
    would have left it out.
    """
    try:
        info = response.header("Authentication-Info")
    except ParseError:
        return
    if isinstance(info, AuthenticationInfo):
        attempt.accepted(digest.AuthenticationInfo.parse(info.params), response.body)


def is_stale(response: Response) -> bool:
    """Whether a 401 or 407 refuses the nonce, and not the password (RFC 7616 3.3)."""
    names = ("WWW-Authenticate", "Proxy-Authenticate")
    return any(challenge.stale for name in names for challenge in _challenges(response, name))


def _challenges(response: Response, name: str) -> list[digest.Challenge]:
    """The Digest challenges that can be read; others are passed over (RFC 8760 2.4)."""
    found: list[digest.Challenge] = []
    for text in response.texts(name):
        try:
            value = parse_challenge(text)
            if value.is_digest:
                found.append(digest.Challenge.parse(value.params, name))
        except ParseError:
            continue
    return found
