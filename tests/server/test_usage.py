"""What a running server says that it holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from offhook.server.app import Server
from offhook.server.config import parse
from offhook.server.usage import usage


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    listen = "".join(f'[[listen]]\ntransport = "{kind}"\naddress = "127.0.0.1"\nport = 0\n' for kind in ("udp", "tcp"))
    text = f'data = "{tmp_path / "data"}"\n{listen}[[domain]]\nname = "example.test"\ntrusted = ["127.0.0.0/8"]\n'
    async with Server(parse(text)) as server:
        yield server


class Phone(asyncio.DatagramProtocol):
    """Sends requests and keeps what comes."""

    def __init__(self) -> None:
        self.came: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.came.put_nowait(data)


def request(method: str, uri: str, port: int, number: int) -> bytes:
    return (
        f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{number}\r\n"
        f"From: <sip:alice@example.test>;tag=1\r\nTo: <sip:alice@example.test>\r\nCall-ID: usage{number}\r\n"
        f"CSeq: {number} {method}\r\nContact: <sip:alice@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


async def test_a_server_at_rest_holds_one_timer(server: Server) -> None:
    found = await usage(server.driver)
    assert found.pop("resident_kib") > 10_000
    assert found.pop("timers") == 1
    assert not any(found.values())


async def test_what_is_under_way_is_counted(server: Server) -> None:
    addresses = {address.transport: (address.host, address.port) for address in server.addresses}
    loop = asyncio.get_running_loop()
    transport, phone = await loop.create_datagram_endpoint(Phone, ("127.0.0.1", 0), addresses["UDP"])
    port = transport.get_extra_info("sockname")[1]
    transport.sendto(request("REGISTER", "sip:example.test", port, 1))
    assert (await phone.came.get()).startswith(b"SIP/2.0 200 ")
    _, connection = await asyncio.open_connection(*addresses["TCP"])
    transport.sendto(request("INVITE", "sip:alice@example.test", port, 2))
    while not (await phone.came.get()).startswith(b"INVITE "):
        pass
    with capture_logs() as logs:
        await server.tell_usage()
    connection.close()
    transport.close()
    [line] = [line for line in logs if line["event"] == "in use"]
    held = {name: line[name] for name in ("client_transactions", "unanswered", "connections", "bindings", "lookups")}
    assert held == {"client_transactions": 1, "unanswered": 1, "connections": 1, "bindings": 1, "lookups": 0}
    # The REGISTER's transaction is kept for its retransmissions.
    assert line["server_transactions"] == 2
    # The forgetting, the end of the REGISTER's transaction, the next copy of the INVITE, Timer C.
    assert line["timers"] >= 4
    assert line["requests"] == 2
    assert line["log_level"] == "info"
