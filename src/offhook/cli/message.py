"""`offhook message`: send a text."""

from __future__ import annotations

from typing import Annotated

import typer

from offhook.cli.identity import AsOption, ProxyOption, TraceOption, TransportOption, user_agent
from offhook.cli.run import run
from offhook.ua.agent import UserAgent

__all__ = ["message"]


def message(
    uri: Annotated[str, typer.Argument(help="To whom, such as sip:bob@example.com.")],
    text: Annotated[str, typer.Argument(help="What to say, 1300 octets at most.")],
    *,
    as_: AsOption = "",
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    trace: TraceOption = False,
) -> None:
    """Send a text message (RFC 3428) and wait until it was taken."""
    agent = user_agent(as_, "alice", proxy=proxy, transport=transport, register=False, trace=trace)
    run(_message(agent, uri, text))


async def _message(agent: UserAgent, uri: str, text: str) -> None:
    async with agent as ua:
        await ua.message(uri, text)
        print(f"{uri} took it", flush=True)
