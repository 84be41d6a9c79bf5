"""`offhook serve`: run the server."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from offhook.cli.options import ConfigOption, TraceOption
from offhook.cli.run import run
from offhook.cli.say import say
from offhook.errors import ConfigError
from offhook.server.app import Server
from offhook.server.config import ListenConfig, ServerConfig, default_data_folder, load
from offhook.server.demonstration import DEMONSTRATION_DOMAIN
from offhook.server.logs import configure
from offhook.server.process import ask_for_descriptors, keep_large_blocks_apart, leave_standing
from offhook.trace.transcript import Transcript
from offhook.transport.local_address import LocalAddress

__all__ = ["serve"]

LOOPBACK: Final = ("127.0.0.1", "::1")
SIP_PORT: Final = 5060


def serve(
    *,
    config: ConfigOption = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, metavar="PORT", help="Another port than 5060; not with -c.")
    ] = None,
    trace: TraceOption = False,
) -> None:
    """Run registrar, proxy and redirect server until Ctrl-C.

    SIGHUP has it read its certificates again, SIGUSR1 tell in its log what it holds.

    Without a configuration: on loopback, with SQLite in your data folder, and two accounts for trying things out.
    """
    if port is not None and config is not None:
        raise ConfigError(f"--port is for a server without a configuration; write it into [[listen]] of {config}")
    settings = ServerConfig() if config is None else load(config)
    if port is not None:
        settings.listen = [ListenConfig(transport=kind, address=LOOPBACK[0], port=port) for kind in ("udp", "tcp")]
    configure(settings.log.level, settings.log.format)
    ask_for_descriptors()
    keep_large_blocks_apart()
    run(_serve(Server(settings, Transcript(sys.stderr) if trace else None)), _event_loop())


def _event_loop() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.Loop


async def _serve(server: Server) -> None:
    async with server:
        leave_standing()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, _hang_up, server, _has_terminal())
        loop.add_signal_handler(signal.SIGUSR1, _tell_usage, server, set())
        _announce(server)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            say("stopping")


def _hang_up(server: Server, had_terminal: bool) -> None:
    """SIGHUP means that the certificates have changed, or that our terminal was closed: then we stop."""
    if had_terminal and not _has_terminal():
        signal.raise_signal(signal.SIGTERM)
    else:
        server.renew_certificates()


def _tell_usage(server: Server, under_way: set[asyncio.Task[None]]) -> None:
    telling = asyncio.get_running_loop().create_task(server.tell_usage())
    under_way.add(telling)
    telling.add_done_callback(under_way.discard)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _announce(server: Server) -> None:
    say(f"ready: {', '.join(f'{address.transport} {address.sent_by}' for address in server.addresses)}")
    if not server.offers_tls:
        missing = "has no [[listen]] for it" if server.config.tls.certificate else "names no certificate"
        say(f"no TLS: the configuration {missing}")
    say(f"data in {_from_home(server.data)}")
    if server.config.domain:
        say(f"serving {', '.join(domain.name for domain in server.config.domain)}; Ctrl-C stops")
        say("`offhook user add USER@DOMAIN -c FILE` makes an account")
        return
    lines = ["", "Try a call, in two more terminals:", "", *_commands(server), "", "Ctrl-C stops"]
    for line in lines:
        say(line)


def _commands(server: Server) -> list[str]:
    """What to type for a call between the demonstration accounts of this very server."""
    start = shlex.quote(_command())
    if server.data != default_data_folder():
        start = f"OFFHOOK_DATA={shlex.quote(str(server.data))} {start}"
    near, proxy = _nearest(server.addresses)
    where = DEMONSTRATION_DOMAIN if near == SIP_PORT else f"{DEMONSTRATION_DOMAIN}:{near}"
    end = f" --proxy {proxy}" if proxy else ""
    alice, bob = f"sip:alice@{where}", f"sip:bob@{where}"
    return [f"    {start} answer --as {bob}{end}", f"    {start} call --as {alice} {bob} --seconds 5{end}"]


def _nearest(addresses: list[LocalAddress]) -> tuple[int, str]:
    """The port by which localhost reaches the server; where it does not, the URI of a proxy that does."""
    for address in addresses:
        if address.host in LOOPBACK and address.transport == "UDP":
            return address.port, ""
    first = addresses[0]
    way = "" if first.transport == "UDP" else f";transport={first.transport.lower()}"
    return SIP_PORT, f"'sip:{first.sent_by}{way}'"


def _from_home(path: Path) -> str:
    """A path as people write it."""
    home = Path(os.environ.get("HOME") or "/")
    return f"~/{path.relative_to(home)}" if home != Path("/") and home in path.parents else str(path)


def _command() -> str:
    """How this command is called from here."""
    path = Path(sys.argv[0])
    if path.name != "offhook":
        return "offhook"
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
