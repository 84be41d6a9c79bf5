from __future__ import annotations

import hashlib

import pytest

from offhook.accounts import base
from offhook.accounts.base import Account, AccountError, account_aor, account_domain, is_text


def test_all_names_exist() -> None:
    assert all(hasattr(base, name) for name in base.__all__)


def test_a_new_account_is_known_by_its_user_and_domain() -> None:
    account = Account.create("Alice", "Example.COM.", "wonderland")
    assert (account.aor, account.user, account.domain) == ("sip:Alice@example.com", "Alice", "example.com")
    assert (account.username, account.realm, account.enabled) == ("Alice", "example.com", True)
    a1 = b"Alice:example.com:wonderland"
    assert account.ha1 == {
        "MD5": hashlib.md5(a1).hexdigest(),
        "SHA-256": hashlib.sha256(a1).hexdigest(),
        "SHA-512-256": hashlib.new("sha512_256", a1).hexdigest(),
    }


def test_an_account_may_have_another_name_and_realm_and_fewer_algorithms() -> None:
    account = Account.create("bob", "a.example", "x", username="b0b", realm="The Office", algorithms=["SHA-256"])
    assert account.ha1 == {"SHA-256": hashlib.sha256(b"b0b:The Office:x").hexdigest()}
    assert account.ha1_for("SHA-256") == account.ha1["SHA-256"]
    assert account.ha1_for("MD5") is None


def test_a_disabled_account_has_no_secrets_to_log_in_with() -> None:
    account = Account.create("bob", "a.example", "x")
    disabled = account.with_enabled(False)
    assert disabled.ha1_for("MD5") is None
    assert disabled.with_enabled(True).ha1_for("MD5") == account.ha1["MD5"]
    assert disabled.with_password("y").ha1["MD5"] != account.ha1["MD5"]
    assert not disabled.with_password("y").enabled


@pytest.mark.parametrize(
    ("user", "domain", "aor"),
    [
        ("alice", "example.com", "sip:alice@example.com"),
        ("+15551", "[2001:DB8::0:1]", "sip:+15551@[2001:db8::1]"),
        ("+15551", "2001:db8::1", "sip:+15551@[2001:db8::1]"),
        ("al ice@home", "a.example", "sip:al%20ice%40home@a.example"),
        ("j\u00f8rn", "a.example", "sip:j%C3%B8rn@a.example"),
    ],
)
def test_addresses_of_record(user: str, domain: str, aor: str) -> None:
    assert account_aor(user, domain) == aor
    assert aor.endswith("@" + account_domain(domain))


def test_nothing_shows_a_secret() -> None:
    account = Account.create("bob", "a.example", "hunter2")
    assert repr(account) == "Account('sip:bob@a.example', username='bob', realm='a.example', enabled=True)"
    assert all(ha1 not in repr(account) for ha1 in account.ha1.values())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("", "a.example", "x"), "the user is empty"),
        (("a\nb", "a.example", "x"), r"the user 'a\\nb' has characters"),
        (("a\udcff", "a.example", "x"), r"the user 'a\\udcff' has characters"),
        (("a" * 256, "a.example", "x"), "the user is longer than 255"),
        (("bob", "", "x"), "'' is no domain"),
        (("bob", "a b", "x"), "'a b' is no domain"),
        (("bob", "a.example:5060", "x"), "'a.example:5060' is no domain"),
        (("bob", "a.example", ""), "a password must not be empty"),
        (("bob", "a.example", "\ud800"), "the password is not UTF-8"),
        (("bo:b", "a.example", "x"), "'bo:b' has a colon"),
    ],
)
def test_names_that_cannot_be(arguments: tuple[str, str, str], sentence: str) -> None:
    with pytest.raises(AccountError, match=sentence):
        Account.create(*arguments)


@pytest.mark.parametrize("names", [{"username": ""}, {"realm": ""}, {"realm": "a\x00b"}, {"username": "a:b"}])
def test_odd_usernames_and_realms(names: dict[str, str]) -> None:
    with pytest.raises(AccountError, match=next(iter(names))):
        Account.create("bob", "a.example", "x", **names)


def test_text() -> None:
    assert is_text("j\u00f8rn \U0001f600")
    assert not is_text("\udcff")
    assert not is_text("\ud800")
