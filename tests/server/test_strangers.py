"""Floods and guesses: strangers learn nothing, are throttled, and leave the users of the server in peace."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

import pytest
from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.security.digest import Challenge, answer_challenge, compute_ha1
from offhook.server.config import DomainConfig, ThrottleConfig
from offhook.server.role import MOST_REGISTERING
from offhook.sip.headers.auth import Credentials, parse_challenge
from offhook.sip.message import Response
from offhook.sip.serializer import Draft
from offhook.testing.network import VirtualNode
from offhook.testing.peer import ScriptedPeer
from offhook.transaction.capacity import Capacity
from tests.server.wiring import DOMAIN, SERVER, Site

Mode = Literal["proxy", "stateless", "redirect"]
STRICT = ThrottleConfig(failed_logins=3, refused_requests=3, unanswered_challenges=3, ban_seconds=60.0)
THEIRS = re.compile(rb"(tag=|branch=|nonce=\"|CSeq: |Call-ID: )[^;>\"\r]*|nobody|bob")
"""What differs between two answers because the requests did, or because it is never the same."""


def seen(site: Site, peer: VirtualNode[ScriptedPeer], send: Callable[[], object]) -> list[tuple[float, bytes]]:
    """What a peer sees of the answers to what it sends: when they came, and all that could tell it something."""
    before = len(site.network.trace or [])
    begun = site.network.clock.monotonic
    send()
    return [
        (round(time - begun, 3), THEIRS.sub(b"", data))
        for time, sender, receiver, data in (site.network.trace or [])[before:]
        if receiver == peer.host and sender == SERVER
    ]


def as_user(user: str) -> Callable[[Draft], Draft]:
    return lambda draft: draft.set("From", f"<sip:{user}@{DOMAIN}>;tag=1").set("To", f"<sip:{user}@{DOMAIN}>")


def guess(site: Site, peer: VirtualNode[ScriptedPeer], user: str, method: str = "REGISTER") -> list[int]:
    """Answer the server's challenge with a wrong password."""
    uri = f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:bob@{DOMAIN}"
    site.send(peer, method, uri, as_user(user))
    ask, answer = ("WWW-Authenticate", "Authorization")
    if method != "REGISTER":
        ask, answer = ("Proxy-Authenticate", "Proxy-Authorization")
    challenge = Challenge.parse(parse_challenge(peer.role.responses[-1].texts(ask)[0]).params)
    ha1 = compute_ha1(challenge.algorithm, user, challenge.realm, "wrong")
    made = answer_challenge(challenge, user, ha1, method, uri, "c")

    def edit(draft: Draft) -> None:
        as_user(user)(draft)
        draft.add(answer, Credentials("Digest", made.parameters()).serialize())

    return site.send(peer, method, uri, edit)


# What strangers learn


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "INVITE"])
def test_a_guess_tells_nothing_of_whether_there_is_such_a_user(method: str) -> None:
    """Whether the store knows at once that there is one, and has to look for one that is not."""
    site = Site()
    site.accounts.slow_to_deny = True
    peer = site.stranger()
    assert seen(site, peer, lambda: guess(site, peer, "bob", method)) == seen(
        site, peer, lambda: guess(site, peer, "nobody", method)
    )
    assert peer.role.statuses()[-1] == (401 if method == "REGISTER" else 407)


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "INVITE"])
def test_nor_does_a_request_in_the_name_of_one(method: str) -> None:
    site = Site()
    site.accounts.slow_to_deny = True
    peer = site.stranger()
    uri = f"sip:{DOMAIN}" if method == "REGISTER" else "sip:bob@example.com"
    first = seen(site, peer, lambda: site.send(peer, method, uri, as_user("bob")))
    assert first == seen(site, peer, lambda: site.send(peer, method, uri, as_user("nobody")))
    assert site.accounts.asked == 0


@pytest.mark.parametrize("mode", ["proxy", "stateless", "redirect"])
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS"])
def test_hidden_users_are_as_absent_as_those_who_do_not_exist(mode: Mode, slow: bool, method: str) -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, mode=mode, hide_users=True))
    site.accounts.slow_to_deny = slow
    peer = site.stranger()
    there = seen(site, peer, lambda: site.send(peer, method, "sip:bob@example.com"))
    assert there == seen(site, peer, lambda: site.send(peer, method, "sip:nobody@example.com"))
    assert peer.role.statuses()[-1] == 480
    assert site.accounts.asked == 0


