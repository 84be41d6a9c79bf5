"""`offhook ping`: ask whether somebody is there."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from offhook.cli.identity import whom
from offhook.cli.options import AsOption, AuthoritiesOption, ProxyOption, TraceOption, TransportOption
from offhook.cli.phone import user_agent
from offhook.cli.run import run
from offhook.cli.say import say
from offhook.errors import ConfigError
from offhook.sip.uri import SipUri
from offhook.ua.agent import UserAgent

__all__ = ["ping"]


def ping(
    uri: Annotated[str, typer.Argument(metavar="URI", help="Whom to ask, such as sip:example.com.")],
    *,
    as_: AsOption = "",
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    authorities: AuthoritiesOption = None,
    trace: TraceOption = False,
) -> None:
    """Ask with OPTIONS (RFC 3261 11) whether somebody is there; any answer shows it."""
    agent = user_agent(
        as_, "alice", proxy=proxy, transport=transport, authorities=authorities, register=False, trace=trace
    )
    target = whom(uri)
    if not isinstance(target, SipUri):
        raise ConfigError(f"{uri!r} names nobody who could be asked; write for example sip:example.com")
    run(_ping(agent, target))


async def _ping(agent: UserAgent, uri: SipUri) -> None:
    async with agent as ua:
        start = time.monotonic()
        response = await ua.options(uri)
        milliseconds = (time.monotonic() - start) * 1000
        say(f"{response.status} {response.reason} after {milliseconds:.1f} ms")
        for name in ("Server", "User-Agent", "Allow", "Supported", "Accept"):
            for text in response.texts(name):
                if text:
                    say(f"{name}: {text}")
