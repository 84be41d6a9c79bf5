"""All connections of a driver: opened, accepted, found by their flow, counted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
import ssl
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from offhook import clock
from offhook.clock import Moment
from offhook.errors import ParseError
from offhook.flow import Flow, Target, is_secure
from offhook.sip.host import customer_of
from offhook.sip.parser import Limits
from offhook.stack import FAILED
from offhook.transport.carriers import CONNECTIONS
from offhook.transport.connection import StreamConnection, StreamLimits
from offhook.transport.interfaces import family_of
from offhook.transport.listener import Listener, written
from offhook.transport.log_limit import LogLimit
from offhook.transport.receiver import Receiver
from offhook.transport.tls import (
    client_context,
    client_identities,
    connect_failure,
    handshake_failure,
    peer_refusal,
    server_name,
)

__all__ = ["Streams"]

_log = logging.getLogger(__name__)

_IP_BIND_ADDRESS_NO_PORT: Final = 24
"""Of Linux's ip(7): the port is chosen when connecting, so that one port serves many destinations."""
_KEEP_ALIVE_AFTER: Final = 120
_KEEP_ALIVE_EVERY: Final = 30
_KEEP_ALIVE_COUNT: Final = 4
_UNACKNOWLEDGED: Final = 30_000
"""Milliseconds after which a peer that acknowledges nothing is gone; about 64*T1."""


