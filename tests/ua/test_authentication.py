"""Challenges and credentials between header fields and the digest client (RFC 3261 22)."""

from __future__ import annotations

import pytest

from offhook.errors import AuthenticationFailed
from offhook.ids import IdSource
from offhook.security import digest
from offhook.security.digest_client import DigestClient, Secret
from offhook.sip.headers.auth import Credentials
from offhook.sip.message import Request
from offhook.sip.serializer import Draft, new_response
from offhook.ua.authentication import add_credentials, challenged, succeeded
from tests.dialog.messages import request

NONCE = "84a4cc6f3082121f32b42a2187831a9e"


def client() -> DigestClient:
    return DigestClient([Secret("bob", "zanzibar", "biloxi.com")], IdSource.seeded(1))


def signed(attempt: object) -> Request:
    from offhook.security.digest_client import Attempt

    assert isinstance(attempt, Attempt)
    return add_credentials(Draft.of(request()), attempt).request()


@pytest.mark.rfc("8760 2.6 #5")
def test_a_challenge_of_rfc_3665_is_answered_so_that_it_verifies() -> None:
    attempt = client().attempt("INVITE", "sip:bob@biloxi.com")
    assert not signed(attempt).has("Authorization")
    response = new_response(401)
    response.add("WWW-Authenticate", f'Digest realm="biloxi.com", qop="auth", nonce="{NONCE}", opaque="", stale=FALSE')
    challenged(attempt, response.response())
    made = signed(attempt).headers("Authorization")
    assert len(made) == 1
    assert isinstance(made[0], Credentials)
    credentials = digest.Credentials.parse(made[0].params)
    assert digest.verify(credentials, digest.compute_ha1("MD5", "bob", "biloxi.com", "zanzibar"), "INVITE")


def test_both_kinds_are_answered_in_their_own_headers() -> None:
    own = DigestClient([Secret("bob", "zanzibar")], IdSource.seeded(1))
    attempt = own.attempt("INVITE", "sip:bob@biloxi.com")
    response = new_response(407).add("Proxy-Authenticate", 'Digest realm="p", nonce="1"')
    response.add("WWW-Authenticate", 'Digest realm="w", nonce="2"')
    challenged(attempt, response.response())
    assert signed(attempt).has("Authorization")
    assert signed(attempt).has("Proxy-Authorization")


@pytest.mark.rfc("8760 2.4 #4", "8760 2.6 #1")
@pytest.mark.parametrize(
    "value",
    [
        'Basic realm="biloxi.com"',
        'Bearer realm="biloxi.com"',
        'Digest realm="biloxi.com"',
        "Digest broken",
        'Digest realm="other", nonce="1"',
    ],
)
def test_what_cannot_be_answered_fails(value: str) -> None:
    attempt = client().attempt("INVITE", "sip:bob@biloxi.com")
    with pytest.raises(AuthenticationFailed):
        challenged(attempt, new_response(401).add("WWW-Authenticate", value).response())


@pytest.mark.rfc("8760 2.4 #2")
@pytest.mark.parametrize(
    "odd",
    [
        'Digest realm="biloxi.com"',
        "Digest broken",
        'Digest realm="biloxi.com", nonce="1", nonce="2"',
        'Digest realm="biloxi.com", nonce="1", algorithm=SHA-3',
        'Digest realm="biloxi.com", nonce="1", qop="auth-conf"',
        'Basic realm="biloxi.com"',
        '"',
    ],
)
def test_one_challenge_that_can_be_read_is_enough(odd: str) -> None:
    attempt = client().attempt("INVITE", "sip:bob@biloxi.com")
    response = new_response(401).add("WWW-Authenticate", odd)
    response.add("WWW-Authenticate", f'Digest realm="biloxi.com", nonce="{NONCE}"')
    challenged(attempt, response.response())
    assert signed(attempt).has("Authorization")


def test_the_next_nonce_is_taken_from_a_success() -> None:
    own = client()
    attempt = own.attempt("INVITE", "sip:bob@biloxi.com")
    challenged(
        attempt, new_response(401).add("WWW-Authenticate", f'Digest realm="biloxi.com", nonce="{NONCE}"').response()
    )
    signed(attempt)
    succeeded(attempt, new_response(200).add("Authentication-Info", 'nextnonce="next"').response())
    assert 'nonce="next"' in (signed(own.attempt("BYE", "sip:bob@biloxi.com")).text("Authorization") or "")


@pytest.mark.parametrize("value", ['"broken', 'rspauth="0", qop=auth, nc=00000001, cnonce="x"'])
def test_an_info_of_no_use_changes_nothing(value: str) -> None:
    own = client()
    attempt = own.attempt("INVITE", "sip:bob@biloxi.com")
    succeeded(attempt, new_response(200).response())
    succeeded(attempt, new_response(200).add("Authentication-Info", value).response())
    assert not signed(attempt).has("Authorization")
