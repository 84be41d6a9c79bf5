"""The driver: an engine over real sockets."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from offhook.errors import ConfigError, InvalidState, TransportFailed
from offhook.flow import Flow, Query
from offhook.sip.message import Response
from offhook.sip.parser import parse
from offhook.transaction.effects import (
    Ended,
    FlowClosed,
    RequestReceived,
    Resolved,
    ResponseReceived,
    TimerFired,
)
from offhook.transaction.failover import Failover, widen
from offhook.transaction.timers import TimerValues
from offhook.transport import listener as listener_module
from offhook.transport.driver import IN, OUT, Driver
from offhook.transport.listener import Listener, written
from offhook.transport.tls import TlsSettings
from tests.transport.certificates import Authority
from tests.transport.conftest import Drivers
from tests.transport.fake_dns import FakeDns
from tests.transport.support import (
    Recorder,
    Tapped,
    address_of,
    answered,
    ask,
    free_port,
    octets,
    soon,
    target_at,
    until,
)

LOOPBACKS = ("127.0.0.1", "::1")


# A message's way


@pytest.mark.rfc("3581 3 #2", "3581 3 #3", "3261 18 #2", "3261 18.1.1 #8")
@pytest.mark.parametrize("host", LOOPBACKS)
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_request_and_its_response(drivers: Drivers, host: str, transport: str) -> None:
    client, server = await drivers(Listener(transport, host, 0)), await drivers(Listener(transport, host, 0))
    server.role.status = 200
    ask(client, target_at(client, *address_of(server, transport), transport))
    assert await answered(client) == 200
    arrival = server.role.of(RequestReceived)[0]
    assert arrival.flow.transport == transport
    assert arrival.request.top_via.transport == transport
    shown = written(*address_of(client, transport))
    assert next(iter(client.addresses)).sent_by == shown
    assert shown.encode() in (arrival.request.octets("via") or b"")


@pytest.mark.rfc("3581 7 #1")
async def test_tls(drivers: Drivers, authority: Authority, tmp_path: Path) -> None:
    trusted = authority.write(tmp_path / "root.pem")
    own = TlsSettings(*authority.issue(tmp_path, "127.0.0.1"), trusted)
    server = await drivers(Listener("TLS", "127.0.0.1", 0, tls=own))
    client = await drivers(Listener("TLS", "127.0.0.1", tls=TlsSettings(authorities=trusted)))
    server.role.status = 200
    ask(client, target_at(client, *address_of(server, "TLS"), "", True))
    assert await answered(client) == 200
    assert server.role.of(RequestReceived)[0].flow.secure
    assert [(address.sent_by, address.listening) for address in client.addresses] == [("127.0.0.1:5061", False)]
    assert [address.listening for address in server.addresses] == [True]


@pytest.mark.rfc("5922 7.3 #3", "5922 7.5 #2", "5922 8.1 #2")
async def test_a_server_that_is_somebody_else_fails_the_transaction(
    drivers: Drivers, authority: Authority, tmp_path: Path
) -> None:
    trusted = authority.write(tmp_path / "root.pem")
    own = TlsSettings(*authority.issue(tmp_path, "example.com"), trusted)
    server = await drivers(Listener("TLS", "127.0.0.1", 0, tls=own))
    client = await drivers(Listener("TLS", "127.0.0.1", tls=TlsSettings(authorities=trusted)))
    ask(client, target_at(client, *address_of(server, "TLS"), "", True))
    assert (await client.role.next(Ended)).cause == "transport"
    sentence = "the certificate of 127.0.0.1 is refused: it is for example.com (RFC 5922 7.2)"
    assert (await client.role.next(FlowClosed)).reason == sentence


@pytest.mark.rfc("3261 18.2.2 #2")
async def test_responses_over_a_stream_use_its_connection(drivers: Drivers) -> None:
    server = await drivers(Listener("TCP", "127.0.0.1", 0))
    server.role.status = 200
    reader, writer = await soon(asyncio.open_connection(*address_of(server, "TCP")))
    # Nobody listens at the address in Via.
    writer.write(octets(via="SIP/2.0/TCP 127.0.0.1:1;branch=z9hG4bK1"))
    assert (await soon(reader.readline())) == b"SIP/2.0 200 OK\r\n"
    writer.close()


async def test_a_connection_that_we_opened_is_used_again(drivers: Drivers) -> None:
    client, server = await drivers(Listener("TCP", "127.0.0.1", 0)), await drivers(Listener("TCP", "127.0.0.1", 0))
    server.role.status = 200
    for count in range(1, 4):
        ask(client, target_at(client, *address_of(server, "TCP"), "TCP"))
        assert await answered(client, count) == 200
    assert len({arrival.flow.key for arrival in server.role.of(RequestReceived)}) == 1


@pytest.mark.rfc("5923 5")
async def test_a_connection_that_we_accepted_is_not_used_for_requests(drivers: Drivers) -> None:
    one, other = await drivers(Listener("TCP", "127.0.0.1", 0)), await drivers(Listener("TCP", "127.0.0.1", 0))
    one.role.status = other.role.status = 200
    ask(one, target_at(one, *address_of(other, "TCP"), "TCP"))
    await answered(one)
    ask(other, target_at(other, *address_of(one, "TCP"), "TCP"))
    await answered(other)
    assert one.role.of(RequestReceived)[0].flow.accepted
    assert other.role.of(RequestReceived)[0].flow.accepted


async def test_the_arrival_flow_of_a_registration_reaches_it_later(drivers: Drivers) -> None:
    """Over TCP a phone is reached by its own connection; over UDP from the address that it spoke to."""
    server = await drivers(Listener("TCP", "127.0.0.1", 0), Listener("UDP", "127.0.0.1", 0))
    for transport in ("TCP", "UDP"):
        phone = await drivers(Listener(transport, "127.0.0.2", 0))
        phone.role.status = 200
        server.role.status = 200
        server.role.events.clear()
        ask(phone, target_at(phone, *address_of(server, transport), transport), "REGISTER")
        await answered(phone)
        flow = Flow.parse(server.role.of(RequestReceived)[0].flow.serialize())
        ask(server, server.stack.target_over(flow), "MESSAGE")
        assert await answered(server) == 200
        assert phone.role.of(RequestReceived)[0].request.method == "MESSAGE"


async def test_a_udp_flow_outlives_its_server(drivers: Drivers) -> None:
    phone = await drivers(Listener("UDP", "127.0.0.2", 0))
    phone.role.status = 200
    server = await drivers(Listener("UDP", "127.0.0.1", 0))
    host, port = address_of(server)
    server.role.status = 200
    ask(phone, target_at(phone, host, port), "REGISTER")
    await answered(phone)
    kept = server.role.of(RequestReceived)[0].flow.serialize()
    await server.close()
    again = await drivers(Listener("UDP", host, port))
    ask(again, again.stack.target_over(Flow.parse(kept)), "MESSAGE")
    assert await answered(again) == 200


async def test_a_flow_whose_listener_is_no_more_has_failed(drivers: Drivers) -> None:
    server = await drivers(Listener("UDP", "127.0.0.1", 0))
    gone = Flow("UDP", "udp:127.0.0.5:5060", ("127.0.0.5", 5060), ("127.0.0.2", 4000))
    ask(server, server.stack.target_over(gone), "MESSAGE")
    assert server.role.of(Ended)[0].cause == "transport"
    assert server.role.of(FlowClosed)[0].reason == "no listener at 127.0.0.5:5060 any more"


async def test_a_stream_flow_that_has_ended_has_failed(drivers: Drivers) -> None:
    server = await drivers(Listener("TCP", "127.0.0.1", 0))
    gone = Flow("TCP", "tcp:127.0.0.1:0", address_of(server, "TCP"), ("127.0.0.2", 4000), "other", 4, accepted=True)
    ask(server, server.stack.target_over(gone), "MESSAGE")
    assert server.role.of(Ended)[0].cause == "transport"
    assert server.role.of(FlowClosed)[0].reason == "the connection with 127.0.0.2:4000 is closed"


@pytest.mark.rfc("3581 4 #4")
async def test_a_wildcard_answers_from_the_address_that_was_spoken_to(
    drivers: Drivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = ["127.0.0.1", "127.0.0.6", "127.0.0.7"]
    monkeypatch.setattr(listener_module, "interface_addresses", lambda _: own)
    server = await drivers(Listener("UDP", "0.0.0.0", 0), Listener("TCP", "0.0.0.0", 0))
    server.role.status = 200
    assert [address.host for address in server.addresses] == own * 2
    for host in own:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            # Connected: the kernel takes nothing from any other address.
            phone.connect((host, address_of(server)[1]))
            phone.setblocking(False)
            phone.send(octets(via=f"SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK{host};rport"))
            data = await soon(asyncio.get_running_loop().sock_recv(phone, 2000))
        assert data.startswith(b"SIP/2.0 200 OK\r\n")
        reader, writer = await soon(asyncio.open_connection(host, address_of(server, "TCP")[1]))
        writer.write(octets(via=f"SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKtcp{host}"))
        assert (await soon(reader.readline())) == b"SIP/2.0 200 OK\r\n"
        writer.close()


@pytest.mark.rfc("3581 3 #2")
async def test_an_advertised_name_stands_in_via(drivers: Drivers) -> None:
    client = await drivers(Listener("UDP", "127.0.0.1", 0, advertise="sip.example.com"))
    server = await drivers(Listener("UDP", "127.0.0.1", 0))
    server.role.status = 200
    ask(client, target_at(client, *address_of(server)))
    assert await answered(client) == 200
    via = server.role.of(RequestReceived)[0].request.octets("via")
    port = address_of(client)[1]
    assert via is not None
    assert f"sip.example.com:{port};" in via.decode()
    over = client.stack.target_over(Flow("UDP", next(iter(client.addresses)).listener, address_of(client), ("::1", 1)))
    assert over.sent_by == f"sip.example.com:{port}"


async def test_icmp_fails_a_transaction_at_once(drivers: Drivers) -> None:
    client = await drivers(Listener("UDP", "127.0.0.1", 0))
    port = free_port()
    ask(client, target_at(client, "127.0.0.1", port), "INVITE")
    assert (await client.role.next(Ended)).cause == "transport"
    assert client.role.of(FlowClosed)[0].reason == f"127.0.0.1:{port} cannot be reached by UDP: connection refused"


@pytest.mark.rfc("3261 18 #3", "3261 18.1.1 #1", "3261 18.1.1 #4")
async def test_a_large_request_goes_by_tcp_and_falls_back_to_udp(drivers: Drivers) -> None:
    client = await drivers(Listener("UDP", "127.0.0.1", 0), Listener("TCP", "127.0.0.1", 0))
    both = await drivers(Listener("UDP", "127.0.0.1", 0), Listener("TCP", "127.0.0.1", 0))
    only_udp = await drivers(Listener("UDP", "127.0.0.1", 0))
    for server, transports in ((both, ["TCP"]), (only_udp, ["TCP", "UDP"])):
        client.role.events.clear()
        server.role.status = 200
        failover = Failover(widen([target_at(client, *address_of(server))], 1500))
        tried = [failover.current.transport]
        ask(client, failover.current, "MESSAGE", 1400)
        while not client.role.of(ResponseReceived):
            await until(lambda: client.role.of(Ended) or client.role.of(ResponseReceived))
            if not client.role.of(ResponseReceived):
                client.role.events.clear()
                target = failover.next()
                assert target is not None
                tried.append(target.transport)
                ask(client, target, "MESSAGE", 1400)
        assert tried == transports
        assert server.role.of(RequestReceived)[0].flow.transport == transports[-1]


@pytest.mark.rfc("3261 18.1.1 #3")
async def test_a_large_datagram_is_taken(drivers: Drivers) -> None:
    client, server = await drivers(Listener("UDP", "127.0.0.1", 0)), await drivers(Listener("UDP", "127.0.0.1", 0))
    server.role.status = 200
    ask(client, target_at(client, *address_of(server)), "MESSAGE", 60_000)
    assert await answered(client) == 200


async def test_a_malformed_datagram_is_answered_and_harms_nobody(drivers: Drivers) -> None:
    server = await drivers(Listener("UDP", "127.0.0.1", 0))
    server.role.status = 200
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.connect(address_of(server))
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        for data in (b"\xff" * 100, b"GET / HTTP/1.1\r\n\r\n", octets().replace(b"SIP/2.0\r\n", b"SIP/9.9\r\n", 1)):
            peer.send(data)
        answer = parse(await soon(loop.sock_recv(peer, 2000)))
        assert isinstance(answer, Response)
        assert answer.status == 505
        peer.send(octets())
        answer = parse(await soon(loop.sock_recv(peer, 2000)))
        assert isinstance(answer, Response)
        assert answer.status == 200
    assert server.stack.counters.broken == 3


# Starting and stopping


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_a_port_in_use_is_one_sentence_and_leaves_nothing(drivers: Drivers, transport: str) -> None:
    first = await drivers(Listener(transport, "127.0.0.1", 0))
    port = address_of(first, transport)[1]
    free = free_port("127.0.0.3")
    second = Driver(Recorder, [Listener("UDP", "127.0.0.3", free), Listener(transport, "127.0.0.1", port)])
    with pytest.raises(TransportFailed) as caught:
        await second.start()
    sentence = f"{transport} port {port} of 127.0.0.1 is in use; stop the program that holds it or choose another port"
    assert str(caught.value) == sentence
    await second.close()
    await drivers(Listener("UDP", "127.0.0.3", free))


async def test_a_bad_certificate_is_one_sentence_and_leaves_nothing(drivers: Drivers, tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"
    free = free_port()
    driver = Driver(
        Recorder, [Listener("UDP", "127.0.0.1", free), Listener("TLS", "127.0.0.1", 0, tls=TlsSettings(missing))]
    )
    with pytest.raises(ConfigError) as caught:
        await driver.start()
    assert str(caught.value) == f"cannot read the certificate {missing}: No such file or directory"
    await drivers(Listener("UDP", "127.0.0.1", free))


async def test_a_driver_starts_once(drivers: Drivers) -> None:
    driver = await drivers(Listener("UDP", "127.0.0.1", 0))
    with pytest.raises(InvalidState):
        await driver.start()
    await driver.close()
    await driver.close()
    with pytest.raises(InvalidState):
        await driver.start()


async def test_closing_one_that_never_started() -> None:
    await Driver(Recorder, []).close()


async def test_a_closed_driver_takes_and_sends_nothing(drivers: Drivers, name_server: FakeDns) -> None:
    driver = await drivers(Listener("UDP", "127.0.0.1", 0), Listener("TCP", "127.0.0.1", 0), dns=name_server.client())
    target = target_at(driver, "127.0.0.1", 9)
    await driver.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address_of(driver, "TCP"))
    ask(driver, target)
    assert driver.role.of(Ended)[0].cause == "transport"
    assert driver.stack.resolve(Query("example.com"), None, None) is None
    driver.flush()
    assert len(driver.role.of(Resolved)) == 1
    assert name_server.asked == []


async def test_what_is_under_way_is_dropped_when_it_closes(drivers: Drivers, name_server: FakeDns) -> None:
    name_server.silent.add("NAPTR")
    driver = await drivers(Listener("UDP", "127.0.0.1", 0), dns=name_server.client())
    assert driver.stack.resolve(Query("example.com"), None, None) is None
    driver.flush()
    await until(lambda: name_server.asked)
    await soon(driver.close())
    assert driver.role.of(Resolved) == []


# Time


async def test_timers_fire(drivers: Drivers) -> None:
    driver = await drivers(Listener("UDP", "127.0.0.1", 0))
    for delay in (0.03, 0.01, 0.02):
        driver.stack.start_timer(delay, "user", f"after {delay}", driver.now())
        driver.flush()
    await driver.role.next(TimerFired, 3)
    assert [event.event for event in driver.role.of(TimerFired)] == ["after 0.01", "after 0.02", "after 0.03"]


async def test_a_request_without_answer_is_sent_again_and_times_out(drivers: Drivers) -> None:
    values = TimerValues(t1=0.01, t2=0.04, t4=0.05)
    client = await drivers(Listener("UDP", "127.0.0.1", 0), values=values)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.setblocking(False)
        ask(client, target_at(client, *silent.getsockname()))
        assert (await client.role.next(Ended)).cause == "timeout"
        sent = []
        while True:
            try:
                sent.append(silent.recv(2000))
            except BlockingIOError:
                break
    assert len(set(sent)) == 1
    assert len(sent) > 5


async def test_one_handle_serves_all_timers(drivers: Drivers, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = await drivers(Listener("UDP", "127.0.0.1", 0))
    loop = asyncio.get_running_loop()
    asked: list[float] = []

    class Loop:
        def call_later(self, delay: float, call: object) -> asyncio.TimerHandle:
            asked.append(delay)
            return loop.call_later(delay, call)  # type: ignore[arg-type]

    monkeypatch.setattr(driver, "_loop", Loop())
    for delay in (50.0, 60.0, 70.0, 40.0, 45.0):
        driver.stack.start_timer(delay, "user", "x", driver.now())
        driver.flush()
    assert [round(delay) for delay in asked] == [50, 40]


# Watching


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_the_tap_sees_every_message_both_ways(drivers: Drivers, transport: str) -> None:
    seen = Tapped()
    client = await drivers(Listener(transport, "127.0.0.1", 0), tap=seen)
    server = await drivers(Listener(transport, "127.0.0.1", 0))
    server.role.status = 200
    for count in (1, 2):
        ask(client, target_at(client, *address_of(server, transport), transport))
        await answered(client, count)
    lines = [(direction, line) for direction, line, _ in seen.seen]
    assert lines == [(OUT, b"OPTIONS sip:bob@127.0.0.1 SIP/2.0"), (IN, b"SIP/2.0 200 OK")] * 2
    assert {flow.transport for _, _, flow in seen.seen} == {transport}


async def test_the_tap_does_not_see_what_never_left(drivers: Drivers) -> None:
    seen = Tapped()
    client = await drivers(Listener("TCP", "127.0.0.1", 0), tap=seen)
    ask(client, target_at(client, "127.0.0.1", free_port(kind=socket.SOCK_STREAM), "TCP"))
    await client.role.next(Ended)
    assert seen.seen == []


async def test_keep_alives_are_no_messages(drivers: Drivers) -> None:
    seen = Tapped()
    server = await drivers(Listener("UDP", "127.0.0.1", 0), tap=seen)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        for data in (b"\r\n\r\n", b"\0", octets()):
            peer.sendto(data, address_of(server))
        await server.role.next(RequestReceived)
    assert len(seen.seen) == 1
    assert server.stack.counters.broken == 0


@pytest.mark.rfc("5626 4.4.1")
async def test_a_flow_can_be_kept_alive(drivers: Drivers) -> None:
    for transport in ("UDP", "TCP"):
        client = await drivers(Listener(transport, "127.0.0.1", 0))
        server = await drivers(Listener(transport, "127.0.0.1", 0))
        server.role.status = 200
        target = target_at(client, *address_of(server, transport), transport)
        ask(client, target)
        await answered(client)
        client.keep_alive(client.stack.flow_to(target))
        ask(client, target)
        assert (await answered(client, 2), server.stack.counters.broken) == (200, 0)


async def test_a_stream_without_pong_has_failed(drivers: Drivers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.transport.connection._PONG_WAIT", 0.05)
    client = await drivers(Listener("TCP", "127.0.0.1", 0))

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    target = target_at(client, host, port, "TCP")
    ask(client, target)
    await until(lambda: client._streams is not None and client._streams._connections)
    flow = client.stack.flow_to(target)
    await asyncio.sleep(0.02)
    client.keep_alive(flow, answered=True)
    assert (await client.role.next(FlowClosed)).reason == "no pong came within 0.05 s"
    assert client.role.of(Ended)[0].cause == "transport"
    server.close()
