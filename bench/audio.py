"""An agent with many calls that play and record G.711.

usage: python bench/audio.py answer COUNT FOLDER | call COUNT URI FOLDER, by the interpreter that is measured.

Either says where it is or that its calls stand, and at each line on its standard input tells the sums of its streams'
numbers, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import math
import struct
import sys
import wave
from pathlib import Path

import uvloop

from offhook import Call, UserAgent

RATE = 8000
LONGEST = 120
AT_ONCE = 10

Numbers = dict[str, int]


def write_tone(file: Path) -> None:
    """A tone that is longer than any measurement."""
    samples = [round(8000 * math.sin(2 * math.pi * 440 * number / RATE)) for number in range(RATE)]
    with wave.open(str(file), "wb") as tone:
        tone.setnchannels(1)
        tone.setsampwidth(2)
        tone.setframerate(RATE)
        tone.writeframes(struct.pack(f"<{RATE}h", *samples) * LONGEST)


def agent(user: str) -> UserAgent:
    uri = f"sip:{user}@127.0.0.1"
    return UserAgent(uri, register=False, local="127.0.0.1", transport="udp", most_calls=100_000)


def numbers(calls: list[Call]) -> Numbers:
    """Sums over all streams."""
    found = [call.statistics() for call in calls]
    return {
        "sent": sum(each.packets_sent for each in found),
        "received": sum(each.packets_received for each in found),
        "lost": sum(each.packets_lost for each in found),
        "late": sum(each.packets_late for each in found),
    }


async def lines() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def tell(calls: list[Call]) -> None:
    """At each line the numbers; until there are no more lines."""
    asked = await lines()
    while await asked.readline():
        print(json.dumps(numbers(calls)), flush=True)


async def answer(count: int, folder: Path) -> None:
    write_tone(folder / "tone.wav")
    calls: list[Call] = []
    async with agent("answer") as answering:

        async def take() -> None:
            async for call in answering.incoming():
                await call.answer(play=folder / "tone.wav", record=folder / f"{len(calls)}.wav")
                calls.append(call)
                if len(calls) == count:
                    return

        taking = asyncio.create_task(take())
        print(answering.addresses[0], flush=True)
        await tell(calls)
        taking.cancel()


async def call(count: int, callee: str, folder: Path) -> None:
    calls: list[Call] = []
    async with agent("call") as calling:
        for first in range(0, count, AT_ONCE):
            some = range(first, min(first + AT_ONCE, count))
            calls += await asyncio.gather(*(calling.invite(callee, play=folder / "tone.wav") for _ in some))
        print("all stand", flush=True)
        await tell(calls)


if __name__ == "__main__":
    what, number, *more = sys.argv[1:]
    if what == "answer":
        uvloop.run(answer(int(number), Path(more[0])))
    else:
        uvloop.run(call(int(number), more[0], Path(more[1])))