class Streams:
    """The connections. `new_serial` numbers those that are accepted; `origin` stands in their flows."""

    __slots__ = (
        "_accepted",
        "_by_address",
        "_connections",
        "_emptied",
        "_leaving",
        "_limits",
        "_log_limit",
        "_loop",
        "_message_limits",
        "_most",
        "_most_opened",
        "_new_serial",
        "_opened",
        "_opening",
        "_origin",
        "_receiver",
        "_tasks",
        "_tls",
    )

    def __init__(
        self,
        receiver: Receiver,
        loop: asyncio.AbstractEventLoop,
        limits: StreamLimits,
        message_limits: Limits,
        new_serial: Callable[[], int],
        origin: str,
    ) -> None:
        self._receiver = receiver
        self._loop = loop
        self._limits = limits
        self._message_limits = message_limits
        self._new_serial = new_serial
        self._origin = origin
        self._connections: dict[str, StreamConnection] = {}
        self._leaving: dict[str, StreamConnection] = {}
        self._emptied = asyncio.Event()
        self._opening: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._tls: dict[str, ssl.SSLContext] = {}
        self._most = min(limits.connections, _descriptors_to_spare())
        # Half of what accepted ones leave: files and look-ups need some too.
        self._most_opened = min(limits.connections, _descriptors_to_spare() // 6)
        self._accepted = self._opened = 0
        self._log_limit = LogLimit()
        self._by_address: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def add_listener(self, listener: Listener) -> None:
        """Make ready to open connections as a TLS listener. Raises ConfigError."""
        self.connect_with({listener.name: client_context(listener.tls)})

    def connect_with(self, contexts: dict[str, ssl.SSLContext]) -> None:
        """Open connections with these from now on, by the names of listeners; what stands stays as it is."""
        self._tls.update(contexts)

    # What the engine asks for

    def transmit(self, flow: Flow, data: bytes, now: Moment) -> bool:
        """Send over a connection. True when the octets have been written, False when they wait or cannot go."""
        connection = self._connections.get(flow.key)
        if connection is not None:
            return connection.send(data, now)
        reason = f"the connection with {written(*flow.remote)} is closed"
        self._receiver.flow_changed(flow, FAILED, reason, now)
        return False

    def close(self, flow: Flow, now: Moment) -> None:
        """Close a connection once everything is written; nothing more can be sent over it."""
        connection = self._connections.pop(flow.key, None)
        if connection is not None:
            self._leaving[flow.key] = connection
            connection.close("closed by us", now)

    def ping(self, flow: Flow, now: Moment, answered: bool) -> None:
        """Send a keep-alive (RFC 5626 4.4.1); `answered`: the peer is known to answer it."""
        connection = self._connections.get(flow.key)
        if connection is not None:
            connection.ping(now, answered)

    def leave(self, local_hosts: frozenset[str], now: Moment) -> None:
        """Give up the connections from and to addresses that are not ours any more: nothing arrives over them."""
        for connection in list(self._connections.values()):
            host = connection.flow.local[0]
            if host not in local_hosts:
                reason = f"{host} is no address of this machine any more"
                connection.abort(reason)
                # At once: whoever sends next has to find that it is gone.
                connection.end(reason, now)

    def connect(self, flow: Flow, target: Target) -> None:
        """Open a connection; the engine hears of its success or failure."""
        if flow.secure and target.listener not in self._tls:
            self._receiver.flow_changed(flow, FAILED, f"no listener {target.listener} to connect from", clock.now())
            return
        if self._opened >= self._most_opened or self._is_full(customer_of(target.host)):
            reason = f"cannot connect to {written(target.host, target.port)}: there are too many connections"
            self._receiver.flow_changed(flow, FAILED, reason, clock.now())
            return
        self._opened += 1
        connection = self._new_connection(flow, self._peer_check(target) if flow.secure else None)
        self._opening[flow.key] = task = self._loop.create_task(self._open(connection, target))
        task.add_done_callback(lambda _: self._opening.pop(flow.key, None))

    async def _open(self, connection: StreamConnection, target: Target) -> None:
        peer = written(target.host, target.port)
        try:
            try:
                async with asyncio.timeout(self._limits.connect):
                    sock = await self._connected(target)
            except TimeoutError:
                raise OSError(f"no answer within {self._limits.connect:g} s") from None
            if not is_secure(target.transport):
                await self._loop.create_connection(lambda: connection, sock=sock)
                return
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            connection.end(f"cannot connect to {peer} by {target.transport}: {reason}", clock.now())
            return
        try:
            await self._loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=self._tls[target.listener],
                server_hostname=server_name(target.server_name),
                ssl_handshake_timeout=self._limits.handshake,
                ssl_shutdown_timeout=self._limits.closing,
            )
        except (OSError, ssl.CertificateError) as error:
            sock.close()
            connection.end(connect_failure(error, target.server_name or peer), clock.now())

    async def _connected(self, target: Target) -> socket.socket:
        sock = socket.socket(family_of(target.host), socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            _watch_over(sock)
            sock.bind((target.local[0], 0))
            await self._loop.sock_connect(sock, (target.host, target.port))
        except BaseException:
            sock.close()
            raise
        return sock

    def _peer_check(self, target: Target) -> Callable[[asyncio.Transport], str | None]:
        context = self._tls[target.listener]
        domain = target.server_name or target.host

        def refusal(transport: asyncio.Transport) -> str | None:
            if context.verify_mode == ssl.CERT_NONE:
                return None
            return peer_refusal(transport.get_extra_info("ssl_object"), domain, clock.now().wall)

        return refusal

    # What listeners bring

    def accept(
        self, sock: socket.socket, address: tuple[str, int], listener: Listener, context: ssl.SSLContext | None
    ) -> None:
        """Take a connection that a peer opened; one too many is closed at once."""
        host, port = address
        if self._accepted >= self._most or self._is_full(customer_of(host)):
            self._tell(logging.WARNING, address, listener.transport, "there are too many")
            sock.close()
            return
        try:
            sock.setblocking(False)
            _watch_over(sock)
            local_host, local_port = sock.getsockname()[:2]
        except OSError:
            sock.close()  # it was gone before we looked
            return
        self._accepted += 1
        flow = Flow(
            listener.transport,
            listener.name,
            (local_host, local_port),
            (host, port),
            self._origin,
            self._new_serial(),
            accepted=True,
        )
        asked = context is not None and context.verify_mode != ssl.CERT_NONE
        connection = self._new_connection(flow, partial(self._client_check, flow) if asked else None)
        task = self._loop.create_task(self._admit(connection, sock, context))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _client_check(self, flow: Flow, transport: asyncio.Transport) -> str | None:
        """Note and log whom the certificate of a client speaks for; it has been vouched for (RFC 5922 7.4)."""
        try:
            names = client_identities(transport.get_extra_info("ssl_object"))
        except ParseError as error:
            self._tell(logging.INFO, flow.remote, flow.transport, error.reason)
            return error.reason
        flow.domains = names
        shown = ", ".join(ascii(name) for name in names) or "no SIP domain"
        _log.info("connection from %s: its certificate is for %s", written(*flow.remote), shown)
        return None

    async def _admit(self, connection: StreamConnection, sock: socket.socket, context: ssl.SSLContext | None) -> None:
        try:
            if context is None:
                await self._loop.connect_accepted_socket(lambda: connection, sock)
            else:
                await self._loop.connect_accepted_socket(
                    lambda: connection,
                    sock,
                    ssl=context,
                    ssl_handshake_timeout=self._limits.handshake,
                    ssl_shutdown_timeout=self._limits.closing,
                )
        except OSError as error:
            sock.close()
            connection.cut = handshake_failure(error)
            connection.end(connection.cut, clock.now())

    # The table

    def _new_connection(
        self, flow: Flow, accept_peer: Callable[[asyncio.Transport], str | None] | None
    ) -> StreamConnection:
        connection = CONNECTIONS[flow.transport](
            flow, self._receiver, self._limits, self._message_limits, self._loop, self._ended, accept_peer
        )
        self._connections[flow.key] = connection
        customer = customer_of(flow.remote[0])
        self._by_address[customer] = self._by_address.get(customer, 0) + 1
        return connection

    def _is_full(self, customer: str) -> bool:
        """Whether there are as many connections with one as there may be, whoever opened them.

        A stranger can have one opened to each port of his, for the answers to requests whose own is gone (18.2.2).
        """
        return self._by_address.get(customer, 0) >= self._limits.per_address

    def _ended(self, connection: StreamConnection) -> None:
        flow = connection.flow
        self._connections.pop(flow.key, None)
        self._leaving.pop(flow.key, None)
        if not self._connections and not self._leaving:
            self._emptied.set()
        if flow.accepted:
            if connection.cut:
                self._tell(logging.INFO, flow.remote, flow.transport, connection.cut)
            self._accepted -= 1
        else:
            self._opened -= 1
        customer = customer_of(flow.remote[0])
        self._by_address[customer] -= 1
        if not self._by_address[customer]:
            del self._by_address[customer]
        opening = self._opening.get(flow.key)
        if opening is not None and opening is not asyncio.current_task(self._loop):
            opening.cancel()

    def _tell(self, level: int, peer: tuple[str, int], transport: str, why: str) -> None:
        """Log that a peer's connection was not taken; strangers cannot fill the log by it."""
        limit = self._log_limit
        if limit.admits(clock.now()):
            more = f" ({limit.withheld} more before that)" if limit.withheld else ""
            # The same in pieces, for who writes structured logs.
            security = {"source": peer[0], "port": peer[1], "transport": transport, "reason": why} | limit.remark
            extra = {"security": security}
            _log.log(level, "connection from %s refused: %s%s", written(*peer), why, more, extra=extra)

    async def stop(self) -> None:
        """Close all connections, with what is left to write, within the time for closing."""
        now = clock.now()
        self._emptied.clear()
        for connection in list(self._connections.values()):
            self.close(connection.flow, now)
        if self._leaving:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), self._limits.closing)
        for connection in list(self._leaving.values()):
            connection.abort("closed by us")
        tasks = [*self._opening.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _descriptors_to_spare() -> int:
    """How many connections may be accepted before files, look-ups and connections of our own run out of descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft - soft // 4


def _watch_over(sock: socket.socket) -> None:
    """Let the kernel notice a peer that has vanished."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_AFTER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEP_ALIVE_EVERY)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEP_ALIVE_COUNT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED)
