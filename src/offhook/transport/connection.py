"""One connection, TCP or TLS: framing, keep-alives, and the limits that no peer can stretch."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Final, cast

from offhook import clock
from offhook.clock import Moment
from offhook.flow import Flow
from offhook.sip.framing import PING, PONG, StreamFramer
from offhook.sip.parser import Limits
from offhook.stack import CLOSED, CONNECTED, FAILED
from offhook.transport.foreign import foreign_protocol
from offhook.transport.receiver import Receiver

__all__ = ["StreamConnection", "StreamLimits"]

_PONG_WAIT: Final = 10.0
"""Seconds in which a pong has to come (RFC 5626 4.4.1)."""
_BATCH: Final = 64
"""Messages and pings that are taken at once; then others have their turn, as with datagrams."""
_PAUSE_ABOVE: Final = 65536
"""Octets that wait to be written at which we stop reading from a peer that does not read."""
_NEVER: Final = float("inf")


class StreamLimits:
    """Bounds on connections, in seconds and octets.

    `connect`: until a connection that we open stands; `handshake`: of TLS; `first`: until an accepted connection has
    brought a whole message; `message`: from the first octet of a message to its last; `idle`: without anything from
    the peer, longer than the usual hour of a registration; `stalled`: while the peer reads nothing; `closing`: for
    what is left to write. `buffer`: octets that may wait to be written to one peer. `connections`: accepted ones in
    all, and as many that we opened; `per_address`: with one address, of IPv6 with one /64.
    """

    __slots__ = (
        "buffer",
        "closing",
        "connect",
        "connections",
        "first",
        "handshake",
        "idle",
        "message",
        "per_address",
        "stalled",
    )

    def __init__(
        self,
        *,
        connect: float = 5.0,
        handshake: float = 10.0,
        first: float = 30.0,
        message: float = 30.0,
        idle: float = 3900.0,
        stalled: float = 30.0,
        closing: float = 5.0,
        buffer: int = 1 << 20,
        connections: int = 10_000,
        per_address: int = 1_000,
    ) -> None:
        self.connect = connect
        self.handshake = handshake
        self.first = first
        self.message = message
        self.idle = idle
        self.stalled = stalled
        self.closing = closing
        self.buffer = buffer
        self.connections = connections
        self.per_address = per_address


class StreamConnection(asyncio.Protocol):
    """The protocol of one connection, whoever opened it: of TCP, and beneath that of other streams.

    `accept_peer` looks at the transport once the connection stands and gives the reason why its peer is refused, or
    None. `on_end` is called when all is over, before the engine is told. `cut` says why a peer that does not speak SIP
    was cut off, and is empty for all others.
    """

    __slots__ = (
        "_accept_peer",
        "_closing_since",
        "_due",
        "_framer",
        "_greeted",
        "_heard",
        "_limits",
        "_loop",
        "_message_since",
        "_on_end",
        "_opened",
        "_pending",
        "_pending_octets",
        "_ping_sent",
        "_pongs",
        "_reason",
        "_receiver",
        "_recognised",
        "_rest",
        "_stalled_since",
        "_timer",
        "_transport",
        "cut",
        "flow",
    )

    def __init__(
        self,
        flow: Flow,
        receiver: Receiver,
        limits: StreamLimits,
        message_limits: Limits,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[[StreamConnection], None],
        accept_peer: Callable[[asyncio.Transport], str | None] | None = None,
    ) -> None:
        self.flow = flow
        self.cut = ""
        self._receiver = receiver
        self._limits = limits
        self._loop = loop
        self._on_end = on_end
        self._accept_peer = accept_peer
        self._framer = StreamFramer(message_limits)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._due = _NEVER
        self._pending: list[bytes] = []
        self._pending_octets = 0
        self._reason = ""
        # Instants in monotonic seconds; never, where it is not so.
        self._opened = self._heard = 0.0
        self._message_since = self._stalled_since = self._closing_since = self._ping_sent = _NEVER
        self._greeted = not flow.accepted
        self._recognised = False
        self._pongs = False

    # What the engine asks for

    def send(self, data: bytes, now: Moment) -> bool:
        """Write a message, or keep it until the connection stands. True when it has been written."""
        transport = self._transport
        if transport is None:
            self._pending.append(data)
            self._pending_octets += len(data)
            if self._pending_octets > self._limits.buffer:
                self.end(f"more than {self._limits.buffer} octets wait for the connection", now)
            return False
        self._write(transport, data)
        if transport.get_write_buffer_size() > self._limits.buffer:
            self.abort(f"the peer does not read: more than {self._limits.buffer} octets wait")
        return True

    def _write(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write octets as this transport has them on the wire; one that is framed otherwise has its own."""
        transport.write(data)

    def ping(self, now: Moment, answered: bool) -> None:
        """Send the keep-alive of RFC 5626 4.4.1.

        The connection has failed when no pong follows, where the peer is known to answer: it has said so (`answered`),
        or has answered before. For another one it is an empty line (RFC 3261 7.5).
        """
        if self._transport is not None and self._ping_sent == _NEVER:
            self._framer.awaiting_pong = True
            self._write(self._transport, PING)
            if answered or self._pongs:
                self._ping_sent = now.monotonic
                self._watch(now)

    def close(self, reason: str, now: Moment) -> None:
        """Close once everything is written."""
        if self._transport is None:
            self.end(reason, now)
        elif self._closing_since == _NEVER:
            self._reason = self._reason or reason
            self._closing_since = now.monotonic
            self._transport.close()
            self._watch(now)

    def abort(self, reason: str) -> None:
        """Close at once."""
        self._reason = self._reason or reason
        if self._transport is not None:
            self._transport.abort()

    def end(self, reason: str, now: Moment) -> None:
        """Be over: the connection has gone, or never came about. Called once more, it does nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._rest is not None:
            self._rest.cancel()
        self._pending.clear()
        if self._on_end is not _nothing:
            on_end, self._on_end = self._on_end, _nothing
            on_end(self)
            if self._transport is not None:
                self._receiver.flow_changed(self.flow, CLOSED, self._reason or reason, now)
            elif not self.flow.accepted:
                self._receiver.flow_changed(self.flow, FAILED, self._reason or reason, now)
            self._receiver.settle(now)

    # What asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, TLS handshake included."""
        now = clock.now()
        stream = cast("asyncio.Transport", transport)
        refusal = None if self._accept_peer is None else self._accept_peer(stream)
        if refusal is not None or self._on_end is _nothing:
            self._reason = refusal or self._reason
            stream.abort()
            return
        self._transport = stream
        stream.set_write_buffer_limits(high=_PAUSE_ABOVE)
        self._opened = self._heard = now.monotonic
        self._watch(now)
        for data in self._pending:
            if self.send(data, now):
                self._receiver.sent(data, self.flow, now)
        self._pending.clear()
        self._receiver.flow_changed(self.flow, CONNECTED, "", now)
        self._receiver.settle(now)

    def data_received(self, data: bytes) -> None:
        """Octets came."""
        now = clock.now()
        self._heard = now.monotonic
        if self._rest is not None:
            self._framer.receive(data, 0)
        elif self._recognised or not self._is_foreign(data):
            self._take(data, now)

    def _take(self, data: bytes, now: Moment) -> None:
        """Act on what is complete with these octets, a part of it at a time."""
        framer = self._framer
        items = framer.receive(data, _BATCH)
        if PING in items:
            # At once: thousands of them may have come.
            self.send(PONG * items.count(PING), now)
        for item in items:
            if item == PING:
                continue
            if item == PONG:
                self._ping_sent = _NEVER
                self._pongs = True
            else:
                self._recognised = True
                self._greeted = self._greeted or b"SIP/" in item[: item.find(b"\n")]
                self._receiver.receive(item, self.flow, now)
        if framer.error is not None:
            self.close(f"what came cannot be cut into messages: {framer.error.reason}", now)
        elif len(items) >= _BATCH:
            self._message_since = _NEVER
            self._wait_for_turn()
        elif not framer.pending:
            self._message_since = _NEVER
            if self._ping_sent != _NEVER:
                self._watch(now)
        elif items or self._message_since == _NEVER:
            self._message_since = now.monotonic
            self._watch(now)
        self._receiver.settle(now)

    def _wait_for_turn(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
            self._rest = self._loop.call_later(0.0, self._go_on)

    def _go_on(self) -> None:
        """Take what is left of what came, and read on, unless the peer reads too slowly itself."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        transport = self._transport
        if transport is not None and not transport.is_closing() and self._stalled_since == _NEVER:
            transport.resume_reading()
            self._take(b"", clock.now())

    def _is_foreign(self, data: bytes) -> bool:
        """Whether the peer speaks something else: it is not worth the time that a peer has for its first message."""
        spoken = None if self._framer.pending else foreign_protocol(data)
        if spoken is None:
            return False
        self.cut = f"the peer speaks {spoken}"
        self.abort(self.cut)
        return True

    def eof_received(self) -> None:
        """The peer sends no more; what we have for it is still written."""
        self._reason = self._reason or "closed by the peer"

    def pause_writing(self) -> None:
        """The peer reads too slowly: take nothing from it that would have to be answered."""
        now = clock.now()
        self._stalled_since = now.monotonic
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()
        self._watch(now)

    def resume_writing(self) -> None:
        """The peer reads again."""
        self._stalled_since = _NEVER
        self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has gone."""
        self.end(_told(exc), clock.now())

    # Time

    def _deadline(self) -> tuple[float, str]:
        """When the next limit is hit, and what is said then."""
        limits = self._limits
        due, reason = self._heard + limits.idle, f"nothing came for {limits.idle:g} s"
        for since, limit, said in (
            (_NEVER if self._greeted else self._opened, limits.first, "no message came"),
            (self._message_since, limits.message, "a message did not become whole"),
            (self._stalled_since, limits.stalled, "the peer read nothing"),
            (self._closing_since, limits.closing, "the peer did not take what was left"),
            # It cannot come in the middle of a message (RFC 5626 4.4.1).
            (_NEVER if self._framer.pending else self._ping_sent, _PONG_WAIT, "no pong came"),
        ):
            if since + limit < due:
                due, reason = since + limit, f"{said} within {limit:g} s"
        return due, reason

    def _watch(self, now: Moment) -> None:
        """See that `_check` is called when the next limit is hit. Later ones are looked up then, not before."""
        due, _ = self._deadline()
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = self._loop.call_later(max(0.0, due - now.monotonic), self._check)

    def _check(self) -> None:
        self._timer = None
        now = clock.now()
        due, reason = self._deadline()
        if due <= now.monotonic:
            self.abort(reason)
        else:
            self._watch(now)


def _nothing(_connection: StreamConnection) -> None:
    """Stands for `on_end` once it has been called."""


def _told(exc: Exception | None) -> str:
    if exc is None:
        return "closed"
    if isinstance(exc, ConnectionResetError | BrokenPipeError):
        return "reset by the peer"
    if isinstance(exc, TimeoutError):
        return "the peer does not answer any more"
    if isinstance(exc, OSError) and exc.errno is not None:
        return os.strerror(exc.errno).lower()
    return str(exc) or type(exc).__name__
