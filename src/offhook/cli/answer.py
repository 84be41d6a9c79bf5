"""`offhook answer`: wait for calls and answer them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

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
from offhook.cli.registration import until_rejected
from offhook.cli.run import run
from offhook.cli.say import say
from offhook.cli.talk import check_files, until_over
from offhook.errors import SipError
from offhook.ua.agent import UserAgent
from offhook.ua.call import IncomingCall

__all__ = ["answer"]


def answer(
    *,
    play: PlayOption = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Record callers into this file; later calls get a number in its name."),
    ] = None,
    seconds: SecondsOption = None,
    calls: Annotated[int | None, typer.Option(min=1, metavar="N", help="End after so many calls.")] = None,
    as_: AsOption = "",
    register: RegisterOption = True,
    proxy: ProxyOption = "",
    transport: TransportOption = "",
    authorities: AuthoritiesOption = None,
    trace: TraceOption = False,
) -> None:
    """Answer calls, and show messages, until Ctrl-C."""
    agent = user_agent(
        as_, "bob", proxy=proxy, transport=transport, authorities=authorities, register=register, trace=trace
    )
    run(_answer(agent, play, record, seconds, calls))


async def _answer(
    agent: UserAgent, play: Path | None, record: Path | None, seconds: float | None, calls: int | None
) -> None:
    await check_files(play, record)
    async with agent as ua:
        say(f"waiting for calls to {ua.settings.aor} at {', '.join(ua.addresses)}; Ctrl-C ends")
        reading = asyncio.create_task(_show_messages(ua))
        watching = asyncio.create_task(_watch_registration(ua))
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
            say("no more calls are answered")
        reading.cancel()
        watching.cancel()


async def _watch_registration(agent: UserAgent) -> None:
    failure = await until_rejected(agent)
    # Whoever knows the address calls all the same.
    say(f"not registered any more: {failure.exception}")


async def _show_messages(agent: UserAgent) -> None:
    async for message in agent.messages():
        say(f"{message.sender}: {message.text}")


async def _talk(call: IncomingCall, play: Path | None, record: Path | None, seconds: float | None) -> None:
    say(f"a call from {call.caller}")
    try:
        await call.ring()
        await call.answer(play, record)
    except SipError as error:
        say(f"it could not be answered: {error}")
        await call.hang_up()
        return
    await until_over(call, seconds)


def _numbered(record: Path | None, number: int) -> Path | None:
    """The file of the first call is the one that was named, so that one call needs no thought."""
    if record is None or number == 1:
        return record
    return record.with_stem(f"{record.stem}-{number}")
