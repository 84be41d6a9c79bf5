"""`offhook check-config`: find mistakes in a configuration before the server does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offhook import clock
from offhook.cli.say import note, say
from offhook.flow import is_secure
from offhook.server.assembly import domains_of
from offhook.server.config import load
from offhook.server.listeners import certificate_refusals, listeners_of
from offhook.transport.tls import client_context, server_context

__all__ = ["check_config"]


def check_config(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration to check.")] = Path("offhook.toml"),
) -> None:
    """Check a server's configuration, and the certificates that it names."""
    config = load(file)
    listeners = listeners_of(config)
    for listener in listeners:
        if is_secure(listener.transport):
            server_context(listener.tls)
            client_context(listener.tls)
    for refusal in certificate_refusals(config, clock.now().wall):
        note(f"peers will say: {refusal}")
    domains = ", ".join(domain.name for domain in domains_of(config))
    say(f"{file}: no mistakes; it serves {domains} at {', '.join(listener.name for listener in listeners)}")
