"""The options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "AsOption",
    "AuthoritiesOption",
    "ConfigOption",
    "PlayOption",
    "ProxyOption",
    "RegisterOption",
    "SecondsOption",
    "TraceOption",
    "TransportOption",
]

AsOption = Annotated[
    str, typer.Option("--as", metavar="URI", help="The account to use, such as sip:alice@example.com.")
]
AuthoritiesOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Certificates to trust over TLS, in place of the system's.")
]
ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="The server's configuration, a TOML file.")
]
PlayOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Play this audio file once the call is answered; else silence.")
]
ProxyOption = Annotated[str, typer.Option(metavar="URI", help="Send every request to this proxy first.")]
RegisterOption = Annotated[bool, typer.Option("--register/--no-register", help="Register, or do without a registrar.")]
SecondsOption = Annotated[float | None, typer.Option(min=0.0, metavar="SECONDS", help="Hang up after so many seconds.")]
TraceOption = Annotated[bool, typer.Option("--trace", help="Print every message as it passes, secrets masked.")]
TransportOption = Annotated[str, typer.Option(metavar="NAME", help="udp, tcp or tls, for URIs that name none.")]
