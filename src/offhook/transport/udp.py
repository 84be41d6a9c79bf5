"""UDP: datagrams in and out of one bound socket, and what ICMP says of them (RFC 3261 18.4)."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import struct
from collections import deque
from typing import Any, Final

from offhook import clock
from offhook.clock import Moment
from offhook.flow import Flow
from offhook.stack import FAILED
from offhook.transport.keepalive import is_keep_alive, keep_alive_answer
from offhook.transport.listener import BoundSocket, written
from offhook.transport.log_limit import LogLimit
from offhook.transport.receiver import Receiver

__all__ = ["UdpSocket"]

_log = logging.getLogger(__name__)

_LARGEST: Final = 65535
_BATCH: Final = 64
"""Datagrams taken for one event of the loop, so that a flood does not starve timers and connections."""
_BEHIND_AFTER: Final = 0.2
"""Seconds without a moment in which nothing waits after which more comes than can be answered."""
_MOST_LEFT_OUT: Final = 1024
"""Datagrams of strangers that are left out for one event of the loop."""
_LOOK_AGAIN: Final = 8
"""Datagrams taken one by one after one was found alone."""
_MOST_FLOWS: Final = 32768
"""Remote addresses in one of the two generations of remembered flows."""
_MOST_HELD: Final = 4096
"""Datagrams that wait while the kernel takes no more; later ones are lost, as on a full link."""
_NO_BUFFER_WAIT: Final = 0.005
_BUSY: Final = (errno.EAGAIN, errno.ENOBUFS)
_ATTEMPTS: Final = 3
_NEVER: Final = float("inf")
_RESPONSE: Final = b"SIP/2.0 "
_BLANK: Final = 32

# Of Linux's ip(7) and ipv6(7); Python has no names for them.
_IP_RECVERR: Final = 11
_IPV6_RECVERR: Final = 25
# struct sock_extended_err: errno, origin, ICMP type, ICMP code, padding, info, data.
_EXTENDED_ERROR: Final = struct.Struct("=IBBBxII")
_ORIGIN_ICMP: Final = 2
_ORIGIN_ICMP6: Final = 3
_FRAGMENTATION_NEEDED: Final = 4


class UdpSocket:
    """One socket, bound to one local address of the listener with that name.

    `lost` counts datagrams that could not wait any longer.

    When more comes than can be answered, whatever waits grows old in the kernel, and everybody sends it again. Then the
    requests of those whom the receiver does not prefer are left out, which costs next to nothing, until nothing waits:
    a flood takes what the others leave. `left_out` counts them.
    """

    __slots__ = (
        "_alone",
        "_buffer",
        "_busy_since",
        "_busy_until",
        "_flows",
        "_held",
        "_log_limit",
        "_loop",
        "_older",
        "_receiver",
        "_socket",
        "_view",
        "_waiting",
        "left_out",
        "listener",
        "local",
        "lost",
    )

    def __init__(self, bound: BoundSocket, receiver: Receiver, loop: asyncio.AbstractEventLoop) -> None:
        self._socket = bound.socket
        self.listener = bound.listener.name
        self._receiver = receiver
        self._loop = loop
        self.local = bound.local
        self.lost = 0
        self.left_out = 0
        # One for all datagrams: the largest that may come would be made for each, cut to its size, and what is kept of
        # them would lie so far apart in memory that there is ever less room between.
        self._buffer = bytearray(_LARGEST)
        self._view = memoryview(self._buffer)
        self._alone = 0
        self._busy_since = _NEVER
        self._busy_until = _NEVER
        self._log_limit = LogLimit(1, 60.0)
        # Two generations: what was not met while the younger one filled up is forgotten.
        self._flows: dict[tuple[Any, ...], Flow] = {}
        self._older: dict[tuple[Any, ...], Flow] = {}
        self._held: deque[tuple[bytes, Flow]] = deque()
        self._waiting: asyncio.TimerHandle | None = None
        if self._socket.family == socket.AF_INET6:
            self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        loop.add_reader(self._socket.fileno(), self._read)

    def send(self, data: bytes, flow: Flow, now: Moment) -> None:
        """Send a datagram now, or as soon as the kernel takes it.

        A failure is told as a FAILED flow; one of this datagram alone, as not sent.
        """
        if self._held:
            self._hold(data, flow)
            return
        try:
            self._socket.sendto(data, flow.remote)
        except OSError as error:
            self._not_sent(data, flow, error, now)

    def close(self) -> None:
        """Stop; what waits is dropped."""
        descriptor = self._socket.fileno()
        if descriptor < 0:
            return
        self._loop.remove_reader(descriptor)
        self._loop.remove_writer(descriptor)
        if self._waiting is not None:
            self._waiting.cancel()
        self._held.clear()
        self._socket.close()

    # In

    def _read(self) -> None:
        now = clock.now()
        receiver = self._receiver
        flows = self._flows
        buffer = self._buffer
        view = self._view
        taken = 0
        left_out = 0
        most = _BATCH
        behind = self._busy_since < _NEVER and self._is_behind(now)
        if self._alone:
            # Datagrams come one by one: to look for a second each time costs more than to be called again.
            self._alone -= 1
            most = 1
        while taken < most and left_out < _MOST_LEFT_OUT:
            try:
                count, address = self._socket.recvfrom_into(buffer)
            except BlockingIOError:
                if not taken:
                    self._take_errors(now)
                elif taken == 1:
                    self._alone = _LOOK_AGAIN
                self._busy_since = _NEVER
                break
            except OSError:
                self._take_errors(now)
                break
            data = bytes(view[:count])
            if behind and not data.startswith(_RESPONSE) and not receiver.prefers((address[0], address[1])):
                left_out += 1
                continue
            taken += 1
            flow = flows.get(address)
            if flow is None:
                flow = self._remember(address)
                flows = self._flows
            # No SIP message starts with a blank or a control character, unless empty lines precede it.
            if (not data or data[0] <= _BLANK) and is_keep_alive(data):
                answer = keep_alive_answer(data, flow.remote)
                if answer is not None:
                    self.send(answer, flow, now)
                continue
            receiver.receive(data, flow, now)
        else:
            if most > 1:
                self._busy_since = min(self._busy_since, now.monotonic)
                self._busy_until = clock.now().monotonic
            else:
                self._busy_since = _NEVER
        if left_out:
            self._leave_out(left_out, now)
        receiver.settle(now)

    def _is_behind(self, now: Moment) -> bool:
        """Whether one full batch has followed the other for long; a pause shows that nothing waited after the last."""
        if now.monotonic - self._busy_until > _BEHIND_AFTER:
            self._busy_since = _NEVER
        return now.monotonic - self._busy_since > _BEHIND_AFTER

    def _leave_out(self, count: int, now: Moment) -> None:
        self.left_out += count
        if self._log_limit.admits(now):
            told = "more comes to %s than can be answered: strangers' requests are left out, %d until now"
            _log.warning(told, written(*self.local), self.left_out)

    def _remember(self, address: tuple[Any, ...]) -> Flow:
        flow = self._older.get(address)
        if flow is None:
            flow = Flow("UDP", self.listener, self.local, (address[0], address[1]))
        if len(self._flows) >= _MOST_FLOWS:
            self._older = self._flows
            self._flows = {}
        self._flows[address] = flow
        return flow

    def _take_errors(self, now: Moment) -> None:
        """Read what ICMP brought back and tell it, each address once."""
        told: set[tuple[Any, ...]] = set()
        for _ in range(_BATCH):
            try:
                _, notes, _, address = self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
            except OSError:
                break
            for _, kind, note in notes:
                if kind in (_IP_RECVERR, _IPV6_RECVERR) and address not in told and address:
                    number = _fatal_error(note)
                    if number:
                        told.add(address)
                        self._failed(self._flows.get(address) or self._remember(address), number, now)
        # uvloop stops watching a descriptor that had an error; to watch it anew is harmless elsewhere.
        descriptor = self._socket.fileno()
        if descriptor >= 0:
            self._loop.remove_reader(descriptor)
            self._loop.add_reader(descriptor, self._read)

    # Out

    def _not_sent(self, data: bytes, flow: Flow, error: OSError, now: Moment) -> None:
        for _ in range(_ATTEMPTS):
            if error.errno in _BUSY:
                self._hold(data, flow)
                self._wait(error)
                return
            # The error may be ICMP's answer to an earlier datagram, which the kernel hands to whoever comes next.
            self._take_errors(now)
            try:
                self._socket.sendto(data, flow.remote)
                return
            except OSError as another:
                error = another
        number = error.errno or errno.EIO
        if number == errno.EMSGSIZE or isinstance(error, socket.gaierror):
            # Whoever chooses what is sent, or an address of the other family to answer to, takes no peer away by it.
            self._receiver.not_sent(data, flow, _unreachable(flow, error.strerror or str(error)), now)
        else:
            self._failed(flow, number, now)

    def _hold(self, data: bytes, flow: Flow) -> None:
        if len(self._held) < _MOST_HELD:
            self._held.append((data, flow))
            return
        if not self.lost:
            _log.warning("the network takes no more datagrams from %s; some are lost", written(*self.local))
        self.lost += 1

    def _wait(self, error: OSError) -> None:
        if error.errno == errno.EAGAIN:
            self._loop.add_writer(self._socket.fileno(), self._write)
        else:
            # A full queue of the network card: the socket counts as writable all the while.
            self._waiting = self._loop.call_later(_NO_BUFFER_WAIT, self._write)

    def _write(self) -> None:
        self._loop.remove_writer(self._socket.fileno())
        now = clock.now()
        while self._held:
            data, flow = self._held[0]
            try:
                self._socket.sendto(data, flow.remote)
            except OSError as error:
                if error.errno in _BUSY:
                    self._wait(error)
                    return
                self._held.popleft()
                self._not_sent(data, flow, error, now)
                continue
            self._held.popleft()
        self._receiver.settle(now)

    def _failed(self, flow: Flow, number: int, now: Moment) -> None:
        self._receiver.flow_changed(flow, FAILED, _unreachable(flow, os.strerror(number)), now)


def _unreachable(flow: Flow, why: str) -> str:
    return f"{written(*flow.remote)} cannot be reached by UDP: {why.lower()}"


def _fatal_error(note: bytes) -> int:
    """The errno of an ICMP error that means that datagrams do not arrive (RFC 3261 18.4); 0 for others.

    Net, host, protocol and port unreachable count, and parameter problems. "Fragmentation needed" and "packet too big"
    do not: the kernel sends in fragments from then on.
    """
    if len(note) < _EXTENDED_ERROR.size:
        return 0
    number: int
    number, origin, kind, code, _, _ = _EXTENDED_ERROR.unpack_from(note)
    if origin == _ORIGIN_ICMP:
        fatal = kind == 12 or (kind == 3 and code != _FRAGMENTATION_NEEDED)
    else:
        fatal = origin == _ORIGIN_ICMP6 and kind in (1, 4)
    return number if fatal else 0
