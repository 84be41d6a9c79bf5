"""`offhook call`: call somebody, with sound from and to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offhook.cli.identity import whom
from offhook.cli.options import (
    AsOption,
    AuthoritiesOption,
    PlayOption,
    ProxyOption,
    RegisterOption,
    SecondsOption,
    TraceOption,
    TransportOption,
)
from offhook.cli.phone import user_agent
from offhook.cli.run import run
from offhook.cli.say import OutputFailed, say
from offhook.cli.talk import check_files, until_over
from offhook.sip.uri import Uri
from offhook.ua.agent import UserAgent
from offhook.ua.events import Progress

__all__ = ["call"]


def call(
    uri: Annotated[str, typer.Argument(metavar="URI", help="Whom to call, such as sip:bob@example.com.")],
    *,
    play: PlayOption = None,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Record what is heard into this file.")] = None,
    seconds: SecondsOption = None,
    as_: AsOption = "",
    register: RegisterOption = True,
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    authorities: AuthoritiesOption = None,
    trace: TraceOption = False,
) -> None:
    """Call somebody. Ctrl-C hangs up."""
    agent = user_agent(
        as_, "alice", proxy=proxy, transport=transport, authorities=authorities, register=register, trace=trace
    )
    run(_call(agent, whom(uri, agent.settings.aor), play, record, seconds))


async def _call(agent: UserAgent, uri: Uri, play: Path | None, record: Path | None, seconds: float | None) -> None:
    await check_files(play, record)
    async with agent as ua:
        say(f"calling {uri}")
        unsaid: list[Exception] = []

        def tell(progress: Progress) -> None:
            try:
                say(str(progress))
            except (OutputFailed, BrokenPipeError) as error:
                unsaid.append(error)

        call = await ua.invite(uri, play=play, record=record, on_progress=tell)
        if unsaid:
            raise unsaid[0]
        say("answered; Ctrl-C hangs up")
        await until_over(call, seconds)
