"""The sockets of the DNS client: they refuse answers that would take long to read.

Whoever calls a name in a domain of his own chooses what is answered, up to 65535 octets and thousands of records, and
the event loop stands still while they are read. No set of servers needs as much: an answer of `MOST_OCTETS` holds more
than a hundred SRV records, of which 32 are tried.
"""

from __future__ import annotations

import socket
from typing import Any, Final, Self

import dns.asyncbackend
import dns.exception

__all__ = ["MOST_OCTETS", "BoundedBackend"]

MOST_OCTETS: Final = 8192
"""The longest answer that is read."""


class BoundedBackend:
    """What dnspython calls a backend: the running loop's sockets, with a bound for what comes in."""

    def name(self) -> str:
        return "bounded"

    def datagram_connection_required(self) -> bool:
        return bool(_loops_own().datagram_connection_required())

    async def make_socket(self, family: int, kind: int, *rest: Any) -> _Socket:
        made = await _loops_own().make_socket(family, kind, *rest)
        return _Datagrams(made) if kind == socket.SOCK_DGRAM else _Stream(made)

    async def sleep(self, interval: float) -> None:
        await _loops_own().sleep(interval)


def _loops_own() -> Any:
    return dns.asyncbackend.get_default_backend()


class _Socket:
    def __init__(self, inner: Any) -> None:
        self.family = inner.family
        self._inner = inner

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._inner.close()


class _Datagrams(_Socket):
    """A longer datagram counts as noise: anybody may have sent it, and the answer still comes (RFC 5452)."""

    async def sendto(self, what: bytes, destination: Any, within: float) -> int:
        return int(await self._inner.sendto(what, destination, within))

    async def recvfrom(self, size: int, within: float) -> tuple[bytes, Any]:
        data, address = await self._inner.recvfrom(size, within)
        return (data if len(data) <= MOST_OCTETS else b""), address


class _Stream(_Socket):
    """A longer answer is a malformed one: this server is not asked again for it."""

    async def sendall(self, what: bytes, within: float) -> None:
        await self._inner.sendall(what, within)

    async def recv(self, size: int, within: float) -> bytes:
        if size > MOST_OCTETS:
            raise dns.exception.FormError(f"an answer of {size} octets")  # type: ignore[no-untyped-call]
        return bytes(await self._inner.recv(size, within))