@pytest.mark.parametrize("mode", ["proxy", "stateless", "redirect"])
def test_our_own_users_are_told(mode: Mode) -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, mode=mode, hide_users=True))
    assert site.phone("alice").message("sip:nobody@example.com") == [404]
    assert site.phone("alice").message("sip:bob@example.com") == [480]


@pytest.mark.parametrize("mode", ["proxy", "stateless", "redirect"])
def test_without_hiding_strangers_are_told_what_the_rfc_says(mode: Mode) -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, mode=mode))
    with capture_logs() as lines:
        assert site.send(site.stranger(), "MESSAGE", "sip:nobody@example.com") == [404]
        assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [480]
    assert [(line["reason"], line["status"]) for line in lines] == [("nobody there", 404)]


def test_hidden_users_ring() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, hide_users=True))
    site.phone("bob").register()
    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [200]


# Who is throttled


def banned(lines: list[dict[str, object]]) -> list[object]:
    return [line["reason"] for line in lines if line["event"] == "security: banned"]


def test_whoever_guesses_passwords_is_not_heard_for_a_while() -> None:
    site = Site(throttle=ThrottleConfig(failed_logins=3, ban_seconds=60.0))
    peer = site.stranger()
    with capture_logs() as lines:
        for _ in range(4):
            assert guess(site, peer, "alice") == [401]
        assert site.send(peer, "REGISTER", "sip:example.com", as_user("alice")) == []
    assert banned(lines) == ["wrong credentials"]  # type: ignore[arg-type]
    site.run(60.0)
    assert site.send(peer, "REGISTER", "sip:example.com", as_user("alice")) == [401]


@pytest.mark.parametrize("mode", ["proxy", "stateless", "redirect"])
@pytest.mark.parametrize("hide_users", [False, True])
def test_whoever_looks_for_users_is_not_heard_for_a_while(mode: Mode, hide_users: bool) -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, mode=mode, hide_users=hide_users), throttle=STRICT)
    peer = site.stranger()
    with capture_logs() as lines:
        answers = [site.send(peer, "OPTIONS", f"sip:{number}@example.com") for number in range(100, 106)]
    assert answers == [[480 if hide_users else 404]] * 4 + [[]] * 2
    assert banned(lines) == ["refused requests"]  # type: ignore[arg-type]


def test_whoever_never_answers_a_challenge_is_not_heard_for_a_while() -> None:
    site = Site(throttle=STRICT)
    peer = site.stranger()
    with capture_logs() as lines:
        answers = [site.send(peer, "REGISTER", "sip:example.com", as_user("alice")) for _ in range(6)]
    assert answers == [[401]] * 4 + [[]] * 2
    assert banned(lines) == ["unanswered challenges"]  # type: ignore[arg-type]


def test_phones_that_answer_their_challenges_go_on_for_ever() -> None:
    site = Site(throttle=STRICT)
    alice = site.phone("alice")
    site.phone("bob").register()
    for number in range(8):
        assert alice.register() == [200]
        assert alice.message("sip:bob@example.com") == [200] * (number + 1)


def test_a_phone_that_showed_its_password_and_its_calls_outlive_a_ban_of_its_address() -> None:
    site = Site(throttle=STRICT)
    alice, bob = site.phone("alice"), site.phone("bob")
    alice.register()
    bob.register()
    call = alice.invite("sip:bob@example.com")
    rogue = site.network.add(
        alice.node.host, lambda stack: ScriptedPeer(stack, "sip:alice@example.com", None, "r"), port=6000
    )
    for _ in range(4):
        guess(site, rogue, "alice")
    assert site.send(rogue, "REGISTER", "sip:example.com", as_user("alice")) == []
    assert alice.register() == [200]
    bob.node.call(bob.rings[0].answer)
    site.run(2.0)
    assert (alice.heard[-1], bob.heard[-1]) == ("Answered", "Answered")
    alice.node.call(call.hang_up)
    site.run(2.0)
    assert (alice.heard[-1], bob.heard[-1]) == ("Ended", "Ended")
    site.run(40.0)
    assert (alice.left[0], bob.left[0]) == (0, 0)


