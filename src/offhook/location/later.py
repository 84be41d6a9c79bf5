"""How the roles, which await nothing themselves, have a location service, or anything else, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

from offhook.clock import Moment

__all__ = ["AwaitLater"]

T = TypeVar("T")


class AwaitLater:
    """A `Later` for asyncio; what already is a future costs no task.

    `call` lets a role act: it calls what it is given with the present moment, and then sends what the engine has
    queued. What is still awaited when the loop ends is told to nobody.
    """

    def __init__(self, call: Callable[[Callable[[Moment], None]], None]) -> None:
        self._call = call
        self._awaited: set[asyncio.Future[Any]] = set()

    def __call__(self, work: Awaitable[T], done: Callable[[T | Exception, Moment], None]) -> None:
        """Wait for `work`, then call `done` with what it gave or raised."""
        future = asyncio.ensure_future(work)
        # The loop itself holds tasks only weakly.
        self._awaited.add(future)
        future.add_done_callback(partial(self._tell, done))

    def _tell(self, done: Callable[[T | Exception, Moment], None], future: asyncio.Future[T]) -> None:
        self._awaited.discard(future)
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._call(partial(done, future.result()))
        elif isinstance(error, Exception):
            self._call(partial(done, error))
