"""Whose phone the command is: which account, and its password.

`--as` names the account; without it the user's own file says, and without that it is a demonstration account of the
server on this machine. The password is that of OFFHOOK_PASSWORD, of the user's file, or of the demonstration account.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from offhook.cli.user_file import AccountEntry, read_user_file
from offhook.errors import ConfigError, ParseError
from offhook.server.config import default_data_folder
from offhook.server.demonstration import DEMONSTRATION_DOMAIN, passwords
from offhook.sip.uri import SipUri, parse_uri
from offhook.trace.transcript import Transcript
from offhook.ua.agent import UserAgent

__all__ = ["PASSWORD", "AsOption", "ProxyOption", "RegisterOption", "TraceOption", "TransportOption", "user_agent"]

AsOption = Annotated[
    str, typer.Option("--as", metavar="URI", help="The account to use, such as sip:alice@example.com.")
]
ProxyOption = Annotated[str, typer.Option(metavar="URI", help="Send every request to this proxy first.")]
TransportOption = Annotated[str, typer.Option(help="udp, tcp or tls where a URI names none.")]
TraceOption = Annotated[bool, typer.Option("--trace", help="Print every message as it passes, secrets masked.")]
RegisterOption = Annotated[bool, typer.Option("--register/--no-register", help="Register, or do without a registrar.")]

PASSWORD: Final = "OFFHOOK_PASSWORD"


def user_agent(
    chosen: str, demonstration_user: str, *, proxy: str = "", transport: str = "", register: bool, trace: bool
) -> UserAgent:
    """The user agent of the chosen account; `demonstration_user` when nothing says whose. Raises ConfigError."""
    account = _account(chosen, demonstration_user)
    password = os.environ.get(PASSWORD) or account.password or _demonstration_password(account.uri)
    if register and not password:
        raise ConfigError(
            f"no password is known for {account.uri}: set {PASSWORD}, or write it into {_user_file()}; "
            "the demonstration accounts have theirs once `offhook serve` has been started"
        )
    return UserAgent(
        account.uri,
        password or None,
        username=account.username or None,
        outbound_proxy=proxy or account.proxy or None,
        transport=transport or account.transport,
        register=register,
        tap=Transcript(sys.stderr) if trace else None,
    )


def _account(chosen: str, demonstration_user: str) -> AccountEntry:
    settings = read_user_file(_user_file())
    wanted = chosen or settings.default
    if not wanted:
        return AccountEntry(uri=f"sip:{demonstration_user}@{DEMONSTRATION_DOMAIN}")
    uri = _sip_uri(wanted)
    for account in settings.account:
        if _sip_uri(account.uri) == uri:
            return account
    return AccountEntry(uri=wanted)


def _sip_uri(text: str) -> SipUri:
    try:
        uri = parse_uri(text if ":" in text.partition("@")[0] else f"sip:{text}")
    except ParseError as error:
        raise ConfigError(f"{text!r} is not a SIP URI; write for example sip:alice@example.com") from error
    if not isinstance(uri, SipUri) or uri.user is None:
        raise ConfigError(f"{text!r} names no account; write for example sip:alice@example.com")
    return uri


def _demonstration_password(text: str) -> str:
    uri = _sip_uri(text)
    if uri.bare_host.lower() != DEMONSTRATION_DOMAIN:
        return ""
    return passwords(default_data_folder()).get(uri.user_unescaped or "", "")


def _user_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".config") / "offhook" / "config.toml"
