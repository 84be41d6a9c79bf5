"""`offhook ping`: ask whether somebody is there."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from offhook.cli.identity import AsOption, ProxyOption, TraceOption, TransportOption, user_agent
from offhook.cli.run import run
from offhook.trace.printable import printable
from offhook.ua.agent import UserAgent

__all__ = ["ping"]


def ping(
    uri: Annotated[str, typer.Argument(help="Whom to ask, such as sip:example.com.")],
    *,
    as_: AsOption = "",
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    trace: TraceOption = False,
) -> None:
    """Send OPTIONS (RFC 3261 11) and show the answer; any answer means that somebody is there."""
    agent = user_agent(as_, "alice", proxy=proxy, transport=transport, register=False, trace=trace)
    run(_ping(agent, uri))


async def _ping(agent: UserAgent, uri: str) -> None:
    async with agent as ua:
        start = time.monotonic()
        response = await ua.options(uri)
        milliseconds = (time.monotonic() - start) * 1000
        print(printable(f"{response.status} {response.reason} after {milliseconds:.1f} ms"))
        for name in ("Server", "User-Agent", "Allow", "Supported", "Accept"):
            for text in response.texts(name):
                print(printable(f"{name}: {text}"))
