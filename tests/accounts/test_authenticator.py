from __future__ import annotations

import time
from statistics import median
from typing import Any

import pytest

from offhook.accounts import authenticator
from offhook.accounts.authenticator import Authenticator, Proven, Realm, Unproven
from offhook.accounts.base import PENDING, Account, Pending
from offhook.accounts.memory import MemoryAccounts
from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.ids import IdSource
from offhook.security.digest import Challenge, Credentials, compute_ha1, request_digest
from offhook.security.nonce import NonceGuard, NonceSource
from offhook.sip.headers.auth import Challenge as ChallengeValue
from offhook.sip.headers.auth import Credentials as CredentialsValue
from offhook.sip.message import Request
from offhook.sip.serializer import new_request

REALM = Realm("example.com", ("SHA-256", "MD5"))
SECRET = b"x" * 32
WALL = 1_767_225_600.0


def at(seconds: float = 0.0) -> Moment:
    return Moment(seconds, WALL + seconds)


class LaterAccounts(MemoryAccounts):
    """Accounts that have to be awaited."""

    def by_username_now(self, username: str, realm: str) -> Account | Pending | None:  # type: ignore[override]
        return PENDING

    async def by_username(self, username: str, realm: str) -> Account | None:
        return super().by_username_now(username, realm)


class Desk:
    """An authenticator, and a client that answers its challenges."""

    def __init__(self, accounts: type[MemoryAccounts] = MemoryAccounts, run: str = "1") -> None:
        self.store = accounts(
            [
                Account.create("alice", "example.com", "wonderland"),
                Account.create("bob", "example.com", "x", algorithms=["SHA-256"]),
                Account.create("carol", "example.com", "x").with_enabled(False),
            ]
        )
        self.it = Authenticator(self.store, NonceSource(SECRET, IdSource.seeded(1), 60.0), NonceGuard(), run)

    def nonce(self, now: Moment) -> str:
        [(_, value), *_] = self.it.challenges(REALM, "WWW-Authenticate", False, now)
        return value.partition('nonce="')[2].partition('"')[0]

    def check(self, request: Request, now: Moment, realm: Realm = REALM) -> Proven | Unproven:
        """The verdict at once; where that takes time, what comes of it."""
        found = self.it.check(request, realm, "Authorization", now)
        if not isinstance(found, Pending):
            return found
        waiting = self.it.wait(request, realm, "Authorization", now)
        with pytest.raises(StopIteration) as ended:
            waiting.send(None)
        verdict: Proven | Unproven = ended.value.value
        return verdict


def request(*headers: tuple[str, str], method: str = "REGISTER", body: bytes = b"") -> Request:
    draft = new_request(method, "sip:example.com")
    for name, value in headers:
        draft.add(name, value)
    return draft.body(body).request()


def credentials(
    nonce: str,
    username: str = "alice",
    password: str = "wonderland",
    *,
    realm: str = "example.com",
    algorithm: str = "SHA-256",
    qop: str | None = "auth",
    nc: int = 1,
    method: str = "REGISTER",
    body: bytes = b"",
) -> tuple[str, str]:
    """The Authorization of a client that knows a password."""
    count = None if qop is None else f"{nc:08x}"
    made = Credentials(username, realm, nonce, "sip:example.com", "", algorithm, "c", None, qop, count)
    made.response = request_digest(made, compute_ha1(algorithm, username, realm, password), method, body)
    return ("Authorization", CredentialsValue("Digest", made.parameters()).serialize())


def aor_of(found: object) -> str:
    assert isinstance(found, Proven)
    return found.account.aor


class RememberedAccounts(MemoryAccounts):
    """Those that exist are at hand, and whether there is another has to be awaited."""

    def by_username_now(self, username: str, realm: str) -> Account | Pending | None:  # type: ignore[override]
        return super().by_username_now(username, realm) or PENDING


def test_all_names_exist() -> None:
    assert all(hasattr(authenticator, name) for name in authenticator.__all__)


@pytest.mark.rfc("8760 2.3 #1", "8760 2.3 #2", "8760 2.6 #6", "3261 7.3.1 #2", "3261 22.4 #5")
def test_a_challenge_for_each_algorithm_in_its_order() -> None:
    fields = Desk().it.challenges(REALM, "Proxy-Authenticate", False, at())
    assert [name for name, _ in fields] == ["Proxy-Authenticate"] * 2
    [values] = [request(*fields).headers("Proxy-Authenticate")]
    read = [Challenge.parse(value.params) for value in values if isinstance(value, ChallengeValue)]
    assert [(one.algorithm, one.realm, one.qop, one.stale) for one in read] == [
        ("SHA-256", "example.com", ("auth",), False),
        ("MD5", "example.com", ("auth",), False),
    ]
    assert len({one.nonce for one in read}) == 1


