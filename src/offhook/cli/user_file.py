"""The user's own file: accounts and their passwords."""

from __future__ import annotations

from pathlib import Path

import msgspec

from offhook.server.toml_file import Section, TomlText

__all__ = ["AccountEntry", "UserFile", "read_user_file"]


class AccountEntry(Section):
    """One `[[account]]`."""

    uri: str
    password: str = ""
    username: str = ""
    """What the password belongs to, where that is not the user of the URI."""
    proxy: str = ""
    transport: str = ""


class UserFile(Section):
    """The whole file. `default`: the URI of the account that commands use without `--as`."""

    default: str = ""
    account: list[AccountEntry] = msgspec.field(default_factory=list)


def read_user_file(path: Path) -> UserFile:
    """Read the file; nothing is said when it is not there. Raises ConfigError."""
    if not path.exists():
        return UserFile()
    return TomlText.read(path).convert(UserFile)
