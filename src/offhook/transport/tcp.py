"""TCP listening sockets, for TLS too: take what connects and hand it on."""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from typing import Final

from offhook.transport.listener import BoundSocket, written
from offhook.transport.streams import Streams

__all__ = ["StreamListener"]

_log = logging.getLogger(__name__)

_BATCH: Final = 64
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_REST: Final = 0.5
"""Seconds without accepting when the machine is out of descriptors or memory: they would fail in a busy loop."""


class StreamListener:
    """One listening socket. `context` is that of TLS for the next connections, None for plain TCP."""

    __slots__ = ("_bound", "_loop", "_resting", "_streams", "context")

    def __init__(
        self, bound: BoundSocket, streams: Streams, loop: asyncio.AbstractEventLoop, context: ssl.SSLContext | None
    ) -> None:
        self._bound = bound
        self._streams = streams
        self._loop = loop
        self.context = context
        self._resting: asyncio.TimerHandle | None = None
        self._listen()

    @property
    def name(self) -> str:
        """The listener's name."""
        return self._bound.listener.name

    def close(self) -> None:
        """Accept no more."""
        if self._bound.socket.fileno() >= 0:
            self._loop.remove_reader(self._bound.socket.fileno())
        if self._resting is not None:
            self._resting.cancel()
        self._bound.socket.close()

    def _listen(self) -> None:
        self._loop.add_reader(self._bound.socket.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_BATCH):
            try:
                sock, address = self._bound.socket.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    where = written(*self._bound.local)
                    _log.error("cannot accept connections at %s for the moment: %s", where, error.strerror)
                    self._loop.remove_reader(self._bound.socket.fileno())
                    self._resting = self._loop.call_later(_REST, self._listen)
                    return
                continue  # this one was gone before we took it (accept(2))
            self._streams.accept(sock, (address[0], address[1]), self._bound.listener, self.context)
