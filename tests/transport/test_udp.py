"""UDP sockets on loopback."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from offhook import clock
from offhook.clock import Moment
from offhook.flow import Flow, Query
from offhook.stack import FAILED
from offhook.transaction.effects import Ended, FlowClosed
from offhook.transport import udp
from offhook.transport.listener import BoundSocket, Listener, bind_all
from offhook.transport.udp import UdpSocket
from tests.transport.conftest import Drivers
from tests.transport.support import Events, address_of, free_port, octets, request, soon, until

STUN = bytes.fromhex("000100002112a442") + b"transactions"


class Peer(asyncio.DatagramProtocol):
    """Another program's socket."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.transport: asyncio.DatagramTransport | None = None

    @property
    def address(self) -> tuple[str, int]:
        assert self.transport is not None
        host, port = self.transport.get_extra_info("sockname")[:2]
        return host, port

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.received.append(data)

    def send(self, data: bytes, to: UdpSocket) -> None:
        assert self.transport is not None
        self.transport.sendto(data, to.local)


class Balky(socket.socket):
    """A socket that refuses to send as often as told, and counts how often it is read."""

    refusals: list[int]
    reads = 0

    def recvfrom_into(self, *args: Any) -> Any:
        self.reads += 1
        return super().recvfrom_into(*args)

    def sendto(self, *args: Any) -> int:
        if self.refusals:
            raise OSError(self.refusals.pop(0), "refused")
        sent: int = super().sendto(*args)
        return sent


@pytest_asyncio.fixture(params=["127.0.0.1", "::1"])
async def peer(request: pytest.FixtureRequest) -> AsyncIterator[Peer]:
    made = Peer()
    loop = asyncio.get_running_loop()
    made.transport, _ = await loop.create_datagram_endpoint(lambda: made, local_addr=(request.param, 0))
    yield made
    made.transport.close()


@pytest.fixture
def events() -> Events:
    return Events()


@pytest_asyncio.fixture
async def own(peer: Peer, events: Events) -> AsyncIterator[UdpSocket]:
    """A socket of ours, of the family of the peer."""
    made = UdpSocket(bind_all([Listener("UDP", peer.address[0], 0)])[0], events, asyncio.get_running_loop())
    yield made
    made.close()


def balky(refusals: list[int], events: Events) -> UdpSocket:
    sock = Balky(socket.AF_INET, socket.SOCK_DGRAM)
    sock.refusals = refusals
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return UdpSocket(BoundSocket(Listener("UDP", "127.0.0.1", 0), sock), events, asyncio.get_running_loop())


def flow_to(own: UdpSocket, remote: tuple[str, int]) -> Flow:
    return Flow("UDP", "udp", own.local, remote)


async def test_datagrams_arrive_with_their_flow(own: UdpSocket, peer: Peer, events: Events) -> None:
    peer.send(octets(), own)
    peer.send(octets("MESSAGE"), own)
    await until(lambda: len(events.messages) == 2)
    (first, flow), (second, again) = events.messages
    assert (first, second) == (octets(), octets("MESSAGE"))
    assert (flow.transport, flow.local, flow.remote, flow.serial) == ("UDP", own.local, peer.address, 0)
    assert flow.listener.startswith("udp:")
    assert again is flow
    assert events.settled


@pytest.mark.rfc("3581 4 #4")
async def test_a_datagram_leaves_from_the_address_it_is_sent_by(own: UdpSocket, peer: Peer, events: Events) -> None:
    own.send(b"one", flow_to(own, peer.address), clock.now())
    await until(lambda: peer.received)
    assert peer.received == [b"one"]
    assert events.changes == []


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0"])
async def test_empty_keep_alives_go_no_further(own: UdpSocket, peer: Peer, events: Events, data: bytes) -> None:
    peer.send(data, own)
    peer.send(octets(), own)
    await until(lambda: events.messages)
    assert [message for message, _ in events.messages] == [octets()]
    assert peer.received == []


@pytest.mark.rfc("5626 8")
async def test_a_stun_binding_request_is_answered_from_the_same_port(
    own: UdpSocket, peer: Peer, events: Events
) -> None:
    peer.send(STUN, own)
    await until(lambda: peer.received)
    assert peer.received[0][:2] == b"\x01\x01"
    assert peer.received[0][8:20] == b"transactions"
    assert events.messages == []


async def test_a_message_after_empty_lines_is_a_message(own: UdpSocket, peer: Peer, events: Events) -> None:
    peer.send(b"\r\n\r\n" + octets(), own)
    await until(lambda: events.messages)


@pytest.mark.rfc("3261 18.4 #1")
async def test_icmp_errors_tell_which_address_failed(own: UdpSocket, peer: Peer, events: Events) -> None:
    host = peer.address[0]
    port = free_port(host)
    flow = flow_to(own, (host, port))
    for _ in range(3):
        events.changes.clear()
        own.send(b"anybody there?", flow, clock.now())
        await until(lambda: events.changes)
    failed, state, reason = events.changes[0]
    assert failed.remote == flow.remote
    assert failed.local == own.local
    assert state == FAILED
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    assert reason == f"{shown} cannot be reached by UDP: connection refused"
    # And the socket still works, in both directions.
    peer.send(octets(), own)
    await until(lambda: events.messages)
    own.send(b"still here", flow_to(own, peer.address), clock.now())
    await until(lambda: peer.received)


