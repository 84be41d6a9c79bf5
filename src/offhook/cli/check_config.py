"""`offhook check-config`: find mistakes in a configuration before the server does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offhook.server.config import load
from offhook.server.listeners import listeners_of
from offhook.transport.tls import client_context, server_context

__all__ = ["check_config"]


def check_config(
    file: Annotated[Path, typer.Argument(help="The configuration to check.")] = Path("offhook.toml"),
) -> None:
    """Check a server's configuration, the certificates that it names too."""
    config = load(file)
    for listener in listeners_of(config):
        if listener.transport == "TLS":
            server_context(listener.tls)
            client_context(listener.tls)
    domains = ", ".join(domain.name for domain in config.domain) or "the demonstration domain"
    print(f"{file}: no mistakes; it serves {domains}")
