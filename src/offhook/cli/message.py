"""`offhook message`: send a text."""

from __future__ import annotations

from typing import Annotated

import typer

from offhook.cli.identity import whom
from offhook.cli.options import AsOption, AuthoritiesOption, ProxyOption, TraceOption, TransportOption
from offhook.cli.phone import user_agent
from offhook.cli.run import run
from offhook.cli.say import say
from offhook.errors import ConfigError
from offhook.sip.uri import Uri
from offhook.ua.agent import UserAgent
from offhook.ua.message import LARGEST_MESSAGE

__all__ = ["message"]


def message(
    uri: Annotated[str, typer.Argument(metavar="URI", help="To whom, such as sip:bob@example.com.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say, 1300 octets at most.")],
    *,
    as_: AsOption = "",
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    authorities: AuthoritiesOption = None,
    trace: TraceOption = False,
) -> None:
    """Send a text message (RFC 3428) and wait until it was taken."""
    agent = user_agent(
        as_, "alice", proxy=proxy, transport=transport, authorities=authorities, register=False, trace=trace
    )
    size = len(text.encode("utf-8", "surrogateescape"))
    if size > LARGEST_MESSAGE:
        raise ConfigError(f"a message of {size} octets; at most {LARGEST_MESSAGE} can be sent (RFC 3428 8)")
    run(_message(agent, whom(uri, agent.settings.aor), text))


async def _message(agent: UserAgent, uri: Uri, text: str) -> None:
    async with agent as ua:
        await ua.message(uri, text)
        say(f"{uri} took it")
