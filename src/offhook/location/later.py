"""How the roles, which await nothing themselves, have a location service awaited in an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from offhook.clock import Moment
from offhook.location.base import Outcome
from offhook.location.binding import Binding

__all__ = ["AwaitLater"]


class AwaitLater:
    """A `Later` for asyncio; what already is a future costs no task.

    `call` lets a role act: it calls what it is given with the present moment, and then sends what the engine has
    queued. What is still awaited when the loop ends is told to nobody.
    """

    def __init__(self, call: Callable[[Callable[[Moment], None]], None]) -> None:
        self._call = call
        self._awaited: set[asyncio.Future[list[Binding]]] = set()

    def __call__(self, work: Awaitable[list[Binding]], done: Callable[[Outcome, Moment], None]) -> None:
        future = asyncio.ensure_future(work)
        # The loop itself holds tasks only weakly.
        self._awaited.add(future)
        future.add_done_callback(partial(self._tell, done))

    def _tell(self, done: Callable[[Outcome, Moment], None], future: asyncio.Future[list[Binding]]) -> None:
        self._awaited.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._call(partial(done, future.result()))
        elif isinstance(error, Exception):
            self._call(partial(done, error))
