"""What becomes of the registration of a command that stays."""

from __future__ import annotations

import asyncio

from offhook.cli.say import say
from offhook.ua.agent import UserAgent
from offhook.ua.events import Failure

__all__ = ["until_rejected"]


async def until_rejected(agent: UserAgent) -> Failure:
    """Say when the registration is lost and when it is there again; return once the registrar has refused it for good.

    That may never be. `agent` is registered.
    """
    changes: asyncio.Queue[Failure | None] = asyncio.Queue()
    agent.on_registration = changes.put_nowait
    lost = False
    while True:
        failure = await changes.get()
        if failure is None:
            if lost:
                say("registered again")
            lost = False
        elif agent.registering:
            if not lost:
                say(f"not registered any more: {failure.exception}; it is tried again")
            lost = True
        else:
            return failure
