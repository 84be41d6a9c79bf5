"""Whose phone the command is: which account, and its password.

`--as` names the account; without it the user's own file says, and without that it is a demonstration account of the
server on this machine. The password is that of OFFHOOK_PASSWORD, of the user's file, or of the demonstration account.
"""

from __future__ import annotations

import os
import re
from typing import Final

from offhook.cli.user_file import AccountEntry, UserFile, read_user_file, user_file
from offhook.errors import AuthenticationFailed, ConfigError, ParseError
from offhook.server.config import default_data_folder
from offhook.server.demonstration import DEMONSTRATION_ALIASES, DEMONSTRATION_DOMAIN, passwords
from offhook.sip.uri import OtherUri, SipUri, Uri, parse_uri

__all__ = ["PASSWORD", "account_uri", "account_with_password", "proxy_uri", "whom"]

PASSWORD: Final = "OFFHOOK_PASSWORD"
NOBODY: Final = "sip:anonymous@anonymous.invalid"
"""Who asks without having an account (RFC 3323 4.1)."""
_SCHEMES: Final = ("sip:", "sips:", "tel:")
_NAME: Final = re.compile(r"[\w+*#!~'-]+")


class _NoAccount(ConfigError):
    """A name fits no account, or more than one."""


def account_with_password(chosen: str, demonstration_user: str, needed: bool) -> AccountEntry:
    """The chosen account, or the one of `demonstration_user` when nothing says whose.

    Raises AuthenticationFailed when no password is known although one is `needed`, and ConfigError.
    """
    known = _demonstration_passwords()
    try:
        account = _account(chosen or read_user_file(user_file()).default, demonstration_user, known)
    except _NoAccount as error:
        place = "" if chosen else f"default in {user_file()}: "
        raise ConfigError(f"{place}{error}") from error
    uri = account_uri(account.uri)
    account.password = os.environ.get(PASSWORD) or account.password
    if not account.password and uri.host.lower() in (DEMONSTRATION_DOMAIN, *DEMONSTRATION_ALIASES):
        account.password = known.get(uri.user_unescaped or "", "")
    if needed and not account.password:
        raise AuthenticationFailed(
            f"no password is known for {account.uri}: set {PASSWORD}, or write it into {user_file()}; "
            "the demonstration accounts have theirs once `offhook serve` has been started"
        )
    if not needed and not account.password and not chosen and account.uri.endswith(f"@{DEMONSTRATION_DOMAIN}"):
        return AccountEntry(uri=NOBODY)
    return account


def account_uri(text: str) -> SipUri:
    """The address of an account; its scheme may be left out. Raises ConfigError."""
    try:
        uri = parse_uri(_with_scheme(text))
    except ParseError as error:
        raise ConfigError(f"{text!r} is not an address; write for example sip:alice@example.com") from error
    if not isinstance(uri, SipUri) or uri.user is None:
        raise ConfigError(f"{text!r} names no account; write for example sip:alice@example.com")
    return uri.without_params().without_headers()


def whom(text: str, own: SipUri | None = None) -> Uri:
    """Who is meant by what stands on the command line: a URI, with or without its scheme.

    A mere name or number is a user of the domain of `own`, or else a host. Raises ConfigError.
    """
    if own is not None and _NAME.fullmatch(text):
        return own.with_user(text)
    try:
        uri = parse_uri(_with_scheme(text))
    except ParseError as error:
        raise ConfigError(f"{text!r} is not a SIP URI; write for example sip:bob@example.com") from error
    if isinstance(uri, OtherUri):
        raise ConfigError(f"{text!r} is not a SIP URI; write for example sip:bob@example.com")
    return uri


def proxy_uri(text: str) -> SipUri:
    """The URI of a proxy; its scheme may be left out. Raises ConfigError."""
    uri = whom(text)
    if not isinstance(uri, SipUri):
        raise ConfigError(f"{text!r} is not a proxy's URI; write for example sip:proxy.example.com")
    return uri


def _with_scheme(text: str) -> str:
    """The text as a URI; what has a colon before its "@" has a scheme, if another one."""
    has_scheme = text.lower().startswith(_SCHEMES) or ":" in text.rpartition("@")[0]
    return text if has_scheme else f"sip:{text}"


def _account(wanted: str, demonstration_user: str, known: dict[str, str]) -> AccountEntry:
    settings = read_user_file(user_file())
    if not wanted:
        if len(settings.account) == 1:
            return settings.account[0]
        return AccountEntry(uri=f"sip:{demonstration_user}@{DEMONSTRATION_DOMAIN}")
    if "@" not in wanted:
        return _account_of_user(wanted, settings, known)
    uri = account_uri(wanted)
    return next((entry for entry in settings.account if account_uri(entry.uri) == uri), AccountEntry(uri=str(uri)))


def _account_of_user(user: str, settings: UserFile, known: dict[str, str]) -> AccountEntry:
    """The one account whose user part this is."""
    found = [entry for entry in settings.account if account_uri(entry.uri).user_unescaped == user]
    if len(found) == 1:
        return found[0]
    if not found and user in known:
        return AccountEntry(uri=f"sip:{user}@{DEMONSTRATION_DOMAIN}")
    many = "more than one account" if found else "no account"
    raise _NoAccount(f"{user!r} names {many}; write the whole address, for example sip:alice@example.com")


def _demonstration_passwords() -> dict[str, str]:
    return passwords(default_data_folder())