async def test_an_error_of_one_address_does_not_stop_a_datagram_to_another(
    own: UdpSocket, peer: Peer, events: Events
) -> None:
    """The kernel hands an ICMP error to whichever call comes next."""
    dead = flow_to(own, (peer.address[0], free_port(peer.address[0])))
    alive = flow_to(own, peer.address)
    now = clock.now()
    for _ in range(20):
        own.send(b"lost", dead, now)
        own.send(b"found", alive, now)
    await until(lambda: len(peer.received) == 20)
    assert {flow.remote for flow, _, _ in events.changes} == {dead.remote}


async def test_a_datagram_that_is_too_large_says_nothing_of_its_address(
    own: UdpSocket, peer: Peer, events: Events
) -> None:
    own.send(bytes(70_000), flow_to(own, peer.address), clock.now())
    [(data, flow, reason)] = events.unsent
    assert (len(data), flow.remote) == (70_000, peer.address)
    assert reason.endswith("cannot be reached by UDP: message too long")
    assert events.changes == []


@pytest.mark.parametrize("padding", [65_507, 70_000])
async def test_a_datagram_that_is_too_large_fails_its_own_transaction_alone(drivers: Drivers, padding: int) -> None:
    """A stranger chooses how large a request is that goes to a phone or a trunk."""
    client, server = await drivers(Listener("UDP", "127.0.0.1", 0)), await drivers(Listener("UDP", "127.0.0.1", 0))
    targets = client.stack.resolve(Query(*address_of(server)), None, None)
    assert targets is not None
    client.stack.send(request("INVITE"), targets[0], client.now())
    client.stack.send(request("MESSAGE", padding=padding), targets[0], client.now())
    client.flush()
    ended = await client.role.next(Ended)
    assert (ended.transaction.request.method, ended.cause) == ("MESSAGE", "transport")
    assert ended.reason.endswith("cannot be reached by UDP: message too long")
    assert [one.request.method for one in client.stack.transactions.clients.values()] == ["INVITE"]
    assert not client.stack.unavailable.is_dead(targets[0], client.now())
    assert client.role.of(FlowClosed) == []


async def test_nor_does_an_address_of_the_other_family(own: UdpSocket, peer: Peer, events: Events) -> None:
    """A stranger can have an answer sent to any address by maddr (RFC 3261 18.2.2)."""
    other = ("127.0.0.1" if ":" in peer.address[0] else "::1", 5060)
    own.send(octets(), flow_to(own, other), clock.now())
    assert [flow.remote for _, flow, _ in events.unsent] == [other]
    assert events.changes == []


async def test_no_route_is_told_at_once(events: Events) -> None:
    own = balky([], events)
    own.send(b"x", flow_to(own, ("203.0.113.7", 5060)), clock.now())
    assert [(flow.remote, state) for flow, state, _ in events.changes] == [(("203.0.113.7", 5060), FAILED)]
    own.close()


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS])
async def test_what_the_kernel_does_not_take_waits_in_order(number: int) -> None:
    events = Events()
    peer = Peer()
    peer.transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: peer, local_addr=("127.0.0.1", 0)
    )
    own = balky([number, number], events)
    sent = [b"%d" % count for count in range(5)]
    for data in sent:
        own.send(data, flow_to(own, peer.address), clock.now())
    await until(lambda: len(peer.received) == 5)
    assert peer.received == sent
    assert own.lost == 0
    own.close()
    peer.transport.close()


async def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(udp, "_MOST_HELD", 3)
    own = balky([errno.EAGAIN] * 100, Events())
    for _ in range(10):
        own.send(b"x", flow_to(own, ("127.0.0.1", 9)), clock.now())
    assert own.lost == 7
    assert caplog.messages == [f"the network takes no more datagrams from 127.0.0.1:{own.local[1]}; some are lost"]
    own.close()


async def test_a_failure_of_what_waited_is_told() -> None:
    events = Events()
    own = balky([errno.EAGAIN, errno.EACCES, errno.EACCES, errno.EACCES, errno.EACCES], events)
    own.send(b"x", flow_to(own, ("127.0.0.1", 9)), clock.now())
    await until(lambda: events.changes)
    assert events.changes[0][2] == "127.0.0.1:9 cannot be reached by UDP: permission denied"
    own.close()


async def test_a_flood_is_taken_in_batches(own: UdpSocket, peer: Peer, events: Events) -> None:
    with socket.socket(socket.AF_INET6 if ":" in own.local[0] else socket.AF_INET, socket.SOCK_DGRAM) as flooder:
        for _ in range(200):
            flooder.sendto(octets(), own.local)
    await until(lambda: len(events.messages) == 200)
    assert events.settled >= 4


