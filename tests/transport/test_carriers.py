"""What a transport is carried by: a stream with octets of its own takes one row."""

from __future__ import annotations

import asyncio

import pytest

from offhook.flow import TRANSPORTS, is_reliable
from offhook.sip.framing import PING, PONG
from offhook.transport import carriers
from offhook.transport.carriers import CONNECTIONS, LISTENED
from offhook.transport.connection import StreamConnection
from tests.transport.sides import MESSAGE, Side
from tests.transport.support import soon, until


def test_all_names_exist() -> None:
    assert all(hasattr(carriers, name) for name in carriers.__all__)


def test_streams_are_reliable_and_all_are_known() -> None:
    assert all(is_reliable(name) for name in CONNECTIONS)
    assert [name for name in LISTENED if not is_reliable(name)] == ["UDP"]
    assert set(LISTENED) <= set(TRANSPORTS)


def _veiled(data: bytes) -> bytes:
    return bytes([octet ^ 0x55 for octet in data])


class Veiled(StreamConnection):
    """Has its octets on the wire in another way."""

    __slots__ = ()

    def data_received(self, data: bytes) -> None:
        super().data_received(_veiled(data))

    def _write(self, transport: asyncio.Transport, data: bytes) -> None:
        super()._write(transport, _veiled(data))


async def test_each_stream_has_connections_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONNECTIONS, "TCP", Veiled)
    server, client = Side(), Side()
    try:
        client.connect(server.listen())
        await client.change()
        client.send(client.events.changes[0][0])
        await until(lambda: server.events.messages)
        assert server.events.messages[0][0] == MESSAGE
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(_veiled(PING))
        assert await soon(reader.readexactly(2)) == _veiled(PONG)
        writer.close()
    finally:
        await client.stop()
        await server.stop()