@pytest.mark.rfc("3261 22.4 #7")
def test_the_right_password_is_known_by_every_algorithm() -> None:
    desk = Desk()
    for algorithm in ("SHA-256", "MD5", "SHA-256-sess", "MD5-sess"):
        found = desk.check(request(credentials(desk.nonce(at()), algorithm=algorithm)), at())
        assert aor_of(found) == "sip:alice@example.com"


@pytest.mark.rfc("3261 22.4 #1", "3261 22.4 #7", "8760 2.6 #4")
def test_a_client_of_rfc_2069_is_known() -> None:
    desk = Desk()
    header = credentials(desk.nonce(at()), algorithm="MD5", qop=None)
    assert aor_of(desk.check(request(header), at())) == "sip:alice@example.com"
    replayed = desk.check(request(header, ("CSeq", "7 REGISTER")), at())
    assert isinstance(replayed, Unproven)
    assert replayed.stale


@pytest.mark.parametrize("username", ["alice", "nobody", "carol"])
def test_wrong_credentials_take_one_way_whoever_there_is(username: str) -> None:
    """Whoever asks cannot tell by the time whether there is such a user, nor which of them were there lately."""
    desk = Desk()
    wrong = request(credentials(desk.nonce(at()), username, "wrong"))
    assert desk.it.check(wrong, REALM, "Authorization", at()) is PENDING


@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_no_nonce_count_serves_twice(qop: str) -> None:
    desk = Desk()
    nonce = desk.nonce(at())
    for body in (b"one", b"two"):
        header = credentials(nonce, qop=qop, method="MESSAGE", body=body)
        found = desk.check(request(header, method="MESSAGE", body=body), at())
        if body == b"one":
            assert aor_of(found) == "sip:alice@example.com"
        else:
            assert isinstance(found, Unproven)
            assert found.stale
    header = credentials(nonce, qop=qop, nc=2, method="MESSAGE", body=b"two")
    assert aor_of(desk.check(request(header, method="MESSAGE", body=b"two"), at())) == "sip:alice@example.com"


@pytest.mark.rfc("8760 2.6 #4")
def test_auth_int_covers_the_body() -> None:
    desk = Desk()
    nonce = desk.nonce(at())
    header = credentials(nonce, qop="auth-int", method="MESSAGE", body=b"one")
    assert isinstance(desk.check(request(header, method="MESSAGE", body=b"two"), at()), Unproven)
    assert aor_of(desk.check(request(header, method="MESSAGE", body=b"one"), at())) == "sip:alice@example.com"


@pytest.mark.parametrize(
    "change",
    [
        {"password": "wrong"},
        {"username": "nobody"},
        {"username": "carol", "password": "x"},
        {"username": "bob", "password": "x", "algorithm": "MD5"},
        {"algorithm": "SHA-512-256"},
        {"method": "INVITE"},
    ],
    ids=["password", "nobody", "disabled", "no such secret", "not offered", "another method"],
)
def test_whoever_is_wrong_is_asked_again(change: dict[str, Any]) -> None:
    desk = Desk()
    found = desk.check(request(credentials(desk.nonce(at()), **change)), at())
    assert isinstance(found, Unproven)
    assert (found.username, found.stale) == (change.get("username", "alice"), False)


def test_whoever_says_nothing_is_asked() -> None:
    desk = Desk()
    found = desk.check(request(), at())
    assert isinstance(found, Unproven)
    assert (found.username, found.stale) == (None, False)


@pytest.mark.rfc("3261 22.3 #7", "3261 22 #2", "8760 2.6 #1")
def test_credentials_for_others_are_not_ours_to_judge() -> None:
    desk = Desk()
    other = credentials("n", realm="other.example")
    own = credentials(desk.nonce(at()))
    basic = ("Authorization", "Basic QWxhZGRpbjpvcGVu")
    unknown = desk.check(request(other, basic), at())
    assert isinstance(unknown, Unproven)
    assert unknown.username is None, "what is for others is not even wrong"
    assert aor_of(desk.check(request(other, basic, own), at())) == "sip:alice@example.com"


@pytest.mark.rfc("3261 22.3 #11")
@pytest.mark.parametrize("ours_first", [True, False])
def test_of_several_answers_in_one_realm_the_one_to_us_counts(ours_first: bool) -> None:
    """Another server of the domain has asked too, with a nonce of its own (RFC 3261 22.3)."""
    desk = Desk()
    theirs = credentials(NonceSource(b"y" * 32, IdSource.seeded(2)).issue("example.com", WALL))
    ours = credentials(desk.nonce(at()))
    sent = request(ours, theirs) if ours_first else request(theirs, ours)
    assert aor_of(desk.check(sent, at())) == "sip:alice@example.com"


