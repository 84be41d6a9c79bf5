"""The user agent that a command is."""

from __future__ import annotations

import sys
from pathlib import Path

from offhook.cli.identity import account_uri, account_with_password, proxy_uri
from offhook.errors import ConfigError
from offhook.server.logs import configure
from offhook.trace.transcript import Transcript
from offhook.transport.tls import TlsSettings
from offhook.ua.agent import UserAgent

__all__ = ["user_agent"]


def user_agent(
    chosen: str,
    demonstration_user: str,
    *,
    proxy: str,
    transport: str,
    authorities: Path | None,
    register: bool,
    trace: bool,
) -> UserAgent:
    """The user agent of the chosen account; `demonstration_user` when nothing says whose. Raises ConfigError."""
    configure("warning")
    account = account_with_password(chosen, demonstration_user, register)
    through = proxy or account.proxy
    trusted = authorities or account.authorities or None
    try:
        tls = None if trusted is None else TlsSettings(authorities=Path(trusted).expanduser())
    except RuntimeError as error:
        raise ConfigError(f"authorities: nobody here has the home folder of {str(trusted)!r}") from error
    return UserAgent(
        account_uri(account.uri),
        account.password or None,
        username=account.username or None,
        realm=account.realm or None,
        display_name=account.display_name or None,
        outbound_proxy=proxy_uri(through) if through else None,
        transport=transport or account.transport,
        tls=tls,
        register=register,
        tap=Transcript(sys.stderr) if trace else None,
    )
