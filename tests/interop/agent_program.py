"""A phone made with offhook.UserAgent that is steered line by line, for what our commands have no options for.

usage: agent_program.py URI TRANSPORT. It reads commands (see `_act`) and prints what happens, one line each.
"""

from __future__ import annotations

import asyncio
import os
import sys

from offhook import Call, IncomingCall, SipError, UserAgent


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


class Phone:
    """At most one call at a time."""

    def __init__(self, agent: UserAgent) -> None:
        self._agent = agent
        self._call: Call | None = None
        self._calling: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        async for call in self._agent.incoming():
            self._call = call
            await call.ring()
            say("incoming", call.caller.uri.serialize())
            await self._watch(call)

    async def take_messages(self) -> None:
        async for message in self._agent.messages():
            say("message", message.text)

    async def _watch(self, call: Call) -> None:
        call.on_digit = lambda digit, seconds: say("digit", digit)
        call.on_hold = lambda held: say("held" if held else "taken back")
        say("ended:", await call.ended())

    async def _dial(self, uri: str) -> None:
        try:
            self._call = await self._agent.invite(uri, play="tone.wav", on_progress=lambda progress: say(progress))
        except SipError as error:
            say("failed:", error)
        except asyncio.CancelledError:
            say("cancelled")
        else:
            say("answered")
            await self._watch(self._call)

    async def obey(self, line: str) -> None:
        """Do what a line says: a method of the call, or `dial URI`, `cancel`, `answer`."""
        word, *arguments = line.split()
        if word == "dial":
            self._calling = asyncio.create_task(self._dial(*arguments))
        elif word == "cancel" and self._calling is not None:
            self._calling.cancel()
        elif word == "answer" and isinstance(self._call, IncomingCall):
            await self._call.answer(play="tone.wav", record="heard.wav")
            say("answered")
        elif word == "packets" and self._call is not None:
            say("packets", self._call.statistics().packets_received)
        elif word == "send_dtmf" and self._call is not None:
            self._call.send_dtmf(*arguments)
        else:
            await getattr(self._call, word)(*arguments)
            say("done:", word)


async def main(uri: str, transport: str) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    agent = UserAgent(uri, os.environ["OFFHOOK_PASSWORD"], transport=transport)
    agent.on_registration = lambda failure: say("registration:", failure or "accepted")
    async with agent:
        phone = Phone(agent)
        tasks = [asyncio.create_task(phone.listen()), asyncio.create_task(phone.take_messages())]
        say("registered")
        while line := await lines.readline():
            try:
                await phone.obey(line.decode())
            except SipError as error:
                say("error:", error)
        for task in tasks:
            task.cancel()


asyncio.run(main(*sys.argv[1:]))
