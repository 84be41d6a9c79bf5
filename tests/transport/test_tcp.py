"""Listening sockets for connections."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from typing import Any

import pytest

from offhook.transport import tcp
from offhook.transport.listener import BoundSocket, Listener, bind_all
from offhook.transport.tcp import StreamListener
from tests.transport.support import soon, until


class Taken:
    """What stands for all connections of a driver: it writes down what it is given."""

    def __init__(self) -> None:
        self.taken: list[tuple[socket.socket, tuple[str, int]]] = []

    def accept(
        self, sock: socket.socket, address: tuple[str, int], listener: Listener, context: ssl.SSLContext | None
    ) -> None:
        self.taken.append((sock, address))


class Poor(socket.socket):
    """A socket whose machine runs out of something, as often as told."""

    lacks: list[int]

    def accept(self) -> tuple[socket.socket, Any]:
        if self.lacks:
            raise OSError(self.lacks.pop(0), "Too many open files")
        return super().accept()


def listen(bound: BoundSocket, taken: Taken) -> StreamListener:
    return StreamListener(bound, taken, asyncio.get_running_loop(), None)  # type: ignore[arg-type]


def poor(*lacks: int) -> BoundSocket:
    sock = Poor(socket.AF_INET, socket.SOCK_STREAM)
    sock.lacks = list(lacks)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    sock.listen(100)
    return BoundSocket(Listener("TCP", "127.0.0.1", 0), sock)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_all_that_wait_are_taken_at_once(host: str) -> None:
    taken = Taken()
    bound = bind_all([Listener("TCP", host, 0)])[0]
    listener = listen(bound, taken)
    clients = [socket.create_connection(bound.local) for _ in range(10)]
    await until(lambda: len(taken.taken) == 10)
    assert {address for _, address in taken.taken} == {client.getsockname()[:2] for client in clients}
    listener.close()
    for sock in [*clients, *(sock for sock, _ in taken.taken)]:
        sock.close()


async def test_a_closed_listener_takes_nobody() -> None:
    bound = bind_all([Listener("TCP", "127.0.0.1", 0)])[0]
    listener = listen(bound, Taken())
    listener.close()
    listener.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound.local)


async def test_when_the_machine_has_run_out_it_rests_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tcp, "_REST", 0.02)
    taken = Taken()
    bound = poor(errno.EMFILE, errno.ENOMEM)
    listener = listen(bound, taken)
    with socket.create_connection(bound.local):
        await until(lambda: taken.taken)
    where = f"127.0.0.1:{bound.local[1]}"
    assert caplog.messages == [f"cannot accept connections at {where} for the moment: Too many open files"] * 2
    listener.close()
    taken.taken[0][0].close()


async def test_one_that_is_gone_already_is_passed_over() -> None:
    taken = Taken()
    bound = poor(errno.ECONNABORTED, errno.EPROTO)
    listener = listen(bound, taken)
    with socket.create_connection(bound.local):
        await until(lambda: taken.taken)
    listener.close()
    taken.taken[0][0].close()


async def test_closing_while_it_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "_REST", 0.01)
    taken = Taken()
    bound = poor(errno.EMFILE)
    listener = listen(bound, taken)
    with socket.create_connection(bound.local):
        await until(lambda: listener._resting is not None)
        listener.close()
        await soon(asyncio.sleep(0.03))
    assert taken.taken == []
