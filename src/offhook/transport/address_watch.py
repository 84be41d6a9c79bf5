"""Word of the kernel's that this machine's addresses or routes have changed (rtnetlink(7))."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

__all__ = ["AddressWatch"]

_GROUPS: Final = 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE."""
_SETTLED: Final = 0.5
"""Seconds from the first word on: an address comes with its routes, and often in the place of another."""
_NOTICE: Final = 65536


class AddressWatch:
    """Calls `changed` shortly after each change. Raises OSError where the kernel tells nobody."""

    def __init__(self, loop: asyncio.AbstractEventLoop, changed: Callable[[], None]) -> None:
        self._loop = loop
        self._changed = changed
        self._timer: asyncio.TimerHandle | None = None
        self._socket = _kernel()
        try:
            self._socket.bind((0, _GROUPS))
        except OSError:
            self._socket.close()
            raise
        loop.add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        """Watch no more. Once more, it does nothing."""
        if self._socket.fileno() < 0:
            return
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        if self._timer is not None:
            self._timer.cancel()

    def _read(self) -> None:
        try:
            while self._socket.recv(_NOTICE):
                pass
        except BlockingIOError:
            pass
        except OSError:
            pass  # ENOBUFS: so much has changed that not all of it could be told
        if self._timer is None:
            self._timer = self._loop.call_later(_SETTLED, self._settled)

    def _settled(self) -> None:
        self._timer = None
        self._changed()


def _kernel() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