async def test_who_is_known_comes_first_when_more_comes_than_can_be_answered(
    own: UdpSocket, peer: Peer, events: Events, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else everything grows old in the kernel's queue, and everybody sends it again."""
    monkeypatch.setattr(udp, "_BEHIND_AFTER", 0.02)
    monkeypatch.setattr(udp, "_BATCH", 8)
    slow = events.receive

    def receive(data: bytes, flow: Flow, now: Moment) -> None:
        time.sleep(0.002)
        slow(data, flow, now)

    monkeypatch.setattr(events, "receive", receive)
    with socket.socket(own._socket.family, socket.SOCK_DGRAM) as known:
        known.bind((peer.address[0], 0))
        events.preferred.add(known.getsockname()[:2])
        for number in range(100):
            peer.send(b"OPTIONS sip:flood SIP/2.0", own)
            if number > 50 and number % 10 == 0:
                peer.send(b"SIP/2.0 200 OK", own)
                known.sendto(b"INVITE sip:bob SIP/2.0", own.local)
        await until(lambda: len([data for data, _ in events.messages if data.startswith(b"INVITE")]) == 4)
    flood = b"OPTIONS sip:flood SIP/2.0"
    await until(lambda: own.left_out + [data for data, _ in events.messages].count(flood) == 100)
    came = [data for data, _ in events.messages]
    assert came.count(b"SIP/2.0 200 OK") == 4
    assert 8 <= came.count(flood) < 100
    assert caplog.text.count("more comes to") == 1
    # And as soon as nothing waits, everybody is heard again.
    await asyncio.sleep(0.05)
    peer.send(b"OPTIONS sip:late SIP/2.0", own)
    await until(lambda: events.messages[-1][0] == b"OPTIONS sip:late SIP/2.0")


async def test_datagrams_that_come_one_by_one_cost_one_look_each() -> None:
    events = Events()
    own = balky([], events)
    sock = own._socket
    assert isinstance(sock, Balky)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for count in range(1, 10):
            sender.sendto(octets(), own.local)
            await until(lambda count=count: len(events.messages) == count)  # type: ignore[misc]
        assert sock.reads == 10
        for _ in range(100):
            sender.sendto(octets(), own.local)
        await until(lambda: len(events.messages) == 109)
    assert events.settled < 9 + 20
    own.close()


async def test_remembered_flows_are_bounded(
    own: UdpSocket, peer: Peer, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(udp, "_MOST_FLOWS", 4)
    family = socket.AF_INET6 if ":" in own.local[0] else socket.AF_INET
    others = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(20)]
    for other in others:
        other.bind((own.local[0], 0))
        other.sendto(octets(), own.local)
    await until(lambda: len(events.messages) == 20)
    assert {flow.remote for _, flow in events.messages} == {other.getsockname()[:2] for other in others}
    assert len(own._flows) + len(own._older) <= 8
    for other in others:
        other.close()


async def test_a_flow_of_the_older_generation_is_still_the_same(
    own: UdpSocket, peer: Peer, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer.send(octets(), own)
    await until(lambda: events.messages)
    own._older, own._flows = own._flows, {}
    peer.send(octets(), own)
    await until(lambda: len(events.messages) == 2)
    assert events.messages[0][1] is events.messages[1][1]


async def test_a_receiver_may_close_the_socket(own: UdpSocket, peer: Peer, events: Events) -> None:
    def close(data: bytes, flow: Flow, now: clock.Moment) -> None:
        events.messages.append((data, flow))
        own.close()

    events.receive = close  # type: ignore[method-assign]
    for _ in range(3):
        peer.send(octets(), own)
    await until(lambda: events.messages)
    await soon(asyncio.sleep(0.01))
    assert len(events.messages) == 1
    own.close()


@pytest.mark.parametrize(
    ("note", "number"),
    [
        # struct sock_extended_err as Linux gives it: errno, origin, type, code, padding, info, data.
        (bytes.fromhex("6f000000 02 03 03 00 00000000 00000000"), errno.ECONNREFUSED),
        (bytes.fromhex("71000000 02 03 01 00 00000000 00000000"), errno.EHOSTUNREACH),
        (bytes.fromhex("5c000000 02 03 02 00 00000000 00000000"), errno.ENOPROTOOPT),
        (bytes.fromhex("47000000 02 0c 00 00 00000000 00000000"), errno.EPROTO),
        (bytes.fromhex("5a000000 02 03 04 00 dc050000 00000000"), 0),
        (bytes.fromhex("71000000 02 0b 00 00 00000000 00000000"), 0),
        (bytes.fromhex("6f000000 02 04 00 00 00000000 00000000"), 0),
        (bytes.fromhex("71000000 03 03 00 00 00000000 00000000"), 0),
        (bytes.fromhex("6f000000 03 01 04 00 00000000 00000000"), errno.ECONNREFUSED),
        (bytes.fromhex("5a000000 03 02 00 00 dc050000 00000000"), 0),
        (bytes.fromhex("5a000000 01 00 00 00 dc050000 00000000"), 0),
        (b"short", 0),
    ],
)
@pytest.mark.rfc("3261 18.4 #1", "3261 18.4 #2")
def test_only_errors_that_mean_failure_count(note: bytes, number: int) -> None:
    assert udp._fatal_error(note) == number