def test_trusted_networks_are_never_throttled() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, trusted=["198.51.100.0/24"]), throttle=STRICT)
    peer = site.stranger()
    assert [site.send(peer, "OPTIONS", f"sip:{number}@example.com") for number in range(9)] == [[404]] * 9


# What a flood leaves to others


def ringing_bob(site: Site) -> VirtualNode[ScriptedPeer]:
    """Bob's phone, which rings for ever."""
    site.phone("bob").register()
    host = next(host for host, _ in site.network.nodes if host.startswith("192.0.2.1") and host != SERVER)
    return site.network.add(host, lambda stack: ScriptedPeer(stack, f"sip:bob@{host}", lambda request: [(0.0, 180)]))


def test_strangers_take_half_of_what_there_is_and_our_users_the_rest() -> None:
    site = Site()
    ringing_bob(site)
    stranger = site.stranger()
    alice = site.phone("alice")
    site.server.stack.capacity = Capacity(1000, 8)
    with capture_logs() as lines:
        answers = [site.send(stranger, "INVITE", "sip:bob@example.com") for _ in range(5)]
    assert answers == [[180]] * 4 + [[503]]
    assert 5 <= int(stranger.role.responses[-1].octets("retry-after") or b"0") <= 10
    assert [line["reason"] for line in lines] == ["no room for more requests"]
    calls = [alice.invite("sip:bob@example.com") for _ in range(5)]
    assert (alice.heard.count("180"), alice.heard.count("Ended")) == (4, 1)
    # And what exists can be ended.
    for call in calls[:4]:
        alice.node.call(call.hang_up)
    site.run(2.0)
    assert site.server.stack.transactions.unanswered == 4


def test_nor_does_a_wrong_password_take_more() -> None:
    """It has a transaction, as the account has to be looked up, which then keeps the refusal for half a minute."""
    site = Site()
    alice, bob = site.phone("alice"), site.phone("bob")
    assert (alice.register(), bob.register()) == ([200], [200])
    site.run(40.0)
    site.server.stack.capacity = Capacity(40, 1000)
    value = 'Digest username="x", realm="example.com", nonce="n", uri="sip:bob@example.com", response="0"'
    peers = [site.stranger(f"198.51.100.{number}") for number in range(1, 7)]
    for peer in peers:

        def flood(now: Moment, peer: VirtualNode[ScriptedPeer] = peer) -> None:
            for number in range(10):
                draft = peer.role.request("MESSAGE", "sip:bob@example.com", f"flood{number}")
                as_user("alice")(draft).add("Proxy-Authorization", value)
                peer.role.send(draft, peer.target_to(SERVER, 5060), now)

        peer.call(flood)
    site.run(3.0)
    answers = [status for peer in peers for status in peer.role.statuses()]
    assert (answers.count(407), answers.count(503)) == (20, 40)
    assert alice.message("sip:bob@example.com") == [200]
    # Whoever has shown its password waits for its account with the others of ours.
    site.accounts.slow = True
    assert alice.message("sip:bob@example.com") == [200, 200]


def test_a_trunk_is_no_stranger() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, trusted=["198.51.100.0/24"]))
    ringing_bob(site)
    site.server.stack.capacity = Capacity(1000, 4)
    trunk = site.stranger()
    answers = [site.send(trunk, "INVITE", "sip:bob@example.com") for _ in range(5)]
    assert answers == [[180]] * 4 + [[503]]


def test_registrations_that_wait_for_their_accounts_are_bounded() -> None:
    site = Site(delay=2.0)
    site.accounts.slow = True
    peer = site.stranger()
    value = 'Digest username="x", realm="example.com", nonce="n", uri="sip:example.com", response="0"'

    def flood(now: Moment) -> None:
        for number in range(MOST_REGISTERING + 5):
            draft = peer.role.request("REGISTER", "sip:example.com", f"flood{number}", 1, "")
            as_user("alice")(draft)
            peer.role.send(draft.add("Authorization", value), peer.target_to(SERVER, 5060), now)

    peer.call(flood)
    site.run(1.0)
    answers = [message for message in site.messages(to=peer.host) if isinstance(message, Response)]
    assert [answer.status for answer in answers] == [503] * 5
    site.run(3.0)
    assert peer.role.statuses().count(401) == MOST_REGISTERING
    assert site.send(site.stranger("198.51.100.2"), "OPTIONS", f"sip:{SERVER}") == [200]
