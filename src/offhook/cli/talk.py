"""A call that is up, until somebody ends it."""

from __future__ import annotations

import asyncio

from offhook.cli.say import say
from offhook.ua.call import Call

__all__ = ["until_over"]


async def until_over(call: Call, seconds: float | None) -> None:
    """Wait until the peer hangs up, the time is over, or Ctrl-C; say how it ended."""
    try:
        async with asyncio.timeout(seconds):
            end = await call.ended()
    except (TimeoutError, asyncio.CancelledError):
        # Ctrl-C too: that is how a person hangs up, and no failure.
        await call.hang_up()
        end = await call.ended()
    say(f"the call is over: {end}")
