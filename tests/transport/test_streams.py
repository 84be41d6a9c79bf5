"""Connections with real sockets on loopback: opened, accepted, refused, cut."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import resource
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from offhook import clock
from offhook.errors import ParseError
from offhook.flow import Flow, Target
from offhook.stack import CLOSED, CONNECTED, FAILED
from offhook.transport import streams as streams_module
from offhook.transport.connection import StreamLimits
from offhook.transport.listener import Listener
from offhook.transport.log_limit import MOST
from offhook.transport.tls import TlsSettings, server_context
from tests.transport.certificates import Authority
from tests.transport.sides import MESSAGE, Side, Sides
from tests.transport.support import free_port, octets, soon, until

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest_asyncio.fixture
async def sides() -> AsyncIterator[Sides]:
    made: list[Side] = []

    def make(**limits: float) -> Side:
        made.append(Side(StreamLimits(**limits)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for side in made:
        await side.stop()


async def peer_of(side: Side) -> Peer:
    """Another program that connects."""
    return await soon(asyncio.open_connection(*side.address))


async def closed_by_us(peer: Peer) -> bytes:
    """What comes until we have closed the connection with a peer."""
    try:
        return await soon(peer[0].read())
    except ConnectionResetError:
        return b""
    finally:
        peer[1].close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_messages_go_both_ways_over_one_connection(sides: Sides, host: str) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen(host))
    assert not client.send(flow)
    await until(lambda: server.events.messages)
    assert client.events.written == [MESSAGE]
    message, arrival = server.events.messages[0]
    assert message == MESSAGE
    assert (arrival.transport, arrival.local, arrival.accepted, arrival.serial) == ("TCP", server.address, True, 1)
    assert arrival.remote[0] == host
    assert server.send(arrival, octets("MESSAGE"))
    await until(lambda: client.events.messages)
    assert client.events.messages == [(octets("MESSAGE"), flow)]
    assert client.events.changes == [(flow, CONNECTED, "")]


async def test_a_refused_connection_is_told(sides: Sides) -> None:
    client = sides()
    port = free_port(kind=socket.SOCK_STREAM)
    flow = client.connect(("127.0.0.1", port))
    client.send(flow)
    assert await client.change() == (
        flow,
        FAILED,
        f"cannot connect to 127.0.0.1:{port} by TCP: connection refused",
    )
    assert len(client.streams) == 0
    assert client.events.written == []


async def test_a_host_that_does_not_answer_is_told(sides: Sides) -> None:
    """A listening socket whose queue is full drops what comes."""
    with socket.socket() as full, contextlib.ExitStack() as fillers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(address)
        client = sides(connect=0.1)
        client.connect(address)
        _, state, reason = await client.change()
    assert (state, reason) == (FAILED, f"cannot connect to 127.0.0.1:{address[1]} by TCP: no answer within 0.1 s")


async def test_a_closed_connection_carries_nothing_more(sides: Sides) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen())
    await client.change()
    client.streams.close(flow, clock.now())
    assert not client.send(flow)
    host, port = server.address
    assert client.events.changes[1] == (flow, FAILED, f"the connection with {host}:{port} is closed")
    assert await client.change(3) == (flow, CLOSED, "closed by us")
    assert (await server.change(2))[1:] == (CLOSED, "closed by the peer")


async def test_what_was_sent_before_closing_arrives(sides: Sides) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen())
    await client.change()
    for _ in range(100):
        client.send(flow)
    client.streams.close(flow, clock.now())
    await until(lambda: len(server.events.messages) == 100)


async def test_closing_while_connecting(sides: Sides) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen())
    client.streams.close(flow, clock.now())
    assert client.events.changes == [(flow, FAILED, "closed by us")]
    client.streams.close(flow, clock.now())
    await asyncio.sleep(0.01)
    assert len(client.events.changes) == 1


async def test_a_connection_that_is_reset_is_told(sides: Sides) -> None:
    server = sides()
    server.listen()
    reader, writer = await peer_of(server)
    writer.write(MESSAGE)
    await until(lambda: server.events.messages)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    assert (await server.change(2))[1:] == (CLOSED, "reset by the peer")
    del reader


async def test_a_connection_reset_before_it_is_taken_harms_nobody(sides: Sides) -> None:
    server = sides()
    address = server.listen()
    for _ in range(20):
        with socket.socket() as hasty:
            hasty.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            hasty.connect(address)
    _, writer = await peer_of(server)
    writer.write(MESSAGE)
    await until(lambda: server.events.messages)
    await until(lambda: len(server.streams) == 1)
    writer.close()


async def test_a_ping_is_answered(sides: Sides) -> None:
    server = sides()
    server.listen()
    reader, writer = await peer_of(server)
    writer.write(b"\r\n\r\n")
    assert await soon(reader.readexactly(2)) == b"\r\n"
    writer.close()


async def test_a_ping_of_ours_is_answered_by_us(sides: Sides) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen())
    await client.change()
    client.streams.ping(flow, clock.now(), True)
    connection = client.streams._connections[flow.key]
    await until(lambda: not connection._framer.awaiting_pong)
    client.streams.ping(Flow("TCP", "x", ("", 0), ("", 0), "0", 99), clock.now(), True)


async def test_half_a_message_is_not_waited_for(sides: Sides) -> None:
    server = sides(message=0.05)
    server.listen()
    peer = await peer_of(server)
    peer[1].write(MESSAGE + MESSAGE[:30])
    assert await closed_by_us(peer) == b""
    assert (await server.change(2))[1:] == (CLOSED, "a message did not become whole within 0.05 s")
    assert len(server.events.messages) == 1


async def test_a_message_an_octet_at_a_time_is_bounded_in_all(sides: Sides) -> None:
    server = sides(message=0.1)
    server.listen()
    peer = await peer_of(server)
    with contextlib.suppress(ConnectionError):
        for octet in itertools.cycle(b"x"):
            peer[1].write(bytes([octet]))
            await peer[1].drain()
            await asyncio.sleep(0.01)
            if len(server.events.changes) > 1:
                break
    assert (await server.change(2))[2] == "a message did not become whole within 0.1 s"
    await closed_by_us(peer)


async def test_who_says_nothing_is_sent_away(sides: Sides) -> None:
    server = sides(first=0.05)
    server.listen()
    peer = await peer_of(server)
    assert await closed_by_us(peer) == b""
    assert (await server.change(2))[1:] == (CLOSED, "no message came within 0.05 s")


async def test_idle_connections_are_closed(sides: Sides) -> None:
    server = sides(idle=0.05)
    server.listen()
    peer = await peer_of(server)
    peer[1].write(MESSAGE)
    assert await closed_by_us(peer) == b""
    assert (await server.change(2))[1:] == (CLOSED, "nothing came for 0.05 s")


async def test_a_peer_that_does_not_read_is_cut_off(sides: Sides) -> None:
    server = sides(stalled=0.1)
    server.listen()
    peer = await peer_of(server)
    peer[1].write(MESSAGE)
    await until(lambda: server.events.messages)
    _, flow = server.events.messages[0]
    peer[0]._transport.pause_reading()  # type: ignore[attr-defined]
    while len(server.events.changes) < 2 and server.send(flow, b"x" * 50_000):
        await asyncio.sleep(0.001)
        if server.streams._connections[flow.key]._stalled_since < float("inf"):
            break
    assert (await server.change(2))[1:] == (CLOSED, "the peer read nothing within 0.1 s")
    peer[1].transport.abort()


async def test_what_waits_for_a_peer_is_bounded(sides: Sides) -> None:
    server = sides(buffer=200_000)
    server.listen()
    peer = await peer_of(server)
    peer[1].write(MESSAGE)
    await until(lambda: server.events.messages)
    _, flow = server.events.messages[0]
    peer[0]._transport.pause_reading()  # type: ignore[attr-defined]
    sent = 0
    while len(server.events.changes) < 2 and sent < 1000:
        server.send(flow, b"x" * 100_000)
        sent += 1
        await asyncio.sleep(0)
    assert (await server.change(2))[1:] == (CLOSED, "the peer does not read: more than 200000 octets wait")
    assert sent < 1000
    peer[1].transport.abort()


async def test_the_number_of_connections_is_bounded(sides: Sides, caplog: pytest.LogCaptureFixture) -> None:
    server = sides(connections=2)
    server.listen()
    first, second = await peer_of(server), await peer_of(server)
    await server.change(2)
    third = await peer_of(server)
    assert await closed_by_us(third) == b""
    assert "refused: there are too many" in caplog.text
    first[1].close()
    await until(lambda: len(server.streams) == 1)
    fourth = await peer_of(server)
    fourth[1].write(MESSAGE)
    await until(lambda: server.events.messages)
    second[1].close()
    fourth[1].close()


async def test_some_descriptors_are_kept_for_all_else(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, most in ((1024, 768), (64, 48), (resource.RLIM_INFINITY, 5000)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert sides(connections=5000).streams._most == most


async def test_a_tls_listener_that_is_no_more_is_told(sides: Sides) -> None:
    client = sides()
    listener = Listener("TLS", "127.0.0.1")
    target = Target("TLS", "127.0.0.1", 5061, listener.name, ("127.0.0.1", 5061), "127.0.0.1:5061", "example.com")
    flow = Flow("TLS", listener.name, target.local, ("127.0.0.1", 5061), "0", 1)
    client.streams.connect(flow, target)
    assert client.events.changes == [(flow, FAILED, "no listener tls:127.0.0.1:5061 to connect from")]


async def test_the_number_from_one_address_is_bounded(sides: Sides) -> None:
    server = sides(per_address=1)
    server.listen()
    first = await peer_of(server)
    await server.change()
    assert await closed_by_us(await peer_of(server)) == b""
    other = await soon(asyncio.open_connection(*server.address, local_addr=("127.0.0.2", 0)))
    other[1].write(MESSAGE)
    await until(lambda: server.events.messages)
    first[1].close()
    other[1].close()
    await until(lambda: len(server.streams) == 0)
    assert server.streams._by_address == {}


async def test_the_number_that_is_opened_is_bounded_too(sides: Sides) -> None:
    """Each answer to a request whose connection is gone may open one, to whichever port its sender wrote (18.2.2)."""
    for limits in ({"connections": 2}, {"per_address": 2}):
        server, client = sides(), sides(**limits)
        there = server.listen()
        for count in (1, 2):
            client.connect(there)
            await client.change(count)
        client.connect(there)
        assert client.events.changes[2][1:] == (
            FAILED,
            f"cannot connect to {there[0]}:{there[1]}: there are too many connections",
        )
        await server.stop()
        await client.change(5)
        client.connect(sides().listen())
        assert (await client.change(6))[1] == CONNECTED


async def test_of_ipv6_one_customer_is_one_address(sides: Sides) -> None:
    server = sides(per_address=1)
    listener = Listener("TCP", "::1")
    peers = []
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listening:
        for host in ("2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"):
            peers.append(socket.create_connection(listening.getsockname()[:2]))
            server.streams.accept(listening.accept()[0], (host, 40000), listener, None)
    assert sorted(server.streams._by_address) == ["2001:db8:0:1::/64", "2001:db8::/64"]
    for peer in peers:
        peer.close()
    await until(lambda: server.streams._by_address == {})


async def test_stopping_lets_what_was_sent_arrive(sides: Sides) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen())
    await client.change()
    for _ in range(50):
        client.send(flow)
    await client.stop()
    await until(lambda: len(server.events.messages) == 50)
    assert len(client.streams) == 0


async def test_stopping_does_not_wait_for_a_peer_that_reads_nothing(sides: Sides) -> None:
    server = sides(closing=0.1)
    server.listen()
    peer = await peer_of(server)
    peer[1].write(MESSAGE)
    await until(lambda: server.events.messages)
    peer[0]._transport.pause_reading()  # type: ignore[attr-defined]
    _, flow = server.events.messages[0]
    for _ in range(9):
        server.send(flow, b"x" * 100_000)
    started = server.loop.time()
    await server.stop()
    assert server.loop.time() - started < 5.0
    peer[1].transport.abort()


async def test_stopping_ends_attempts_that_are_under_way(sides: Sides) -> None:
    client = sides()
    with socket.socket() as full, contextlib.ExitStack() as fillers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(full.getsockname())
        client.connect(full.getsockname())
        await asyncio.sleep(0.01)
        await client.stop()
    assert client.events.changes[0][1] == FAILED


# TLS


@pytest.fixture
def certified(authority: Authority, tmp_path: Path) -> tuple[TlsSettings, TlsSettings]:
    """Settings of a server for example.com, and of a client that trusts its authority."""
    trusted = authority.write(tmp_path / "root.pem")
    return TlsSettings(*authority.issue(tmp_path, "example.com")), TlsSettings(authorities=trusted)


async def test_tls_carries_messages_to_whom_the_certificate_names(
    sides: Sides, certified: tuple[TlsSettings, TlsSettings]
) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen(tls=certified[0]), "example.com", certified[1])
    client.send(flow)
    await until(lambda: server.events.messages)
    _, arrival = server.events.messages[0]
    assert (arrival.transport, arrival.secure, arrival.local) == ("TLS", True, server.address)
    server.send(arrival, octets("MESSAGE"))
    await until(lambda: client.events.messages)
    client.streams.close(flow, clock.now())
    assert (await client.change(2))[1:] == (CLOSED, "closed by us")
    assert (await server.change(2))[1] == CLOSED


@pytest.mark.rfc("5922 7.3 #2", "5922 7.3 #3")
async def test_nothing_is_sent_to_a_server_that_is_somebody_else(
    sides: Sides, certified: tuple[TlsSettings, TlsSettings]
) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen(tls=certified[0]), "bank.example", certified[1])
    client.send(flow)
    assert await client.change() == (
        flow,
        FAILED,
        "the certificate of bank.example is refused: it is for example.com (RFC 5922 7.2)",
    )
    await until(lambda: len(server.streams) == 0)
    assert server.events.messages == []


@pytest.mark.rfc("3261 26.2.2 #4")
async def test_an_untrusted_server_is_refused(sides: Sides, certified: tuple[TlsSettings, TlsSettings]) -> None:
    server, client = sides(), sides()
    flow = client.connect(server.listen(tls=certified[0]), "example.com", TlsSettings())
    client.send(flow)
    _, state, reason = await client.change()
    assert state == FAILED
    assert reason.startswith("the certificate of example.com is refused: ")
    assert server.events.changes == []


async def test_a_name_that_cannot_be_asked_for_is_no_ones(
    sides: Sides, certified: tuple[TlsSettings, TlsSettings]
) -> None:
    """A stranger can have it opened, by his Via, for an answer whose connection is gone (RFC 3261 18.2.2)."""
    server, client = sides(), sides()
    client.connect(server.listen(tls=certified[0]), f"{'a' * 64}.example.com", certified[1])
    _, state, reason = await client.change()
    assert (state, "is refused: it is for example.com" in reason) == (FAILED, True)
    assert (len(client.streams), client.streams._by_address) == (0, {})


async def test_verification_can_be_switched_off(sides: Sides, authority: Authority, tmp_path: Path) -> None:
    own = TlsSettings(*authority.issue(tmp_path, "lab", self_signed=True))
    server, client = sides(), sides()
    client.send(client.connect(server.listen(tls=own), "example.com", TlsSettings(verify=False)))
    await until(lambda: server.events.messages)


async def test_a_server_that_speaks_no_tls_is_told(sides: Sides, certified: tuple[TlsSettings, TlsSettings]) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SIP/2.0 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = sides()
    client.connect(server.sockets[0].getsockname(), "example.com", certified[1])
    _, state, reason = await client.change()
    assert (state, reason) == (FAILED, "no TLS with example.com: the peer does not speak TLS here")
    server.close()


async def test_a_client_that_speaks_no_tls_is_sent_away(
    sides: Sides, certified: tuple[TlsSettings, TlsSettings], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server = sides()
    server.listen(tls=certified[0])
    peer = await peer_of(server)
    peer[1].write(MESSAGE)
    await closed_by_us(peer)
    await until(lambda: len(server.streams) == 0)
    assert server.events.changes == []
    assert "connection from 127.0.0.1:" in caplog.text
    assert " refused: the peer does not speak TLS here" in caplog.text


@pytest.mark.parametrize("first", [b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"], ids=["TLS", "HTTP"])
async def test_a_client_that_speaks_something_else_is_cut_off_at_once(
    sides: Sides, caplog: pytest.LogCaptureFixture, first: bytes
) -> None:
    caplog.set_level("INFO")
    server = sides()
    server.listen()
    peer = await peer_of(server)
    peer[1].write(first)
    assert await closed_by_us(peer) == b""
    await until(lambda: len(server.streams) == 0)
    assert server.events.messages == []
    assert caplog.text.count(" refused: the peer speaks ") == 1


async def test_strangers_cannot_fill_the_log(sides: Sides, caplog: pytest.LogCaptureFixture) -> None:
    server = sides(connections=1)
    server.listen()
    first = await peer_of(server)
    await server.change()
    for _ in range(2 * MOST):
        assert await closed_by_us(await peer_of(server)) == b""
    assert caplog.text.count("refused: there are too many") == MOST
    first[1].close()


async def test_a_handshake_is_not_waited_for(sides: Sides, certified: tuple[TlsSettings, TlsSettings]) -> None:
    server = sides(handshake=0.1)
    server.listen(tls=certified[0])
    peer = await peer_of(server)
    assert await closed_by_us(peer) == b""
    await until(lambda: len(server.streams) == 0)


async def test_a_servers_handshake_is_not_waited_for(sides: Sides, certified: tuple[TlsSettings, TlsSettings]) -> None:
    client = sides(handshake=0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(1)
        client.connect(silent.getsockname(), "example.com", certified[1])
        _, state, reason = await client.change()
    assert state == FAILED
    assert reason.startswith("no TLS with example.com: ")


@pytest.mark.rfc("3261 26.3.2.2 #5", "3261 26.3.2.2 #6", "5922 7.4 #1", "5922 7.4 #2", "5922 7.5 #1")
async def test_a_required_client_certificate(
    sides: Sides,
    authority: Authority,
    certified: tuple[TlsSettings, TlsSettings],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    trusted = certified[1].authorities
    strict = TlsSettings(certified[0].certificate, certified[0].key, trusted, require_client_certificate=True)
    server, client, nobody = sides(), sides(), sides()
    address = server.listen(tls=strict)
    phone = TlsSettings(*authority.issue(tmp_path, "phone.example.com"), trusted)
    client.send(client.connect(address, "example.com", phone))
    await until(lambda: server.events.messages)
    assert server.events.messages[0][1].domains == ("phone.example.com",)
    nobody.send(nobody.connect(address, "example.com", certified[1]))
    await until(lambda: any(state != CONNECTED for _, state, _ in nobody.events.changes))
    assert len(server.events.messages) == 1
    assert caplog.text.count(": its certificate is for 'phone.example.com'") == 1


@pytest.mark.rfc("5922 7.4 #2")
async def test_a_client_certificate_that_cannot_be_read_is_refused(
    sides: Sides,
    authority: Authority,
    certified: tuple[TlsSettings, TlsSettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(connection: object) -> tuple[str, ...]:
        raise ParseError("not a certificate that can be read")

    caplog.set_level("INFO")
    monkeypatch.setattr(streams_module, "client_identities", refuse)
    trusted = certified[1].authorities
    strict = TlsSettings(certified[0].certificate, certified[0].key, trusted, require_client_certificate=True)
    server, client = sides(), sides()
    phone = TlsSettings(*authority.issue(tmp_path, "phone.example.com"), trusted)
    client.send(client.connect(server.listen(tls=strict), "example.com", phone))
    await until(lambda: len(server.streams) == 0 and "refused: not a certificate that can be read" in caplog.text)
    assert (server.events.messages, server.events.changes) == ([], [])


@pytest.mark.rfc("5922 7.8 #1")
async def test_the_name_asked_for_is_the_sip_domain(sides: Sides, certified: tuple[TlsSettings, TlsSettings]) -> None:
    asked: list[str | None] = []
    context = server_context(certified[0])
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0, ssl=context)
    client = sides()
    client.connect(server.sockets[0].getsockname(), "example.com.", certified[1])
    await client.change()
    assert asked == ["example.com"]
    server.close()
