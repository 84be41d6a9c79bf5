"""Word of changes of the machine's addresses; tests/interop has the kernel's own."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator

import pytest

from offhook.transport import address_watch
from offhook.transport.address_watch import AddressWatch
from tests.transport.support import until


class Kernel(socket.socket):
    """One end of a pair in the place of rtnetlink; `other` tells what the kernel would."""

    other: socket.socket
    fails = 0

    def bind(self, address: object) -> None:
        if self.fails:
            raise OSError(self.fails, "refused")


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.setblocking(False)
    made = Kernel(fileno=ours.detach())
    monkeypatch.setattr(address_watch, "_SETTLED", 0.02)
    monkeypatch.setattr(address_watch, "_kernel", lambda: made)
    yield theirs
    theirs.close()
    made.close()


async def test_many_changes_at_once_are_told_once(kernel: socket.socket) -> None:
    told: list[None] = []
    watch = AddressWatch(asyncio.get_running_loop(), lambda: told.append(None))
    for _ in range(20):
        kernel.send(b"notice")
    await until(lambda: told)
    await asyncio.sleep(0.05)
    assert len(told) == 1
    kernel.send(b"another")
    await until(lambda: len(told) == 2)
    watch.close()


async def test_nothing_is_told_once_it_is_closed(kernel: socket.socket) -> None:
    told: list[None] = []
    watch = AddressWatch(asyncio.get_running_loop(), lambda: told.append(None))
    kernel.send(b"notice")
    await until(lambda: watch._timer is not None)
    watch.close()
    watch.close()
    await asyncio.sleep(0.05)
    assert told == []


async def test_a_kernel_that_does_not_tell_is_an_error(kernel: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kernel, "fails", errno.EPERM)
    with pytest.raises(PermissionError):
        AddressWatch(asyncio.get_running_loop(), lambda: None)


async def test_the_real_kernel_lets_anybody_watch() -> None:
    AddressWatch(asyncio.get_running_loop(), lambda: None).close()