@pytest.mark.rfc("3261 22.1 #5")
def test_an_ack_is_proven_by_what_was_accepted_for_its_invite() -> None:
    desk = Desk()
    header = credentials(desk.nonce(at()), method="INVITE")

    def who(header: tuple[str, str], seconds: float = 0.0) -> str | None:
        account = desk.it.check_ack(request(header, method="ACK"), REALM, "Authorization", at(seconds))
        return None if account is None else account.aor

    assert who(header) is None, "no INVITE has come"
    assert aor_of(desk.check(request(header, method="INVITE"), at())) == "sip:alice@example.com"
    assert who(header) == who(header, 3600.0) == "sip:alice@example.com"
    assert who(("Authorization", header[1].replace('username="alice"', 'username="bob"'))) is None
    assert who(("Authorization", header[1].replace('username="alice"', 'username="nobody"'))) is None
    assert who(("Authorization", header[1].replace("nc=00000001", "nc=00000002"))) is None
    assert who(("Subject", "none")) is None
    message = credentials(desk.nonce(at()), method="MESSAGE")
    assert aor_of(desk.check(request(message, method="MESSAGE"), at())) == "sip:alice@example.com"
    assert who(message) is None, "it was no INVITE"


async def test_an_account_that_is_awaited_proves_no_ack() -> None:
    desk = Desk(LaterAccounts)
    header = credentials(desk.nonce(at()), method="INVITE")
    found = await desk.it.wait(request(header, method="INVITE"), REALM, "Authorization", at())
    assert aor_of(found) == "sip:alice@example.com"
    assert desk.it.check_ack(request(header, method="ACK"), REALM, "Authorization", at()) is None


def test_an_aged_nonce_is_stale() -> None:
    desk = Desk()
    header = credentials(desk.nonce(at()))
    found = desk.check(request(header), at(61.0))
    assert isinstance(found, Unproven)
    assert found.stale
    [(_, value), *_] = desk.it.challenges(REALM, "WWW-Authenticate", True, at(61.0))
    assert "stale=true" in value


def test_a_nonce_of_somebody_else_needs_the_right_password_to_be_stale() -> None:
    desk = Desk()
    foreign = NonceSource(b"y" * 32, IdSource.seeded(2)).issue("example.com", WALL)
    right = desk.check(request(credentials(foreign)), at())
    wrong = desk.check(request(credentials(foreign, password="wrong")), at())
    assert isinstance(right, Unproven)
    assert isinstance(wrong, Unproven)
    assert (right.stale, wrong.stale) == (True, False)


def test_a_nonce_is_of_one_realm() -> None:
    desk = Desk()
    desk.store = MemoryAccounts()
    [(_, value), *_] = desk.it.challenges(Realm("other.example", ("MD5",)), "WWW-Authenticate", False, at())
    nonce = value.partition('nonce="')[2].partition('"')[0]
    found = desk.check(request(credentials(nonce)), at())
    assert isinstance(found, Unproven)
    assert found.stale


def test_a_replay_is_stale_and_counting_on_is_not() -> None:
    desk = Desk()
    nonce = desk.nonce(at())
    first, second = request(credentials(nonce, nc=1)), request(credentials(nonce, nc=2))
    assert aor_of(desk.check(first, at())) == "sip:alice@example.com"
    assert aor_of(desk.check(second, at())) == "sip:alice@example.com"
    # The digest covers no Contact: what was overheard could be sent with another.
    replayed = desk.check(request(credentials(nonce, nc=1), ("Contact", "<sip:eve@192.0.2.66>")), at())
    assert isinstance(replayed, Unproven)
    assert replayed.stale


