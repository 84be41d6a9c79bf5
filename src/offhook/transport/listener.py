"""Listeners: what was configured, and the sockets that are bound for it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Final

from offhook.errors import ConfigError, ParseError, TransportFailed
from offhook.flow import default_port, is_reliable, is_secure
from offhook.sip.host import bare_host, bracketed_host, checked_host, checked_port
from offhook.transport.carriers import LISTENED
from offhook.transport.interfaces import canonical_address, family_of, interface_addresses
from offhook.transport.tls import TlsSettings

__all__ = ["BoundSocket", "Listener", "bind_all", "bind_more", "host_and_port", "written"]

"""The transports that there are drivers for."""
_WILDCARDS: Final = ("0.0.0.0", "::")
_ATTEMPTS: Final = 16
_BACKLOG: Final = 1024
_RECEIVE_BUFFER: Final = 4 << 20
"""Octets that the kernel may hold for one UDP socket; it gives less where net.core.rmem_max says so."""


def written(host: str, port: int) -> str:
    """A host and port as Via and URIs write them."""
    return f"{bracketed_host(host)}:{port}"


def host_and_port(text: str) -> tuple[str, int]:
    """Read "host", "host:port", "[2001:db8::1]:port" or a bare IPv6 address; port 0 where none is said.

    The host comes without brackets. Raises ConfigError.
    """
    host, port = text, ""
    if text.startswith("["):
        end = text.find("]") + 1
        host, colon, port = text[:end], text[end : end + 1], text[end + 1 :]
        if colon not in ("", ":"):
            raise ConfigError(f"{text!r} has no colon before its port; write for example [2001:db8::1]:5060")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdigit()):
        raise ConfigError(f"{text!r} has no port number after its colon; write for example 192.0.2.1:5060")
    try:
        return bare_host(checked_host(bracketed_host(host))), checked_port(port) if port else 0
    except ParseError as error:
        raise ConfigError(f"{text!r} is not a host with an optional port: {error.reason}") from error


class Listener:
    """One place to listen at, as configured.

    `transport` is one of `LISTENED`; `host` a numeric address, "0.0.0.0" and "::" standing for all of its family;
    `port` None for the transport's own (5060, 5061), 0 for one that the kernel chooses. `advertise` is what Via,
    Contact and Record-Route call us where the own address is not what peers reach: a host with an optional port.
    `tls` belongs to TLS; without a certificate in it nothing is accepted, and connections are only opened.

    `name` identifies the listener across restarts: stored flows carry it. Raises ConfigError.
    """

    __slots__ = ("advertise", "host", "name", "port", "tls", "transport")

    def __init__(
        self,
        transport: str,
        host: str,
        port: int | None = None,
        *,
        advertise: str = "",
        tls: TlsSettings | None = None,
    ) -> None:
        if transport not in LISTENED:
            raise ConfigError(f"{transport!r} is not a transport to listen on; write one of {', '.join(LISTENED)}")
        if port is not None and not 0 <= port <= 65535:
            raise ConfigError(f"{port} is not a port; ports go from 0 to 65535")
        try:
            self.host = canonical_address(bare_host(host))
        except ValueError as error:
            raise ConfigError(f"cannot listen at {host!r}: write a numeric address, 0.0.0.0 or ::") from error
        self.transport = transport
        self.port = default_port(transport) if port is None else port
        self.advertise = host_and_port(advertise) if advertise else None
        self.tls = TlsSettings() if tls is None else tls
        self.name = f"{transport.lower()}:{written(self.host, self.port)}"

    @property
    def wildcard(self) -> bool:
        """Whether all local addresses of a family are meant, whichever they are."""
        return self.host in _WILDCARDS

    @property
    def accepts(self) -> bool:
        """Whether peers can connect or send here; not over TLS without a certificate."""
        return not is_secure(self.transport) or self.tls.certificate is not None

    def hosts(self) -> list[str]:
        """The local addresses that the listener stands for. Raises TransportFailed where a wildcard has none."""
        if not self.wildcard:
            return [self.host]
        hosts = interface_addresses(family_of(self.host))
        if not hosts:
            raise TransportFailed(f"{self.name}: this machine has no address of that family")
        return hosts

    def sent_by(self, host: str, port: int) -> str:
        """What Via says of us when the local address is `host` and `port`."""
        if self.advertise is None:
            return written(host, port)
        return written(self.advertise[0], self.advertise[1] or port)

    def __repr__(self) -> str:
        return f"Listener({self.name})"


class BoundSocket:
    """A socket that is bound for a listener: `local` is its (host, port), the host possibly a wildcard."""

    __slots__ = ("listener", "local", "socket")

    def __init__(self, listener: Listener, sock: socket.socket) -> None:
        self.listener = listener
        self.socket = sock
        host, port = sock.getsockname()[:2]
        self.local: tuple[str, int] = (host, port)


def bind_more(listener: Listener, host: str, port: int) -> BoundSocket:
    """Bind one more local address for a UDP wildcard. Raises TransportFailed with one sentence."""
    try:
        return BoundSocket(listener, _bound(listener.transport, host, port))
    except OSError as error:
        raise _refused(listener.transport, host, port, error) from error


class _PortTaken(Exception):
    """A port that the kernel gave to one listener is not free for another that is to share it."""


def bind_all(listeners: Sequence[Listener]) -> list[BoundSocket]:
    """Bind the sockets of all listeners: one for each, and one for each local address of a UDP wildcard.

    UDP and TCP listeners of one host with port 0 get the same port (RFC 3261 18.2.1: whoever listens for UDP listens
    for TCP on that port too). Raises ConfigError and TransportFailed with one sentence; then nothing is bound.
    """
    names = [listener.name for listener in listeners if listener.port]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"two listeners are called {name}; leave one out")
    for _ in range(_ATTEMPTS):
        bound: list[BoundSocket] = []
        try:
            _bind_each(listeners, bound)
            return bound
        except _PortTaken:
            _close(bound)
        except BaseException:
            _close(bound)
            raise
    raise TransportFailed("no port is free for all listeners that are to share one")


def _close(bound: list[BoundSocket]) -> None:
    for one in bound:
        one.socket.close()


def _bind_each(listeners: Sequence[Listener], bound: list[BoundSocket]) -> None:
    shared: dict[str, int] = {}
    for listener in listeners:
        if not listener.accepts:
            continue
        wildcard = listener.wildcard and not is_reliable(listener.transport)
        for host in listener.hosts() if wildcard else [listener.host]:
            free = listener.port == 0 and not is_secure(listener.transport)
            port = shared.get(listener.host, 0) if free else listener.port
            try:
                sock = _bound(listener.transport, host, port)
            except OSError as error:
                if free and port and error.errno == errno.EADDRINUSE:
                    raise _PortTaken from error
                if wildcard and error.errno == errno.EADDRNOTAVAIL:
                    continue  # the address went while the list was read
                raise _refused(listener.transport, host, port, error) from error
            bound.append(BoundSocket(listener, sock))
            if free:
                shared[listener.host] = sock.getsockname()[1]


def _bound(transport: str, host: str, port: int) -> socket.socket:
    family = family_of(host)
    datagrams = not is_reliable(transport)
    sock = socket.socket(family, socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if datagrams:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        else:
            # Over UDP this would let a second program take the datagrams of the first.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        if not datagrams:
            sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _refused(transport: str, host: str, port: int, error: OSError) -> TransportFailed:
    where = f"{transport} port {port} of {host}"
    if error.errno == errno.EADDRINUSE:
        return TransportFailed(f"{where} is in use; stop the program that holds it or choose another port")
    if error.errno == errno.EADDRNOTAVAIL:
        return TransportFailed(f"cannot listen on {where}: no interface of this machine has that address")
    if error.errno in (errno.EACCES, errno.EPERM):
        return TransportFailed(f"may not listen on {where}; ports below 1024 need root or CAP_NET_BIND_SERVICE")
    return TransportFailed(f"cannot listen on {where}: {error.strerror}")
