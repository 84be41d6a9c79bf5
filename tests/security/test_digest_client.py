from __future__ import annotations

import pytest

from offhook.errors import AuthenticationFailed
from offhook.ids import IdSource
from offhook.security import digest_client
from offhook.security.digest import (
    AuthenticationInfo,
    Challenge,
    Credentials,
    compute_ha1,
    request_digest,
    verify,
)
from offhook.security.digest_client import AUTHORIZATION, PROXY_AUTHORIZATION, Attempt, DigestClient, Secret

URI = "sip:example.com"


def client(*secrets: Secret) -> DigestClient:
    return DigestClient(secrets or (Secret("alice", "wonderland"),), IdSource.seeded(1))


def only(attempt: Attempt) -> Credentials:
    [(_, credentials)] = attempt.credentials()
    return credentials


def right(credentials: Credentials, password: str = "wonderland") -> bool:
    ha1 = compute_ha1(credentials.algorithm, credentials.username, credentials.realm, password)
    return verify(credentials, ha1, "REGISTER")


def registered(user: DigestClient) -> Attempt:
    """A request that was challenged with nonce `one` and then succeeded."""
    attempt = user.attempt("REGISTER", URI)
    assert attempt.credentials() == []
    attempt.challenged(401, [Challenge("r", "one")], [])
    assert right(only(attempt))
    return attempt


def test_all_names_exist() -> None:
    assert all(hasattr(digest_client, name) for name in digest_client.__all__)


@pytest.mark.rfc("3261 22.1 #10")
def test_a_challenge_is_answered_once() -> None:
    user = client()
    attempt = registered(user)
    with pytest.raises(AuthenticationFailed, match="refuses the password of 'alice' in the realm 'r'") as caught:
        attempt.challenged(401, [Challenge("r", "one")], [])
    assert (caught.value.status, caught.value.realm) == (401, "r")


@pytest.mark.rfc("3261 22.1 #10")
def test_another_nonce_without_stale_means_a_wrong_password_too() -> None:
    attempt = registered(client())
    with pytest.raises(AuthenticationFailed, match="refuses"):
        attempt.challenged(401, [Challenge("r", "two")], [])


@pytest.mark.rfc("3261 22.1 #10")
def test_a_stale_nonce_is_replaced_but_not_for_ever() -> None:
    attempt = registered(client())
    for nonce in ("two", "three"):
        attempt.challenged(401, [Challenge("r", nonce, stale=True)], [])
        credentials = only(attempt)
        assert (credentials.nonce, credentials.nc) == (nonce, "00000001")
    with pytest.raises(AuthenticationFailed):
        attempt.challenged(401, [Challenge("r", "four", stale=True)], [])


def test_later_requests_answer_at_once_and_count() -> None:
    user = client()
    first = only(registered(user))
    later = only(user.attempt("REGISTER", URI))
    assert (first.nc, later.nc) == ("00000002", "00000003")
    assert (first.nonce, first.cnonce) == (later.nonce, later.cnonce)
    assert right(later)


def test_a_nonce_that_the_server_forgot_is_no_wrong_password() -> None:
    user = client()
    registered(user)
    later = user.attempt("REGISTER", URI)
    later.credentials()
    later.challenged(401, [Challenge("r", "two")], [])
    assert only(later).nonce == "two"
    with pytest.raises(AuthenticationFailed):
        later.challenged(401, [Challenge("r", "three")], [])


@pytest.mark.rfc("3261 22.1 #10")
def test_the_same_nonce_again_is_a_wrong_password_even_for_a_later_request() -> None:
    user = client()
    registered(user)
    later = user.attempt("REGISTER", URI)
    later.credentials()
    with pytest.raises(AuthenticationFailed):
        later.challenged(401, [Challenge("r", "one")], [])
    assert user.attempt("REGISTER", URI).credentials() == [], "what was refused is not offered again"


def test_the_next_nonce_begins_to_count_anew() -> None:
    user = client()
    attempt = registered(user)
    old = only(attempt)
    assert attempt.accepted(AuthenticationInfo(nextnonce="next")) is None
    credentials = only(user.attempt("REGISTER", URI))
    assert (credentials.nonce, credentials.nc) == ("next", "00000001")
    assert credentials.cnonce != old.cnonce
    assert right(credentials)
    assert attempt.accepted(AuthenticationInfo(nextnonce="late")) is None
    assert only(user.attempt("REGISTER", URI)).nonce == "next", "an overlapping request answered the old nonce"


