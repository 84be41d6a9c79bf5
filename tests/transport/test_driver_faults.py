"""The driver: a fault of ours costs one message."""

from __future__ import annotations

import asyncio
import socket

import pytest

from offhook.clock import Moment
from offhook.sip.message import Request, Response
from offhook.sip.parser import parse
from offhook.transaction.effects import Effect, RequestReceived
from offhook.transaction.table import server_key
from offhook.transport.driver import Driver
from offhook.transport.listener import Listener
from tests.transport.conftest import Drivers
from tests.transport.support import Recorder, address_of, octets, soon


class Faulty(Recorder):
    """A role with a fault."""

    def receive(self, event: Effect, now: Moment) -> None:
        super().receive(event, now)
        if len(self.events) == 1:
            raise RuntimeError("a fault")


async def test_a_fault_in_a_role_is_logged_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    driver = Driver(Faulty, [Listener("UDP", "127.0.0.1", 0)])
    await driver.start()
    driver.role.status = 200
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.sendto(octets("OPTIONS"), address_of(driver))
        peer.sendto(octets("MESSAGE"), address_of(driver))
        await driver.role.next(RequestReceived, 2)
    assert "a RequestReceived was dropped" in caplog.text
    await driver.close()


class Lost(Recorder):
    """A role with a fault, before or after it has taken a request on itself."""

    def receive(self, event: Effect, now: Moment) -> None:
        if isinstance(event, RequestReceived):
            if event.request.method == "INVITE":
                self.stack.accept(event.request, event.flow, now)
            raise RuntimeError("a fault")
        super().receive(event, now)


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
async def test_a_request_that_a_fault_kept_from_its_answer_gets_500(method: str) -> None:
    driver = Driver(Lost, [Listener("UDP", "127.0.0.1", 0)])
    await driver.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        peer.sendto(octets(method), address_of(driver))
        answer = parse(await soon(asyncio.get_running_loop().sock_recv(peer, 65536)))
    assert isinstance(answer, Response)
    assert (answer.status, bool(answer.to_tag)) == (500, True)
    assert driver.stack.transactions.unanswered == 0
    await driver.close()


async def test_a_fault_in_the_engine_costs_one_message(
    drivers: Drivers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Spoilt(tuple[bytes, str, int, str]):
        """The key of a transaction, with which no other can be compared."""

        __slots__ = ()
        __hash__ = tuple.__hash__

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("a fault")

    driver = await drivers(Listener("UDP", "127.0.0.1", 0))
    request = parse(octets("OPTIONS"))
    assert isinstance(request, Request)
    spoilt = Spoilt(server_key(request, "OPTIONS"))
    monkeypatch.setitem(driver.stack.transactions.servers, spoilt, None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        for method in ("OPTIONS", "MESSAGE"):
            peer.sendto(octets(method), address_of(driver))
        assert (await driver.role.next(RequestReceived)).request.method == "MESSAGE"
        port = peer.getsockname()[1]
    assert f"a message from 127.0.0.1:{port} was dropped" in caplog.text


class Chatty(Recorder):
    """A role that calls the driver back from within an event, as a coroutine's wake-up may."""

    driver: Driver[Chatty]

    def receive(self, event: Effect, now: Moment) -> None:
        super().receive(event, now)
        self.driver.flush()
        self.events.append(event)


async def test_a_flush_within_an_event_leaves_the_order_alone() -> None:
    driver = Driver(Chatty, [Listener("UDP", "127.0.0.1", 0)])
    driver.role.driver = driver
    driver.role.status = 200
    await driver.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.sendto(octets("OPTIONS"), address_of(driver))
        await driver.role.next(RequestReceived, 2)
    kinds = [type(event).__name__ for event in driver.role.events]
    assert kinds[:2] == ["RequestReceived", "RequestReceived"]
    await driver.close()
