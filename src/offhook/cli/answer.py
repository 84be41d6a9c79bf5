"""`offhook answer`: wait for calls and answer them."""

from __future__ import annotations

import asyncio
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
from offhook.errors import SipError
from offhook.trace.printable import printable
from offhook.ua.agent import UserAgent
from offhook.ua.call import IncomingCall

__all__ = ["answer"]


def answer(
    *,
    play: Annotated[Path | None, typer.Option(help="Play this audio file to each caller.")] = None,
    record: Annotated[
        Path | None, typer.Option(help="Record callers into this WAV file; further calls get a number.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.0, help="Hang up after so many seconds.")] = None,
    calls: Annotated[int | None, typer.Option(min=1, help="End after so many calls.")] = None,
    as_: AsOption = "",
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    register: RegisterOption = True,
    trace: TraceOption = False,
) -> None:
    """Answer calls until Ctrl-C."""
    agent = user_agent(as_, "bob", proxy=proxy, transport=transport, register=register, trace=trace)
    run(_answer(agent, play, record, seconds, calls))


async def _answer(
    agent: UserAgent, play: Path | None, record: Path | None, seconds: float | None, calls: int | None
) -> None:
    async with agent as ua:
        print(f"waiting for calls to {ua.settings.aor} at {', '.join(ua.addresses)}; Ctrl-C ends", flush=True)
        under_way: set[asyncio.Task[None]] = set()
        taken = 0
        try:
            async for call in ua.incoming():
                taken += 1
                task = asyncio.create_task(_talk(call, play, _numbered(record, taken), seconds))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
                if taken == calls:
                    break
            await asyncio.gather(*under_way)
        except asyncio.CancelledError:
            # Ctrl-C: that is how a person stops answering, and no failure. Calls end with the agent.
            print("no more calls are answered", flush=True)


async def _talk(call: IncomingCall, play: Path | None, record: Path | None, seconds: float | None) -> None:
    print(f"a call from {printable(str(call.caller))}", flush=True)
    try:
        await call.ring()
        await call.answer(play, record)
    except SipError as error:
        print(f"it could not be answered: {error}", flush=True)
        return
    await until_over(call, seconds)


def _numbered(record: Path | None, number: int) -> Path | None:
    """The file of the first call is the one that was named, so that one call needs no thought."""
    if record is None or number == 1:
        return record
    return record.with_stem(f"{record.stem}-{number}")
