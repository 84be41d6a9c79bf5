"""Running a command until it is done, or until somebody wants it to end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine

__all__ = ["run"]


def run(act: Coroutine[object, object, None]) -> None:
    """Run a command. Ctrl-C and SIGTERM cancel it, so that calls end with BYE and the account is unregistered."""
    asyncio.run(_cancelled_by_signals(act))


async def _cancelled_by_signals(act: Coroutine[object, object, None]) -> None:
    task = asyncio.ensure_future(act)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _cancel, task, number)
    try:
        await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _cancel(task: asyncio.Future[None], number: signal.Signals) -> None:
    """A second signal ends the command at once."""
    task.cancel()
    asyncio.get_running_loop().remove_signal_handler(number)
    signal.signal(number, signal.SIG_DFL)
