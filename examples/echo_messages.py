"""A user agent that answers each text message with its own words.

OFFHOOK_PASSWORD=... python examples/echo_messages.py sip:bob@example.com
"""

from __future__ import annotations

import asyncio
import os
import sys

from offhook import SipError, UserAgent, printable


async def main(aor: str) -> None:
    async with UserAgent(aor, os.environ.get("OFFHOOK_PASSWORD")) as ua:
        print(f"{aor} takes messages")
        async for message in ua.messages():
            print(printable(f"{message.sender}: {message.text}"))
            try:
                await ua.message(message.sender.uri, f"You said: {message.text}")
            except SipError as error:
                print(printable(f"no answer for {message.sender}: {error}"))


if __name__ == "__main__":
    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        print("bye")
