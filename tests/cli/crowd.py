"""Thousands of connections to a running server."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.cli.peer import Peer
from tests.cli.terminal import Terminal

__all__ = ["Crowd", "cpu_seconds", "keep_idle_connections"]

PER_ADDRESS: Final = 500
"""Below what one address may have."""
KIB_EACH: Final = 5
"""Resident memory of the server for one idle connection, at most, without the kernel's buffers; 2 to 3 are usual."""
OPTIONS: Final = (
    "OPTIONS sip:example.test SIP/2.0\r\nVia: SIP/2.0/TCP {0};branch=z9hG4bK{1}\r\nMax-Forwards: 70\r\n"
    "From: <sip:a@example.test>;tag=1\r\nTo: <sip:example.test>\r\nCall-ID: {1}@{0}\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)


def resident(pid: int) -> int:
    """Resident memory in KiB."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.partition("VmRSS:")[2].split()[0])


def cpu_seconds(pid: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """So many descriptors for us; the test is skipped where the system does not give them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"needs {count} descriptors, and the system gives {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Crowd:
    """Connections from many addresses of loopback; each has said OPTIONS and heard the answer."""

    def __init__(self, port: int, count: int) -> None:
        self.sockets: list[socket.socket] = []
        for number in range(count):
            sock = socket.socket()
            sock.settimeout(30)
            sock.bind((f"127.1.0.{1 + number // PER_ADDRESS}", 0))
            sock.connect(("127.0.0.1", port))
            self.sockets.append(sock)
            if number % 50 == 49 or number == count - 1:
                self._introduce(number - number % 50)

    def _introduce(self, first: int) -> None:
        fresh = self.sockets[first:]
        for number, sock in enumerate(fresh, first):
            sock.sendall(OPTIONS.format("{}:{}".format(*sock.getsockname()), number).encode())
        for sock in fresh:
            assert sock.recv(65536).startswith(b"SIP/2.0 200 ")

    def ping(self) -> float:
        """Every one pings at once and has to hear its pong; the seconds that this took."""
        begun = time.monotonic()
        for sock in self.sockets:
            sock.sendall(b"\r\n\r\n")
        for sock in self.sockets:
            assert sock.recv(65536) == b"\r\n"
        return time.monotonic() - begun

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()


def keep_idle_connections(terminal: Terminal, config: Path, port: int, count: int) -> float:
    """So many connections at a server that is started for them; the KiB that each costs there."""
    server = terminal.start("serve", "-c", str(config), until="ready")
    with descriptors(count + 200), ExitStack() as held, Peer(port) as peer:
        assert peer.ask(peer.request("OPTIONS", "sip:example.test", "bob")).startswith("SIP/2.0 200 ")
        warm = Crowd(port, 50)
        held.callback(warm.close)
        before = resident(server.pid)
        crowd = Crowd(port, count - 50)
        held.callback(crowd.close)
        each = (resident(server.pid) - before) / (count - 50)
        assert each < KIB_EACH, f"{each:.1f} KiB for each connection"
        # Idle they cost nothing, and a datagram is answered as fast as without them.
        computed = cpu_seconds(server.pid)
        time.sleep(1)
        assert cpu_seconds(server.pid) - computed < 0.3
        begun = time.monotonic()
        assert peer.ask(peer.request("OPTIONS", "sip:example.test", "bob")).startswith("SIP/2.0 200 ")
        assert time.monotonic() - begun < 1
        for _ in range(3):
            assert crowd.ping() < 0.003 * count
        for sock in crowd.sockets[::2]:
            sock.close()
        del crowd.sockets[::2]
        crowd.ping()
    status, printed = terminal.end(server)
    assert status == 0
    assert "Traceback" not in printed
    return each
