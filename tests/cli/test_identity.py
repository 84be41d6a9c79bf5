from __future__ import annotations

import json
from pathlib import Path

import pytest

from offhook.cli.identity import account_uri, account_with_password, proxy_uri, whom
from offhook.cli.phone import user_agent
from offhook.errors import AuthenticationFailed, ConfigError

ACCOUNTS = """
[[account]]
uri = "sip:alice@example.com"
password = "wonderland"
username = "al"
realm = "asterisk"
proxy = "sip:proxy.example.com"
[[account]]
uri = "sip:carol@example.com"
[[account]]
uri = "sip:carol@example.net"
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folders of their own: settings and data."""
    for name in ("OFFHOOK_PASSWORD", "OFFHOOK_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def write_settings(home: Path, text: str, mode: int = 0o600) -> Path:
    file = home / "config/offhook/config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    file.chmod(mode)
    return file


def serve_once(home: Path) -> None:
    """What the first `offhook serve` leaves behind."""
    folder = home / "data/offhook"
    folder.mkdir(parents=True)
    (folder / "demonstration.json").write_text(json.dumps({"alice": "a's", "bob": "b's"}), "utf-8")


def chosen(wanted: str = "", user: str = "bob", needed: bool = True) -> tuple[str, str]:
    account = account_with_password(wanted, user, needed)
    return account.uri, account.password


def test_without_anything_it_is_a_demonstration_account(home: Path) -> None:
    serve_once(home)
    assert chosen() == ("sip:bob@localhost", "b's")
    assert chosen(user="alice", needed=False) == ("sip:alice@localhost", "a's")


@pytest.mark.parametrize("wanted", ["alice", "alice@localhost", "sip:alice@127.0.0.1", "sip:alice@[::1]"])
def test_a_demonstration_account_by_any_of_its_names(home: Path, wanted: str) -> None:
    serve_once(home)
    assert chosen(wanted)[1] == "a's"


def test_without_a_server_there_is_no_password() -> None:
    with pytest.raises(
        AuthenticationFailed, match="no password is known for sip:bob@localhost: set OFFHOOK_PASSWORD, or write"
    ):
        chosen()


@pytest.mark.rfc("3323 4.1")
def test_whoever_needs_no_account_and_has_none_is_anonymous(home: Path) -> None:
    assert chosen(needed=False) == ("sip:anonymous@anonymous.invalid", "")
    assert chosen("sip:me@example.com", needed=False) == ("sip:me@example.com", "")


def test_the_users_file_has_accounts(home: Path) -> None:
    write_settings(home, ACCOUNTS)
    account = account_with_password("sip:alice@EXAMPLE.com", "bob", True)
    assert (account.password, account.username, account.proxy) == ("wonderland", "al", "sip:proxy.example.com")
    assert chosen("alice") == ("sip:alice@example.com", "wonderland")
    assert chosen("sip:dave@example.com", needed=False) == ("sip:dave@example.com", "")


def test_the_phone_of_an_account_has_its_settings(home: Path) -> None:
    write_settings(home, ACCOUNTS)
    phone = user_agent("alice", "bob", proxy="", transport="", authorities=None, register=False, trace=False)
    [secret] = phone.settings.secrets
    assert (secret.username, secret.password, secret.realm) == ("al", "wonderland", "asterisk")
    assert str(phone.settings.outbound_proxy) == "sip:proxy.example.com"


def test_the_users_file_says_which_account_it_is_by_default(home: Path) -> None:
    write_settings(home, f'default = "alice@example.com"\n{ACCOUNTS}')
    assert chosen() == ("sip:alice@example.com", "wonderland")


def test_a_single_account_needs_no_default(home: Path) -> None:
    write_settings(home, '[[account]]\nuri = "sip:dave@example.com"\npassword = "d"')
    assert chosen() == ("sip:dave@example.com", "d")


def test_the_environment_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_settings(home, ACCOUNTS)
    serve_once(home)
    monkeypatch.setenv("OFFHOOK_PASSWORD", "from outside")
    assert chosen("alice@example.com")[1] == "from outside"
    assert chosen("bob")[1] == "from outside"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("carol", "'carol' names more than one account; write the whole address"),
        ("dave", "'dave' names no account; write the whole address"),
        ("@example.com", "'@example.com' names no account"),
        ("sip:a b@example.com", "is not an address"),
    ],
)
def test_a_name_that_fits_none_or_many_is_a_mistake(home: Path, wanted: str, said: str) -> None:
    write_settings(home, ACCOUNTS)
    with pytest.raises(ConfigError, match=said):
        chosen(wanted)


def test_a_mistake_in_the_users_file_has_its_line(home: Path) -> None:
    file = write_settings(home, f"{ACCOUNTS}pasword = 'x'\n")
    with pytest.raises(ConfigError, match=f"{file} line 12: there is no setting pasword .*did you mean password"):
        chosen("alice")


def test_a_default_that_fits_no_account_has_its_place(home: Path) -> None:
    file = write_settings(home, 'default = "dave"\n')
    with pytest.raises(ConfigError, match=f"^default in {file}: 'dave' names no account; write the whole address"):
        chosen()


def test_a_transport_that_does_not_exist_has_its_line(home: Path) -> None:
    file = write_settings(home, '[[account]]\nuri = "sip:dave@example.com"\ntransport = "sctp"\n')
    with pytest.raises(ConfigError, match=f"{file} line 3: transport must be "):
        chosen()


def test_a_file_that_others_can_read_is_noticed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write_settings(home, ACCOUNTS, 0o644)
    chosen("alice")
    assert f"others can read the passwords in {file}; chmod 600" in capsys.readouterr().err
    write_settings(home, ACCOUNTS)
    chosen("alice")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bob", "sip:bob@example.com"),
        ("+15550100", "sip:+15550100@example.com"),
        ("*98#", "sip:*98%23@example.com"),
        ("bob@example.net", "sip:bob@example.net"),
        ("bob@example.net:5070;transport=tcp", "sip:bob@example.net:5070;transport=tcp"),
        ("sips:bob@example.net", "sips:bob@example.net"),
        ("example.net", "sip:example.net"),
        ("localhost:5070", "sip:localhost:5070"),
        ("tel:+15550100", "tel:+15550100"),
    ],
)
def test_who_is_meant(text: str, expected: str) -> None:
    assert str(whom(text, account_uri("alice@example.com"))) == expected


def test_a_host_is_meant_where_there_are_no_users() -> None:
    assert str(whom("localhost")) == "sip:localhost"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("proxy.example.com", "sip:proxy.example.com"),
        ("127.0.0.1:5070", "sip:127.0.0.1:5070"),
        ("sip:127.0.0.1;transport=tcp;lr", "sip:127.0.0.1;transport=tcp;lr"),
    ],
)
def test_a_proxy(text: str, expected: str) -> None:
    assert str(proxy_uri(text)) == expected


def test_a_telephone_number_is_no_proxy() -> None:
    with pytest.raises(ConfigError, match=r"'tel:\+15550100' is not a proxy's URI"):
        proxy_uri("tel:+15550100")


@pytest.mark.parametrize("text", ["", "a b", "sip:", "mailto:bob@example.com", "<sip:bob@example.com>"])
def test_what_means_nobody_is_a_mistake(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a SIP URI; write for example sip:bob@example\.com"):
        whom(text, account_uri("alice@example.com"))
