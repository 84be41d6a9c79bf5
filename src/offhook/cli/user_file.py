"""The user's own file: accounts and their passwords."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from offhook.cli.say import note
from offhook.errors import ConfigError
from offhook.server.toml_file import Section, TomlText
from offhook.transport.carriers import LISTENED

__all__ = ["AccountEntry", "UserFile", "read_user_file", "user_file"]


class AccountEntry(Section):
    """One `[[account]]`."""

    uri: str
    password: str = ""
    username: str = ""
    """What the password belongs to, where that is not the user of the URI."""
    realm: str = ""
    """Who may ask for the password, where that is not learnt from the account's own servers."""
    display_name: str = ""
    """The name that others are shown."""
    proxy: str = ""
    transport: str = ""
    authorities: str = ""
    """Certificates to trust over TLS, in place of the system's."""


class UserFile(Section):
    """The whole file. `default`: the URI of the account that commands use without `--as`."""

    default: str = ""
    account: list[AccountEntry] = msgspec.field(default_factory=list)


def user_file() -> Path:
    """Where it is, by the XDG base directory specification. Raises ConfigError."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    try:
        return (Path(base) if base.startswith("/") else Path.home() / ".config") / "offhook" / "config.toml"
    except RuntimeError as error:
        raise ConfigError("this user has no home folder; name a folder for settings in XDG_CONFIG_HOME") from error


def read_user_file(path: Path) -> UserFile:
    """Read the file; nothing is said when it is not there. Raises ConfigError."""
    if not path.exists():
        return UserFile()
    toml = TomlText.read(path)
    settings = toml.convert(UserFile)
    for position, account in enumerate(settings.account):
        if account.transport:
            toml.check(f"$.account[{position}].transport", account.transport, [name.lower() for name in LISTENED])
    if path.stat().st_mode & 0o077 and any(account.password for account in settings.account):
        note(f"others can read the passwords in {path}; chmod 600 keeps them from it")
    return settings
