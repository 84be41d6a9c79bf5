"""Connections whose peer has vanished from the network without a word: a cable that was pulled out."""

from __future__ import annotations

import asyncio
import socket

import pytest

from offhook.stack import CLOSED
from offhook.transport import streams as streams_module
from offhook.transport.listener import BoundSocket, Listener
from offhook.transport.tcp import StreamListener
from tests.interop.namespaces import SERVER, Namespace, Network
from tests.transport.sides import MESSAGE, Side

pytestmark = pytest.mark.interop("ip", "nft", root=True)


def listening(hub: Namespace, side: Side) -> int:
    """Let a side accept at the server's address in the hub; the port."""
    sock = hub.socket()
    sock.setblocking(False)
    sock.bind((SERVER, 0))
    sock.listen()
    bound = BoundSocket(Listener("TCP", SERVER, 0), sock)
    side.listening.append(StreamListener(bound, side.streams, side.loop, None))
    return bound.local[1]


@pytest.mark.parametrize("sends", [False, True], ids=["idle", "with something to send"])
async def test_a_peer_that_vanished_is_noticed(
    network: Network, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sends: bool
) -> None:
    """By TCP's own keep-alives, or by what nobody acknowledges; in real life after minutes, and 30 seconds."""
    monkeypatch.setattr(streams_module, "_KEEP_ALIVE_AFTER", 60 if sends else 1)
    monkeypatch.setattr(streams_module, "_KEEP_ALIVE_EVERY", 1)
    monkeypatch.setattr(streams_module, "_KEEP_ALIVE_COUNT", 2)
    monkeypatch.setattr(streams_module, "_UNACKNOWLEDGED", 2000)
    alice = network.phone("alice")
    server = Side()
    port = listening(network.hub, server)
    with alice.socket(socket.AF_INET) as phone:
        phone.connect((SERVER, port))
        phone.sendall(MESSAGE)
        async with asyncio.timeout(30):
            while not server.events.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            flow = server.events.messages[0][1]
            alice.run("ip", "link", "set", "eth0", "down")
            if sends:
                assert server.send(flow)
            changed, state, reason = await server.change(2)
    assert (changed, state, reason) == (flow, CLOSED, "the peer does not answer any more")
    assert len(server.streams) == 0
    await server.stop()
