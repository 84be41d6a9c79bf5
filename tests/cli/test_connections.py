"""Connections of a running server: thousands of them, kept alive, and the day the system gives no more."""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import ssl
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from cryptography.x509 import load_der_x509_certificate

from tests.cli.crowd import cpu_seconds, keep_idle_connections
from tests.cli.peer import Peer
from tests.cli.terminal import Terminal, free_port
from tests.transport.certificates import Authority

SOME: Final = 2000


def test_idle_connections_cost_little_and_are_kept_alive(terminal: Terminal, config: Path, port: int) -> None:
    keep_idle_connections(terminal, config, port, SOME)


def test_a_server_without_descriptors_serves_on_and_takes_connections_later(
    terminal: Terminal, config: Path, port: int
) -> None:
    server = terminal.start("serve", "-c", str(config), until="ready")
    open_files = len(list(Path(f"/proc/{server.pid}/fd").iterdir()))
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    # Files of its own are numbered from 0 on; one connection more has a number, and no other.
    highest = max(int(one.name) for one in Path(f"/proc/{server.pid}/fd").iterdir())
    assert highest < open_files + 10
    free = set(range(highest + 2)) - {int(one.name) for one in Path(f"/proc/{server.pid}/fd").iterdir()}
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (highest + 2, hard))
    with ExitStack() as held, Peer(port) as peer:
        taken = [held.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(len(free))]
        for sock in taken:
            sock.settimeout(30)
            sock.sendall(b"\r\n\r\n")
            assert sock.recv(2) == b"\r\n"
        waiting = [held.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(3)]
        for sock in waiting:
            sock.sendall(b"\r\n\r\n")
        computed = cpu_seconds(server.pid)
        assert select.select(waiting, [], [], 1.2)[0] == []
        assert cpu_seconds(server.pid) - computed < 0.6
        assert peer.ask(peer.request("OPTIONS", "sip:example.test", "bob")).startswith("SIP/2.0 200 ")
        assert taken[0].send(b"\r\n\r\n") == 4
        assert taken[0].recv(2) == b"\r\n"
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        for sock in waiting:
            sock.settimeout(30)
            assert sock.recv(2) == b"\r\n"
    status, printed = terminal.end(server)
    assert status == 0
    assert "cannot accept connections at 127.0.0.1" in printed
    assert "Traceback" not in printed


def test_the_server_asks_for_as_many_descriptors_as_it_can_get(terminal: Terminal, config: Path) -> None:
    server = terminal.start("serve", "-c", str(config), until="ready", within=("prlimit", "--nofile=100:700"))
    assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (700, 700)


# Certificates


def test_sighup_swaps_certificates_and_keeps_connections(terminal: Terminal, config: Path, tmp_path: Path) -> None:
    port = free_port()
    authority = Authority("root")
    context = ssl.create_default_context(cafile=str(authority.write(tmp_path / "root.pem")))
    text = f'[[listen]]\ntransport = "tls"\naddress = "127.0.0.1"\nport = {port}\n'
    for head, name in (("[tls]", "example.test"), ("[[tls.named]]", "example.net")):
        chain, key = authority.issue(tmp_path, name)
        text += f'{head}\ncertificate = "{chain}"\nkey = "{key}"\n'
    config.write_text(config.read_text() + text)

    def connect(name: str) -> ssl.SSLSocket:
        return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 30), server_hostname=name)

    def shown(name: str) -> int:
        with connect(name) as connection:
            return load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"").serial_number

    server = terminal.start("serve", "-c", str(config), until="ready", within=("setsid",))
    with connect("example.test") as standing:
        before = {name: shown(name) for name in ("example.test", "example.net")}
        for name in before:
            authority.issue(tmp_path, name)
        server.send_signal(signal.SIGHUP)
        end = time.monotonic() + 30
        while any(shown(name) == serial for name, serial in before.items()):
            assert time.monotonic() < end
        standing.sendall(b"\r\n\r\n")
        assert standing.recv(2) == b"\r\n"
        (tmp_path / "example.net.key").write_text("gone")
        server.send_signal(signal.SIGHUP)
        assert shown("example.net") != before["example.net"]
        standing.sendall(b"\r\n\r\n")
        assert standing.recv(2) == b"\r\n"
    status, printed = terminal.end(server)
    assert status == 0
    assert "certificates were read again" in printed
    assert "the certificates of before are used on" in printed
    assert "example.net.key holds no private key" in printed


def test_a_server_whose_terminal_is_closed_stops(terminal: Terminal, config: Path) -> None:
    ours, theirs = os.openpty()
    # What `script` does: a session of its own whose terminal is this one, which goes when we close our end.
    server = terminal.start(
        "serve",
        "-c",
        str(config),
        until="ready",
        within=("setsid", "--ctty", "sh", "-c", 'exec "$@"', "sh"),
        stdin=theirs,
    )
    os.close(theirs)
    os.close(ours)
    printed, _ = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "stopping" in printed
    assert "certificates" not in printed