def test_the_server_proves_itself() -> None:
    user = client()
    attempt = registered(user)
    sent = only(attempt)
    ha1 = compute_ha1("MD5", "alice", "r", "wonderland")
    assert attempt.accepted(AuthenticationInfo.proving(sent, ha1)) is True
    wrong = AuthenticationInfo.proving(sent, "0" * 32, nextnonce="evil")
    assert attempt.accepted(wrong) is False
    assert only(user.attempt("REGISTER", URI)).nonce == "one"
    assert attempt.accepted(AuthenticationInfo(cnonce="of somebody else", nextnonce="x")) is None
    assert user.attempt("REGISTER", URI).accepted(AuthenticationInfo(nextnonce="x")) is None


@pytest.mark.rfc("3261 22.3 #12")
def test_a_proxy_and_a_server_are_answered_in_one_request() -> None:
    attempt = client().attempt("INVITE", URI)
    attempt.challenged(407, [], [Challenge("r", "p")])
    attempt.credentials()
    attempt.challenged(401, [Challenge("r", "s")], [])
    answers = {header: (credentials.nonce, credentials.username) for header, credentials in attempt.credentials()}
    assert answers == {AUTHORIZATION: ("s", "alice"), PROXY_AUTHORIZATION: ("p", "alice")}


@pytest.mark.rfc("8760 2.4 #1", "8760 2.4 #3")
def test_challenges_of_a_fork_are_all_answered() -> None:
    """RFC 3261 22.3: a forking proxy puts the challenges of all branches into one response."""
    attempt = client().attempt("INVITE", URI)
    attempt.challenged(407, [Challenge("ua", "1")], [Challenge("a", "2"), Challenge("b", "3"), Challenge("a", "4")])
    assert sorted(credentials.nonce for _, credentials in attempt.credentials()) == ["1", "2", "3"]


@pytest.mark.rfc("8760 2.4 #3", "3261 22.3 #11", "3261 22.3 #12")
def test_each_realm_gets_its_own_secret() -> None:
    user = client(Secret("any", "1"), Secret("special", "2", "vip"))
    attempt = user.attempt("REGISTER", URI)
    attempt.challenged(401, [Challenge("vip", "n"), Challenge("other", "n")], [])
    names = {credentials.realm: credentials.username for _, credentials in attempt.credentials()}
    assert names == {"vip": "special", "other": "any"}


@pytest.mark.rfc("8760 2.4 #3", "8760 2.4 #4")
def test_a_realm_without_a_secret_is_passed_over_while_another_helps() -> None:
    user = client(Secret("alice", "x", "mine"))
    attempt = user.attempt("REGISTER", URI)
    attempt.challenged(401, [Challenge("foreign", "n"), Challenge("mine", "n")], [])
    assert only(attempt).realm == "mine"
    with pytest.raises(AuthenticationFailed, match=r"no password is known for the realm 'foreign'") as caught:
        attempt.challenged(407, [], [Challenge("foreign", "n")])
    assert (caught.value.status, caught.value.realm) == (407, "foreign")


@pytest.mark.rfc("8760 2.4 #4")
def test_nothing_that_we_understand() -> None:
    attempt = client().attempt("REGISTER", URI)
    with pytest.raises(AuthenticationFailed, match="no kind of authentication"):
        attempt.challenged(401, [Challenge("r", "n", "AKAv1-MD5")], [])


def test_a_session_key_is_the_same_for_every_server() -> None:
    """One that made the key at the first answer, and one that makes it each time, verify the second answer alike."""
    user = client()
    attempt = user.attempt("REGISTER", URI)
    attempt.challenged(401, [Challenge("r", "n", "SHA-256-sess")], [])
    first, second = only(attempt), only(attempt)
    ha1 = compute_ha1("SHA-256", "alice", "r", "wonderland")
    assert (first.cnonce, first.nc, second.nc) == (second.cnonce, "00000001", "00000002")
    assert second.response == request_digest(second, ha1, "REGISTER")


def test_the_body_counts_for_auth_int() -> None:
    attempt = client().attempt("MESSAGE", URI, b"hello")
    attempt.challenged(401, [Challenge("r", "n", qop=("auth-int",))], [])
    credentials = only(attempt)
    ha1 = compute_ha1("MD5", "alice", "r", "wonderland")
    assert verify(credentials, ha1, "MESSAGE", b"hello")
    assert not verify(credentials, ha1, "MESSAGE", b"hullo")
