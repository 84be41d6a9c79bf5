"""`offhook call`: call somebody, with sound from and to files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from offhook.cli.identity import (
    AsOption,
    ProxyOption,
    RegisterOption,
    TraceOption,
    TransportOption,
    user_agent,
)
from offhook.cli.run import run
from offhook.cli.talk import until_over
from offhook.ua.agent import UserAgent

__all__ = ["call"]


def call(
    uri: Annotated[str, typer.Argument(help="Whom to call, such as sip:bob@example.com.")],
    *,
    play: Annotated[Path | None, typer.Option(help="Play this audio file once the call is answered.")] = None,
    record: Annotated[Path | None, typer.Option(help="Record what is heard into this WAV file.")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.0, help="Hang up after so many seconds.")] = None,
    as_: AsOption = "",
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    register: RegisterOption = True,
    trace: TraceOption = False,
) -> None:
    """Call somebody; Ctrl-C hangs up."""
    agent = user_agent(as_, "alice", proxy=proxy, transport=transport, register=register, trace=trace)
    run(_call(agent, uri, play, record, seconds))


async def _call(agent: UserAgent, uri: str, play: Path | None, record: Path | None, seconds: float | None) -> None:
    async with agent as ua:
        print(f"calling {uri}", flush=True)
        call = await ua.invite(uri, play=play, record=record, on_progress=lambda progress: print(progress, flush=True))
        print("answered; Ctrl-C hangs up", flush=True)
        await until_over(call, seconds)
