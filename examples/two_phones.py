"""Two phones call each other directly, without a server: one plays a tone, the other records it.

python examples/two_phones.py [RECORDING.wav]
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from offhook import UserAgent, printable
from offhook.media.audio.tone import sine


async def answer_one_call(bob: UserAgent, recording: Path) -> None:
    async for call in bob.incoming():
        print(printable(f"bob: a call from {call.caller}"))
        await call.ring()
        await call.answer(record=recording)
        end = await call.ended()
        print(f"bob: the call is over ({end.cause})")
        return


async def main(recording: Path) -> None:
    async with (
        UserAgent("sip:bob@127.0.0.1", local="127.0.0.1", register=False) as bob,
        UserAgent("sip:alice@127.0.0.1", local="127.0.0.1", register=False) as alice,
    ):
        answering = asyncio.create_task(answer_one_call(bob, recording))
        call = await alice.invite(f"sip:bob@{bob.addresses[0]}", play=sine(440.0, 1.0), on_progress=print)
        await asyncio.sleep(1.2)
        await call.hang_up()
        await answering
    print(f"bob heard it: {recording}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else "heard.wav")))
