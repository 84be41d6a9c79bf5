"""An event loop in virtual time, for what has futures of asyncio and nothing else of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from offhook.testing.network import VirtualNetwork, VirtualNode

__all__ = ["VirtualLoop", "running"]


class VirtualLoop:
    """Calls back in the turn of a host of a virtual network, and never once that has crashed.

    It is as much of an event loop as futures need.
    `node`: the host of which this is the loop now; after a restart it is another.
    """

    def __init__(self, network: VirtualNetwork) -> None:
        self.network = network
        self.node: VirtualNode[Any] | None = None

    def create_future(self) -> asyncio.Future[Any]:
        """A future whose callbacks this loop calls."""
        return asyncio.Future(loop=self.as_loop)

    @property
    def as_loop(self) -> Any:
        """Itself, for those who want a whole event loop."""
        return self

    def call_soon(self, callback: Callable[..., None], *args: Any, context: Context | None = None) -> None:
        """Call back in the host's next turn."""
        assert self.node is not None
        act: Callable[[], None] = partial((context or copy_context()).run, callback, *args)
        self.network.at(0.0, self.node, act)

    def get_debug(self) -> bool:
        """Futures ask."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """A future failed, and nobody asked what came of it."""
        raise AssertionError(context["message"])


@contextmanager
def running(loop: VirtualLoop) -> Iterator[None]:
    """While this lasts, `asyncio.get_running_loop` gives the loop."""
    asyncio.events._set_running_loop(loop.as_loop)
    try:
        yield
    finally:
        asyncio.events._set_running_loop(None)