def test_a_request_that_is_sent_again_is_no_replay() -> None:
    """It is the same one as long as copies of it arrive; whatever else bears its credentials is not."""
    desk = Desk()
    header = credentials(desk.nonce(at()))
    sent = request(("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), ("CSeq", "1 REGISTER"), header)
    others = [
        request(("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2"), ("CSeq", "1 REGISTER"), header),
        request(("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), ("CSeq", "2 REGISTER"), header),
        request(
            ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), ("CSeq", "1 REGISTER"), header, ("Contact", "sip:e@e")
        ),
    ]
    for second in (0, 1, 36.9):
        assert aor_of(desk.check(sent, at(second))) == "sip:alice@example.com"
        assert [type(desk.check(other, at(second))) for other in others] == 3 * [Unproven]
    assert isinstance(desk.check(sent, at(37.1)), Unproven)


def test_a_request_is_not_refused_for_a_nonce_that_aged_before_it_was_sent_again() -> None:
    desk = Desk()
    sent = request(("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), credentials(desk.nonce(at())))
    for second in (59.9, 60.4):
        assert aor_of(desk.check(sent, at(second))) == "sip:alice@example.com"


@pytest.mark.parametrize("step", [0.0, -3600.0, 3600.0])
def test_what_was_used_before_a_restart_is_not_used_again(step: float) -> None:
    """How often a nonce was used is forgotten with the server that gave it out, wherever the clock is set."""
    before, after = Desk(run="1"), Desk(run="2")
    sent = request(credentials(before.nonce(at()), nc=1))
    assert aor_of(before.check(sent, at())) == "sip:alice@example.com"
    for second in (1.0, 2.0, -step, 1.0 - step):
        replayed = after.check(sent, Moment(max(second, 0.0), WALL + step + second))
        assert isinstance(replayed, Unproven)
        assert replayed.stale
    assert aor_of(after.check(request(credentials(after.nonce(at(1.0)))), at(1.0))) == "sip:alice@example.com"


@pytest.mark.parametrize("step", [-3600.0, -120.0, 3600.0])
def test_whoever_sets_the_wall_clock_locks_nobody_out(step: float) -> None:
    desk = Desk()
    before = desk.nonce(at())
    assert isinstance(desk.check(request(credentials(before)), at(1)), Proven)
    after = Moment(2.0, WALL + 2 + step)
    assert isinstance(desk.check(request(credentials(desk.nonce(after))), after), Proven)
    # One that was given out before is as old as it is, and its counts are remembered.
    assert isinstance(desk.check(request(credentials(before, nc=2)), after), Proven)
    assert isinstance(desk.check(request(credentials(before, nc=2), ("CSeq", "7 REGISTER")), after), Unproven)
    later = Moment(62.0, WALL + 62 + step)
    assert isinstance(desk.check(request(credentials(before, nc=3)), later), Unproven)


def test_a_wrong_password_uses_no_count_up() -> None:
    desk = Desk()
    nonce = desk.nonce(at())
    desk.check(request(credentials(nonce, password="wrong")), at())
    assert aor_of(desk.check(request(credentials(nonce)), at())) == "sip:alice@example.com"


@pytest.mark.parametrize(
    "value",
    [
        'Digest username="alice", realm="example.com"',
        'Digest username="alice", realm="example.com", nonce="n", uri="sip:a", response="0", qop=auth',
        'Digest username="alice", realm="example.com", nonce="n", uri="sip:a", response="0", qop=x, cnonce="c", nc=1',
        "Digest",
    ],
)
def test_malformed_credentials_are_a_400(value: str) -> None:
    with pytest.raises(ParseError) as failure:
        Desk().check(request(("Authorization", value)), at())
    assert failure.value.status == 400


async def test_slow_accounts_are_waited_for() -> None:
    desk = Desk(LaterAccounts)
    right = request(credentials(desk.nonce(at())))
    assert desk.it.check(right, REALM, "Authorization", at()) is PENDING
    assert aor_of(await desk.it.wait(right, REALM, "Authorization", at())) == "sip:alice@example.com"
    wrong = request(credentials(desk.nonce(at()), password="wrong"))
    assert isinstance(await desk.it.wait(wrong, REALM, "Authorization", at()), Unproven)
    assert isinstance(await desk.it.wait(request(), REALM, "Authorization", at()), Unproven)


def test_nobody_is_waited_for_without_credentials() -> None:
    assert isinstance(Desk(LaterAccounts).check(request(), at()), Unproven)


@pytest.mark.parametrize("username", ["\udcff", "a\x1b", "x" * 5000, 'q"uo\\te'])
def test_any_name_may_be_claimed(username: str) -> None:
    desk = Desk()
    found = desk.check(request(credentials(desk.nonce(at()), username=username)), at())
    assert isinstance(found, Unproven)
    assert found.username == username


def _microseconds(it: Authenticator, guesses: list[Request]) -> list[float]:
    """The median CPU time that each guess takes until it has to be awaited; they take turns."""
    spent: list[list[float]] = [[] for _ in guesses]
    for _ in range(400):
        for place, guess in enumerate(guesses):
            begun = time.thread_time()
            assert isinstance(it.check(guess, REALM, "Authorization", at()), Pending)
            spent[place].append(time.thread_time() - begun)
    return [1e6 * median(each) for each in spent]


def test_a_guess_at_a_user_at_hand_takes_no_longer_than_one_at_nobody() -> None:
    desk = Desk(RememberedAccounts)
    nonce = desk.nonce(at())
    guesses = [request(credentials(nonce, username, "guessed")) for username in ("alice", "nobod")]
    ratios = []
    for _ in range(3):
        there, nobody = _microseconds(desk.it, guesses)
        ratios.append(there / nobody)
    assert 0.8 < median(ratios) < 1.25, ratios
