"""`offhook serve`: run the server."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from offhook.cli.identity import TraceOption
from offhook.server.app import Server
from offhook.server.config import ServerConfig, load
from offhook.server.demonstration import DEMONSTRATION_DOMAIN
from offhook.server.logs import configure
from offhook.trace.transcript import Transcript

__all__ = ["ConfigOption", "serve", "server_config"]

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", help="The server's configuration, a TOML file.")
]


def server_config(path: Path | None) -> ServerConfig:
    """The configuration in a file, or the one without any. Raises ConfigError."""
    return ServerConfig() if path is None else load(path)


def serve(*, config: ConfigOption = None, trace: TraceOption = False) -> None:
    """Run registrar, proxy and redirect server until Ctrl-C.

    Without a configuration: on loopback, with SQLite in your data folder, and two accounts for trying things out.
    """
    settings = server_config(config)
    configure(settings.log.level, settings.log.format)
    run = asyncio.Runner(loop_factory=_event_loop())
    with run:
        run.run(_serve(settings, trace))


def _event_loop() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


async def _serve(settings: ServerConfig, trace: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, stop, loop)
    async with Server(settings, Transcript(sys.stderr) if trace else None) as server:
        _announce(server)
        await stop.wait()
    print("stopped", flush=True)


def _stop(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """The first signal ends the server in order, a second one at once."""
    stop.set()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)


def _announce(server: Server) -> None:
    addresses = ", ".join(f"{address.transport} {address.sent_by}" for address in server.addresses)
    print(f"ready: {addresses}", flush=True)
    if not server.offers_tls:
        print("no TLS: the configuration names no certificate", flush=True)
    print(f"data in {server.data}", flush=True)
    if server.config.domain:
        domains = ", ".join(domain.name for domain in server.config.domain)
        print(f"serving {domains}; `offhook user add USER@DOMAIN` makes an account; Ctrl-C stops", flush=True)
        return
    offhook = _command()
    print(
        f"\nTry a call, in two more terminals:\n\n    {offhook} answer --record heard.wav\n"
        f"    {offhook} call sip:bob@{DEMONSTRATION_DOMAIN} --seconds 5\n\nCtrl-C stops",
        flush=True,
    )


def _command() -> str:
    """How this command is called from here."""
    path = Path(sys.argv[0])
    if path.name != "offhook":
        return "offhook"
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
