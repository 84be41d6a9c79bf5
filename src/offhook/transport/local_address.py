"""The own side of every flow: which addresses are bound, and by which of them a destination is reached."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Final

from offhook.transport.interfaces import family_of, reaches, source_towards
from offhook.transport.listener import Listener

__all__ = ["LocalAddress", "LocalAddresses"]

_ROUTE_LIFE: Final = 30.0
"""Seconds for which the kernel's choice of a route is believed."""
_MOST_ROUTES: Final = 16384


class LocalAddress:
    """One address of our own: `host` and `port` as bound, `sent_by` as Via says it.

    `listening` is false where connections are only opened (TLS without a certificate).
    """

    __slots__ = ("host", "listener", "listening", "local", "port", "sent_by", "transport")

    def __init__(self, listener: Listener, host: str, port: int) -> None:
        self.listener = listener.name
        self.transport = listener.transport
        self.host = host
        self.port = port
        self.local = (host, port)
        self.sent_by = listener.sent_by(host, port)
        self.listening = listener.accepts

    def __repr__(self) -> str:
        return f"LocalAddress({self.transport} {self.sent_by})"


class LocalAddresses:
    """All of a driver's own addresses, in the order of its listeners. `clock` gives monotonic seconds."""

    __slots__ = ("_all", "_clock", "_routes")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._all: list[LocalAddress] = []
        self._clock = clock
        self._routes: dict[tuple[str, str], tuple[float, LocalAddress | None]] = {}

    def __iter__(self) -> Iterator[LocalAddress]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    def add(self, address: LocalAddress) -> None:
        """Take in an address that has been bound."""
        self._all.append(address)
        self._routes.clear()

    def clear(self) -> None:
        """Forget all addresses and routes: they have changed."""
        self._all.clear()
        self._routes.clear()

    def families(self, transport: str) -> list[socket.AddressFamily]:
        """The address families in which something can be sent over a transport, IPv6 first; empty for none."""
        own = {family_of(address.host) for address in self._all if address.transport == transport}
        return [family for family in (socket.AF_INET6, socket.AF_INET) if family in own]

    def towards(self, transport: str, host: str) -> LocalAddress | None:
        """The own address from which a numeric host is reached; None when there is none.

        It is the one that the kernel would send from, or else the first one that can reach the host at all.
        """
        known = self._routes.get((transport, host))
        now = self._clock()
        if known is not None and known[0] > now:
            return known[1]
        found = self._find(transport, host)
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        self._routes[(transport, host)] = (now + _ROUTE_LIFE, found)
        return found

    def _find(self, transport: str, host: str) -> LocalAddress | None:
        family = family_of(host)
        usable = [one for one in self._all if one.transport == transport and family_of(one.host) == family]
        if not usable:
            return None
        source = source_towards(host)
        for address in usable:
            if address.host == source:
                return address
        for address in usable:
            if reaches(address.host, host):
                return address
        return None
