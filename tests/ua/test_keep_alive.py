"""Keep-alives of the user agent, over real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.flow import Flow
from offhook.sip.parser import parse
from offhook.ua.agent import UserAgent
from offhook.ua.keep_alive import KEEP_ALIVE, LEAST_SHARE, longest_silence
from offhook.ua.registration import Registration

HOST = "127.0.0.1"
PATIENCE = 20.0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_keep_alives_go_to_the_registrar() -> None:
    data: list[bytes] = []
    loop = asyncio.get_running_loop()

    class Registrar(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, received: bytes, source: Any) -> None:
            data.append(received)
            if received.startswith(b"REGISTER"):
                request = parse(received)
                lines = [
                    b"SIP/2.0 200 OK",
                    *[line for line in request.lines[1:] if line[:3] in (b"Via", b"Fro", b"To:", b"Cal", b"CSe")],
                ]
                self.transport.sendto(b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n", source)

    transport, _ = await loop.create_datagram_endpoint(Registrar, local_addr=(HOST, 0))
    port = transport.get_extra_info("sockname")[1]
    async with UserAgent(f"sip:alice@{HOST}:{port}", local=HOST, keep_alive=0.05):
        await until(lambda: data.count(b"\r\n\r\n") > 1)
    transport.close()


class StreamRegistrar:
    """Takes every registration over TCP; answers pings while `pongs`. `connections` counts those that came."""

    def __init__(self) -> None:
        self.pongs = True
        self.pings = 0
        self.connections = 0
        self.contacts: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        held = b""
        while data := await reader.read(65536):
            held += data
            while held:
                if held.startswith(b"\r\n\r\n"):
                    self.pings += 1
                    writer.write(b"\r\n" if self.pongs else b"")
                    held = held[4:]
                    continue
                head, end, held = held.partition(b"\r\n\r\n")
                lines = head.split(b"\r\n")
                self.contacts += [line for line in lines if line.startswith(b"Contact")]
                kept = [line for line in lines[1:] if line[:3] in (b"Via", b"Fro", b"To:", b"Cal", b"CSe")]
                writer.write(b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0"]) + end)
        writer.close()


async def test_a_connection_whose_peer_answers_no_more_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.transport.connection._PONG_WAIT", 0.2)
    monkeypatch.setattr("offhook.ua.registration.FLOW_RETRY", 0.1)
    registrar = StreamRegistrar()
    server = await asyncio.start_server(registrar.serve, HOST, 0)
    port = server.sockets[0].getsockname()[1]
    uri = f"sip:alice@{HOST}:{port}"
    async with UserAgent(uri, local=HOST, transport="tcp", keep_alive=0.01) as alice:
        await until(lambda: registrar.pings > 3)
        assert (registrar.connections, alice.registered) == (1, True)
        registrar.pongs = False
        await until(lambda: registrar.connections == 2)
        # The new one has not answered yet: it need not.
        registered = registrar.pings
        await until(lambda: registrar.pings > registered + 10)
        assert (registrar.connections, alice.registered) == (2, True)
    server.close()


def test_chance_decides_when_the_next_keep_alive_goes() -> None:
    """24 to 29 s over UDP, below 120 s over a stream; never later than the proxy wants (RFC 5626 4.4)."""
    registration: Any = SimpleNamespace(flow=None, flow_timer=None)

    def longest() -> float:
        return longest_silence(cast("Registration", registration), KEEP_ALIVE)

    assert longest_silence(None, KEEP_ALIVE) == longest() == 29.0
    assert LEAST_SHARE * longest() == pytest.approx(24.0)
    registration.flow = Flow("TCP", "x", ("", 0), ("", 0), "0", 1)
    assert 95.0 <= longest() * LEAST_SHARE < longest() <= 120.0
    for asked, seconds in ((60, 60.0), (600, 116.0)):
        registration.flow_timer = asked
        assert longest() == seconds
