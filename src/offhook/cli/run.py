"""Running a command until it is done, or until somebody wants it to end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Any

from offhook.cli.exits import INTERRUPTED

__all__ = ["run"]


def run(act: Coroutine[Any, Any, None], loop: type[asyncio.AbstractEventLoop] | None = None) -> None:
    """Run a command, in a loop of the given kind.

    The first Ctrl-C or SIGTERM cancels it, so that calls end with BYE, accounts are unregistered and files are closed;
    a second one ends the process at once. A command that takes its cancellation for its end has succeeded; else
    KeyboardInterrupt is raised.
    """
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_cancelled_by_signals(act))


async def _cancelled_by_signals(act: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(act)
    loop = asyncio.get_running_loop()
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        if interrupted:
            os._exit(INTERRUPTED)
        interrupted = True
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
