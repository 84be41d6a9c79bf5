"""A phone that calls and texts another over and over, answers whoever calls, and may be killed at any moment.

usage: python -m tests.soak.restless URI PEER PROXY TRANSPORT AUTHORITIES, with the password in OFFHOOK_PASSWORD.

It prints one line of JSON for everything that it did: `what` (registered, call, cancelled, message, rest), the seconds
of the monotonic clock at which it `began` and `ended`, and `failed`, which says why. A line on its standard input has
it stop calling and tell, in `rest`, how many dialogs are left once its calls are over.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from offhook import IncomingCall, SipError, UserAgent
from offhook.errors import TransactionTimeout, TransportFailed
from offhook.transport.tls import TlsSettings
from offhook.ua.events import Progress

PAUSE: Final = 0.2
PATIENCE: Final = 20.0
"""Seconds after which a call that nobody answers is given up."""
REST: Final = 60.0
"""Seconds within which all that a call leaves behind is gone."""
LONGEST: Final = 5.0
CANCELLED_EACH: Final = 5


def say(what: str, began: float, failed: str = "") -> None:
    line = {"what": what, "began": began, "ended": time.monotonic(), "failed": failed}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def tried(what: str, act: Callable[[], Awaitable[None]]) -> None:
    """Do something and say what became of it."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            await act()
    except (SipError, TimeoutError) as error:
        say(what, began, str(error) or type(error).__name__)
    else:
        say(what, began)


class Caller:
    """What a phone does to its peer."""

    def __init__(self, agent: UserAgent, peer: str) -> None:
        self._agent = agent
        self._peer = peer

    async def go_on(self) -> None:
        """Call and text, until cancelled."""
        number = 0
        while True:
            number += 1
            await tried("call", self._call)
            if number % CANCELLED_EACH == 0:
                await tried("cancelled", self._cancel)
            await tried("message", self._text)
            await asyncio.sleep(PAUSE)

    async def _call(self) -> None:
        call = await self._agent.invite(self._peer)
        await asyncio.sleep(PAUSE)
        await call.hang_up()

    async def _text(self) -> None:
        await self._agent.message(self._peer, "Still there?")

    async def _cancel(self) -> None:
        """Hang up while it rings."""
        ringing = asyncio.Event()

        def rings(progress: Progress) -> None:
            ringing.set()

        calling = asyncio.create_task(self._agent.invite(self._peer, on_progress=rings))
        waiting = asyncio.create_task(ringing.wait())
        try:
            await asyncio.wait((calling, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            calling.cancel()
        [outcome] = await asyncio.gather(calling, return_exceptions=True)
        if isinstance(outcome, SipError):
            raise outcome


async def answer_all(agent: UserAgent) -> None:
    async with asyncio.TaskGroup() as calls:
        async for call in agent.incoming():
            calls.create_task(answer(call))


async def answer(call: IncomingCall) -> None:
    """Ring for a moment, answer, and hang up in the end: a caller that was killed never does."""
    try:
        await call.ring()
        await asyncio.sleep(PAUSE)
        await call.answer()
        async with asyncio.timeout(LONGEST):
            await call.ended()
    except TimeoutError:
        await call.hang_up()
    except SipError:
        # The caller hung up meanwhile.
        return


async def read_all(agent: UserAgent) -> None:
    async for _message in agent.messages():
        pass


async def registered(agent: UserAgent) -> None:
    """Register, however often a busy server has to be asked."""
    while True:
        try:
            await agent.register()
        except (TransactionTimeout, TransportFailed):
            continue
        return


async def rest(agent: UserAgent) -> None:
    """Wait until no dialog is left."""
    began = time.monotonic()
    dialogs = agent._core.context.dialogs
    for _ in range(round(REST / PAUSE)):
        if not len(dialogs):
            break
        await asyncio.sleep(PAUSE)
    say("rest", began, f"{len(dialogs)} dialogs are left" if len(dialogs) else "")


async def main(uri: str, peer: str, proxy: str, transport: str, authorities: str) -> None:
    began = time.monotonic()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    agent = UserAgent(
        uri,
        os.environ["OFFHOOK_PASSWORD"],
        outbound_proxy=proxy,
        local="127.0.0.1",
        transport=transport,
        tls=TlsSettings(authorities=Path(authorities)),
        expires=60,
        keep_alive=10.0,
        most_calls=1000,
        register=False,
    )
    async with agent:
        await registered(agent)
        say("registered", began)
        async with asyncio.TaskGroup() as tasks:
            serving = [tasks.create_task(answer_all(agent)), tasks.create_task(read_all(agent))]
            calling = tasks.create_task(Caller(agent, peer).go_on())
            await lines.readline()
            calling.cancel()
            await rest(agent)
            for task in serving:
                task.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
