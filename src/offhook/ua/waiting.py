"""What programs wait for: the answer and the end of a call, the calls and messages that come, in asyncio."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from offhook.clock import Moment
from offhook.errors import CallFailed, SipError
from offhook.ua.accept import ServerInvite
from offhook.ua.call import Act, Call
from offhook.ua.events import Answered, CallEnd, CallEvent, Ended, Held, Progress
from offhook.ua.invite import ClientInvite

__all__ = ["CallSignals", "Inbox", "call_hook"]

_log = logging.getLogger(__name__)

Item = TypeVar("Item")


def call_hook(hook: Callable[..., None] | None, *arguments: object) -> None:
    """Call a hook of the user's; its errors are its own, the call goes on."""
    if hook is not None:
        try:
            hook(*arguments)
        except Exception:
            _log.exception("a hook of the user agent failed")


class CallSignals:
    """What one call's program waits for. Futures that nobody awaits never complain."""

    def __init__(self, act: Act) -> None:
        loop = asyncio.get_running_loop()
        self.session: ClientInvite | ServerInvite | None = None
        self.call: Call | None = None
        self.on_progress: Callable[[Progress], None] | None = None
        self._act = act
        self._answered: asyncio.Future[None] = loop.create_future()
        self._ended: asyncio.Future[CallEnd] = loop.create_future()

    def take(self, event: CallEvent) -> None:
        """Take an event of the core."""
        if isinstance(event, Progress):
            call_hook(self.on_progress, event)
        elif isinstance(event, Held):
            call_hook(None if self.call is None else self.call.on_hold, event.held)
        elif isinstance(event, Answered):
            if not self._answered.done():
                self._answered.set_result(None)
        elif isinstance(event, Ended):
            if not self._answered.done():
                self._answered.set_exception(self._failure(event.end))
                # Retrieved here, so that an attempt that was cancelled is not reported as forgotten.
                self._answered.exception()
            if not self._ended.done():
                self._ended.set_result(event.end)

    async def answered(self) -> None:
        await asyncio.shield(self._answered)

    async def ended(self) -> CallEnd:
        return await asyncio.shield(self._ended)

    async def changing(self, change: Callable[[Callable[[SipError | None, Moment], None], Moment], None]) -> None:
        changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: SipError | None, now: Moment) -> None:
            if changed.done():
                return
            if error is None:
                changed.set_result(None)
            else:
                changed.set_exception(error)

        self._act(lambda now: change(done, now))
        await changed

    def _failure(self, end: CallEnd) -> CallFailed:
        failure = self.session.failure if isinstance(self.session, ClientInvite) else None
        if failure is None:
            return CallFailed(end.status or 487, end.reason or str(end.cause))
        failed = CallFailed(failure.status, failure.reason)
        # What kept any answer from coming where none came, or how the password failed.
        failed.__cause__ = failure.error
        return failed


class Inbox(Generic[Item]):
    """What waits for the programs that iterate over it; nothing is taken while there is none.

    At most `bound` items wait. Those that are no longer `wanted` when their turn comes are passed over.
    """

    def __init__(self, bound: int, wanted: Callable[[Item], bool], on_change: Callable[[bool], None]) -> None:
        self._queue: asyncio.Queue[Item | None] = asyncio.Queue()
        self._bound = bound
        self._wanted = wanted
        self._on_change = on_change
        self._readers = 0
        self._closed = False

    def put(self, item: Item) -> bool:
        """Hand an item over; False when nobody iterates, or too much waits already."""
        if not self._readers or self._queue.qsize() >= self._bound:
            return False
        self._queue.put_nowait(item)
        return True

    def close(self) -> None:
        """Let the iterations end."""
        self._closed = True
        for _ in range(self._readers):
            self._queue.put_nowait(None)

    async def items(self) -> AsyncIterator[Item]:
        """Iterate until the agent closes."""
        if self._closed:
            return
        self._readers += 1
        self._on_change(True)
        try:
            while not self._closed:
                item = await self._queue.get()
                if item is None:
                    return
                if self._wanted(item):
                    yield item
        finally:
            self._readers -= 1
            # Once it is closed another inbox may stand in its place, which has readers of its own.
            if not self._readers and not self._closed:
                self._on_change(False)
