"""Peers that are slow, stall, vanish or reset, beside others that are none of that and must not suffer."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from offhook import clock
from offhook.flow import Flow
from offhook.stack import CLOSED, CONNECTED
from offhook.transport.tls import TlsSettings
from tests.transport.certificates import Authority
from tests.transport.sides import MESSAGE, Side, Sides
from tests.transport.support import soon, until
from tests.transport.test_streams import Peer, closed_by_us, peer_of, sides

__all__ = ["sides"]

TCP_REPAIR = 19
"""Of Linux: a socket in repair goes without a word to its peer."""
CLIENT_HELLO_HEAD = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


async def flow_of(server: Side, peer: Peer) -> Flow:
    """The server's side of a peer's connection, which has brought a message."""
    before = len(server.events.messages)
    peer[1].write(MESSAGE)
    await until(lambda: len(server.events.messages) > before)
    return server.events.messages[before][1]


async def is_served(server: Side) -> None:
    """Another peer connects, is heard and answered at once."""
    peer = await peer_of(server)
    async with asyncio.timeout(2):
        server.send(await flow_of(server, peer), b"answer")
        assert await peer[0].readexactly(6) == b"answer"
    peer[1].close()


async def fill(server: Side, flow: Flow) -> None:
    """Write until the peer's side has room for nothing more."""
    connection = server.streams._connections[flow.key]
    while connection._stalled_since == float("inf"):
        assert server.send(flow, b"x" * 50_000)
        await asyncio.sleep(0)


async def test_a_peer_that_reads_octet_by_octet_is_cut_off_and_hinders_nobody(sides: Sides) -> None:
    server = sides(stalled=0.5)
    server.listen()
    slow = await peer_of(server)
    flow = await flow_of(server, slow)
    slow[0]._transport.pause_reading()  # type: ignore[attr-defined]
    sock = slow[1].get_extra_info("socket")
    await fill(server, flow)
    read = 0
    while flow.key in server.streams._connections:
        if read % 10 == 0:
            await is_served(server)
        read += len(os.read(sock.fileno(), 1))
        await asyncio.sleep(0.01)
    _, state, reason = next(change for change in server.events.changes if change[0] is flow and change[1] != CONNECTED)
    assert (state, reason) == (CLOSED, "the peer read nothing within 0.5 s")
    assert read > 10
    slow[1].transport.abort()


async def test_a_peer_that_reads_slowly_but_reads_is_kept(sides: Sides) -> None:
    server = sides(stalled=0.5)
    server.listen()
    slow = await peer_of(server)
    flow = await flow_of(server, slow)
    slow[0]._transport.pause_reading()  # type: ignore[attr-defined]
    sock = slow[1].get_extra_info("socket")
    await fill(server, flow)
    for _ in range(200):
        try:
            os.read(sock.fileno(), 1 << 16)
        except BlockingIOError:
            break
        await asyncio.sleep(0.005)
    else:
        pytest.fail("there is no end to what waits")
    await asyncio.sleep(0.6)
    assert flow.key in server.streams._connections
    slow[1].transport.abort()


async def vanish(peer: Peer) -> None:
    """Let the peer's end go as a power failure does: nothing is said, and nobody is there any more."""
    sock = peer[1].get_extra_info("socket")
    copy = socket.socket(fileno=os.dup(sock.fileno()))
    try:
        copy.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    except PermissionError:
        copy.close()
        peer[1].close()
        pytest.skip("needs the right to let a connection vanish (CAP_NET_ADMIN)")
    peer[1].transport.abort()
    await asyncio.sleep(0.01)
    copy.close()


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda side, flow: side.streams.ping(flow, clock.now(), False), id="ping"),
        pytest.param(lambda side, flow: side.send(flow), id="message"),
    ],
)
async def test_a_half_open_connection_is_noticed_with_its_next_use(
    sides: Sides, use: Callable[[Side, Flow], object]
) -> None:
    server = sides()
    server.listen()
    peer = await peer_of(server)
    flow = await flow_of(server, peer)
    await vanish(peer)
    await asyncio.sleep(0.05)
    assert flow.key in server.streams._connections
    use(server, flow)
    assert (await server.change(2))[1:] == (CLOSED, "reset by the peer")
    await is_served(server)


async def test_a_peer_that_sends_no_more_still_hears_what_was_begun(sides: Sides) -> None:
    server = sides()
    server.listen()
    peer = await peer_of(server)
    flow = await flow_of(server, peer)
    server.send(flow, b"x" * 300_000)
    peer[1].write_eof()
    assert len(await closed_by_us(peer)) == 300_000
    assert (await server.change(2))[1:] == (CLOSED, "closed by the peer")


@pytest.mark.parametrize("secure", [False, True])
async def test_resets_at_any_time_harm_nobody(sides: Sides, authority: Authority, tmp_path: Path, secure: bool) -> None:
    server = sides()
    tls = TlsSettings(*authority.issue(tmp_path, "example.com")) if secure else None
    address = server.listen(tls=tls)
    for octets in (b"", b"\r\n", b"\r\n\r\n", MESSAGE[:50], MESSAGE, MESSAGE + MESSAGE[:9], CLIENT_HELLO_HEAD):
        sock = socket.create_connection(address)
        sock.sendall(octets)
        await asyncio.sleep(0.01)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    await until(lambda: len(server.streams) == 0)
    assert server.streams._accepted == 0
    assert server.streams._by_address == {}


@pytest.mark.parametrize("begun", [b"", CLIENT_HELLO_HEAD], ids=["silent", "begun"])
async def test_handshakes_that_stall_are_ended_and_keep_nobody_waiting(
    sides: Sides, authority: Authority, tmp_path: Path, begun: bytes
) -> None:
    server, client = sides(handshake=1.0), sides()
    address = server.listen(tls=TlsSettings(*authority.issue(tmp_path, "example.com")))
    stalled = [await peer_of(server) for _ in range(100)]
    for peer in stalled:
        peer[1].write(begun)
    trusted = TlsSettings(authorities=authority.write(tmp_path / "root.pem"))
    begin = clock.now().monotonic
    client.send(client.connect(address, "example.com", trusted))
    await until(lambda: server.events.messages)
    assert clock.now().monotonic - begin < 0.9
    for peer in stalled:
        await closed_by_us(peer)
    await until(lambda: len(server.streams) == 1)


async def test_a_handshake_octet_by_octet_gets_no_more_time(sides: Sides, authority: Authority, tmp_path: Path) -> None:
    server = sides(handshake=0.3)
    server.listen(tls=TlsSettings(*authority.issue(tmp_path, "example.com")))
    peer = await peer_of(server)
    begin = clock.now().monotonic
    for position in range(1000):
        peer[1].write((CLIENT_HELLO_HEAD + bytes(600))[position % 600 : position % 600 + 1])
        await asyncio.sleep(0.01)
        if peer[0].at_eof() or not len(server.streams):
            break
    assert clock.now().monotonic - begin < 2
    await soon(closed_by_us(peer))
