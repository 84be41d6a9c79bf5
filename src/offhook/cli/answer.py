"""`offhook answer`: wait for calls and answer them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
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
from offhook.media.audio.wav import AudioFileError
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
        beside = _Beside()
        always = [beside.start(_show_messages(ua)), beside.start(_watch_registration(ua))]
        under_way: list[asyncio.Task[None]] = []
        try:
            async for call in ua.incoming():
                under_way = [task for task in under_way if not task.done()]
                taken = beside.started - len(always) + 1
                under_way.append(beside.start(_talk(call, play, _numbered(record, taken), seconds)))
                if taken == calls:
                    break
            await asyncio.gather(*under_way)
        except asyncio.CancelledError:
            if beside.failure is not None:
                raise beside.failure from None
            # Ctrl-C: that is how a person stops answering, and no failure. Calls end with the agent.
            say("no more calls are answered")
        finally:
            for task in always:
                task.cancel()


class _Beside:
    """What runs beside the task that makes this, which is cancelled for the first `failure`.

    What cannot be said any more is one: nobody shall be called to a phone that is not looked after.
    """

    def __init__(self) -> None:
        self.started = 0
        self.failure: BaseException | None = None
        self._task = asyncio.current_task()

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        self.started += 1
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self.failure is None and self._task is not None:
            self.failure = error
            self._task.cancel()


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
    try:
        await until_over(call, seconds)
    except AudioFileError as error:
        # Others may be answered all the same.
        say(str(error))


def _numbered(record: Path | None, number: int) -> Path | None:
    """The file of the first call is the one that was named, so that one call needs no thought."""
    if record is None or number == 1:
        return record
    return record.with_stem(f"{record.stem}-{number}")
