"""Who may ask for the user's secrets (RFC 3261 22.1), and what is kept of what was asked (22.2, 22.3)."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.clock import Moment
from offhook.errors import AuthenticationFailed
from offhook.ids import IdSource
from offhook.security.digest import Challenge
from offhook.security.digest_client import AUTHORIZATION, DigestClient, Secret
from offhook.sip.message import Request
from offhook.sip.uri import SipUri, parse_uri
from offhook.ua import keyring
from offhook.ua.keyring import Keyring
from offhook.ua.settings import Settings
from tests.ua.household import House

HOME = parse_uri("sip:bob@EXAMPLE.com:5070")
AWAY = parse_uri("sip:carol@elsewhere.example")
TELEPHONE = parse_uri("tel:+15550100")


def ring(realm: str | None = None, **settings: Any) -> Keyring:
    aor = parse_uri("sip:alice@example.com")
    assert isinstance(aor, SipUri)
    return Keyring(Settings(aor, secrets=(Secret("alice", "x", realm),), **settings), IdSource.seeded(1))


def proxied() -> Keyring:
    return ring(outbound_proxy=parse_uri("sip:proxy.example.net"))


def answers(client: DigestClient, realm: str) -> bool:
    try:
        client.attempt("INVITE", "sip:x").challenged(401, [Challenge(realm, "n")], [])
    except AuthenticationFailed:
        return False
    return True


def test_all_names_exist() -> None:
    assert all(hasattr(keyring, name) for name in keyring.__all__)


@pytest.mark.rfc("3261 22.1 #9")
def test_the_realm_that_is_called_like_the_domain_is_known() -> None:
    own = ring()
    assert answers(own.client(), "Example.COM")
    assert not answers(own.client(), "elsewhere.example")


def test_a_realm_that_the_user_names_is_the_only_one() -> None:
    own = ring("asterisk")
    own.asked("REGISTER", HOME, False, 401, ["other"])
    assert [answers(own.client(), realm) for realm in ("asterisk", "other", "example.com")] == [True, False, False]


@pytest.mark.parametrize(
    ("method", "uri", "within", "status", "admitted"),
    [
        ("REGISTER", HOME, False, 401, True),
        ("REGISTER", AWAY, False, 401, True),  # where our registrar sent us
        ("INVITE", HOME, False, 401, True),
        ("INVITE", HOME, False, 407, True),
        ("INVITE", HOME, True, 407, False),
        ("INVITE", AWAY, False, 401, False),
        ("INVITE", AWAY, False, 407, False),
        ("INVITE", TELEPHONE, False, 407, False),
        ("BYE", AWAY, True, 407, False),
    ],
)
def test_a_realm_of_our_own_servers_is_learnt(method: str, uri: Any, within: bool, status: int, admitted: bool) -> None:
    own = ring()
    client = own.client()
    own.asked(method, uri, within, status, ["asterisk"])
    assert answers(client, "asterisk") is admitted


@pytest.mark.parametrize(("status", "admitted"), [(401, False), (407, True)])
def test_whom_we_call_at_home_learns_nothing_once_the_realm_is_known(status: int, admitted: bool) -> None:
    own = ring()
    own.asked("REGISTER", HOME, False, 401, ["example.com"])
    own.asked("INVITE", HOME, False, status, ["bob's phone"])
    assert own.admits("bob's phone") is admitted


@pytest.mark.parametrize(("uri", "status"), [(AWAY, 401), (AWAY, 407), (TELEPHONE, 407)])
def test_the_first_to_ask_is_the_outbound_proxy(uri: Any, status: int) -> None:
    own = proxied()
    own.asked("INVITE", uri, False, status, ["asterisk"])
    own.asked("INVITE", uri, False, status, ["elsewhere.example"])
    assert [own.admits(realm) for realm in ("asterisk", "elsewhere.example")] == [True, False]


def test_beside_a_known_realm_no_other_is_learnt() -> None:
    """A fork brings the challenges of all branches in one response."""
    own = proxied()
    own.asked("INVITE", AWAY, False, 407, ["elsewhere.example", "example.com"])
    own.asked("INVITE", AWAY, False, 407, ["elsewhere.example"])
    assert not own.admits("elsewhere.example")


def test_what_is_learnt_is_bounded() -> None:
    own = ring()
    own.asked("REGISTER", HOME, False, 401, [f"realm {number}" for number in range(1000)])
    assert sum(own.admits(f"realm {number}") for number in range(1000)) == 16


def kept(own: Keyring, uri: Any) -> list[str]:
    return [header for header, _ in own.client(uri).attempt("INVITE", "sip:x").credentials()]


@pytest.mark.rfc("3261 22.2 #3", "3261 22.3 #6")
def test_what_a_destination_asked_for_is_kept_for_it_alone() -> None:
    own = ring()
    challenges = [Challenge("example.com", "n")]
    own.client(HOME).attempt("INVITE", "sip:x").challenged(401, challenges, challenges)
    assert (kept(own, HOME), kept(own, AWAY), kept(own, None)) == ([AUTHORIZATION], [], [])


def test_destinations_are_forgotten_by_when_they_were_last_asked() -> None:
    own = ring()
    own.client(HOME).attempt("INVITE", "sip:x").challenged(401, [Challenge("example.com", "n")], [])
    for number in range(255):
        own.client(parse_uri(f"sip:{number}@example.com"))
    assert kept(own, HOME) == [AUTHORIZATION]
    for number in range(1000, 1255):
        own.client(parse_uri(f"sip:{number}@example.com"))
    assert kept(own, HOME) == [AUTHORIZATION]
    for number in range(256):
        own.client(parse_uri(f"sip:{number}@example.com"))
    assert kept(own, HOME) == []


def test_all_challenges_of_one_answer_are_answered_in_one_request() -> None:
    """A proxy that forked hands on what each branch asked for (16.7 step 7); a foreign realm among it gets nothing."""
    house = House()
    script = house.script()
    house.network.name("example.com", ("192.0.2.9", 5060))
    asked = [
        ("WWW-Authenticate", 'Digest realm="example.com", nonce="one", qop="auth"'),
        ("WWW-Authenticate", 'Digest realm="elsewhere.example", nonce="two", qop="auth"'),
        ("Proxy-Authenticate", 'Digest realm="example.com", nonce="three", qop="auth"'),
    ]

    def answer(request: Request, transaction: object, now: Moment) -> None:
        if request.method == "INVITE" and script.methods().count("INVITE") == 1:
            script.respond(401, *asked)
        elif request.method == "INVITE":
            script.respond(486)

    script.on_request = answer
    house.phone("alice", "secret").invite(parse_uri("sip:peer@example.com"))
    house.run()
    last = script.last("INVITE")
    assert last.cseq_number == 2
    for header, nonce in (("Authorization", "one"), ("Proxy-Authorization", "three")):
        [value] = last.texts(header)
        assert f'realm="example.com", nonce="{nonce}"' in value
