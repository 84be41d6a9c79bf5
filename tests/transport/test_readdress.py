"""A driver whose machine gets other addresses."""

from __future__ import annotations

import asyncio
import socket

import pytest

from offhook.errors import TransportFailed
from offhook.flow import Query, Target
from offhook.transaction.effects import Ended, FlowClosed, RequestReceived
from offhook.transport import listener as listener_module
from offhook.transport.driver import Driver
from offhook.transport.listener import Listener
from tests.transport.conftest import Drivers
from tests.transport.support import Recorder, octets, request, until


class Machine:
    """Which addresses the machine has."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = list(hosts)

    def addresses(self, family: socket.AddressFamily) -> list[str]:
        return [host for host in self.hosts if (":" in host) is (family == socket.AF_INET6)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine("127.0.0.1", "127.0.0.2")
    monkeypatch.setattr(listener_module, "interface_addresses", machine.addresses)
    return machine


def locals_of(driver: Driver[Recorder], transport: str) -> list[str]:
    return [address.host for address in driver.addresses if address.transport == transport]


async def started(drivers: Drivers) -> Driver[Recorder]:
    return await drivers(Listener("UDP", "0.0.0.0", 0), Listener("TCP", "0.0.0.0", 0))


async def test_a_wildcard_follows_the_addresses(drivers: Drivers, machine: Machine) -> None:
    driver = await started(drivers)
    port = next(iter(driver.addresses)).port
    machine.hosts = ["127.0.0.2", "127.0.0.3"]
    assert driver.readdress() == {"127.0.0.2", "127.0.0.3"}
    for transport in ("UDP", "TCP"):
        assert locals_of(driver, transport) == ["127.0.0.2", "127.0.0.3"]
    assert {address.port for address in driver.addresses} == {port}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.sendto(octets(), ("127.0.0.3", port))
        assert (await driver.role.next(RequestReceived)).flow.local == ("127.0.0.3", port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        # The old one is free for others.
        other.bind(("127.0.0.1", port))


async def test_what_was_under_way_from_an_address_that_went_has_failed(drivers: Drivers, machine: Machine) -> None:
    driver = await started(drivers)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.9", 0))
        sent = []
        for address in [one for one in driver.addresses if one.transport == "UDP"]:
            host, taken = silent.getsockname()
            target = Target("UDP", host, taken, address.listener, address.local, address.sent_by)
            sent.append(driver.stack.send(request(), target, driver.now()))
        driver.flush()
        machine.hosts = ["127.0.0.2"]
        driver.readdress()
        ended = await driver.role.next(Ended)
        assert ended.transaction is sent[0]
        assert (ended.cause, ended.reason) == ("transport", "127.0.0.1 is no address of this machine any more")
        assert len(driver.role.of(Ended)) == 1
        # That says nothing about the peer.
        assert not driver.stack.unavailable._dead


async def test_connections_of_an_address_that_went_are_given_up(drivers: Drivers, machine: Machine) -> None:
    driver = await started(drivers)
    port = next(address.port for address in driver.addresses if address.transport == "TCP")
    peers = [await asyncio.open_connection(host, port) for host in machine.hosts]
    for _, writer in peers:
        writer.write(octets(via="SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK1"))
    await driver.role.next(RequestReceived, 2)
    machine.hosts = ["127.0.0.2"]
    driver.readdress()
    # At once, so that what is sent next does not go there.
    [closed] = driver.role.of(FlowClosed)
    assert closed.flow.local == ("127.0.0.1", port)
    assert closed.reason == "127.0.0.1 is no address of this machine any more"
    await asyncio.sleep(0.05)
    assert len(driver.role.of(FlowClosed)) == 1
    for _, writer in peers:
        writer.close()


async def test_targets_are_found_anew(drivers: Drivers, machine: Machine) -> None:
    driver = await started(drivers)
    before = driver.stack.resolve_now(Query("127.0.0.1", 5999))
    assert before is not None
    machine.hosts = ["127.0.0.2"]
    driver.readdress()
    after = driver.stack.resolve_now(Query("127.0.0.1", 5999))
    assert after is not None
    assert (before[0].local[0], after[0].local[0]) == ("127.0.0.1", "127.0.0.2")


async def test_a_machine_without_any_address_and_its_return(drivers: Drivers, machine: Machine) -> None:
    driver = await started(drivers)
    hosts, machine.hosts = machine.hosts, []
    assert driver.readdress() == frozenset()
    assert driver.stack.resolve_now(Query("127.0.0.1", 5999)) is None
    machine.hosts = hosts
    assert driver.readdress() == set(hosts)
    assert driver.stack.resolve_now(Query("127.0.0.1", 5999)) is not None


async def test_an_address_whose_port_is_taken_is_left_out(
    drivers: Drivers, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    driver = await started(drivers)
    port = next(iter(driver.addresses)).port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.3", port))
        machine.hosts.append("127.0.0.3")
        driver.readdress()
    assert locals_of(driver, "UDP") == ["127.0.0.1", "127.0.0.2"]
    assert f"UDP port {port} of 127.0.0.3 is in use" in caplog.text


async def test_listeners_at_one_address_stay(drivers: Drivers, machine: Machine) -> None:
    driver = await drivers(Listener("UDP", "127.0.0.1", 0))
    machine.hosts = ["127.0.0.9"]
    assert driver.readdress() == {"127.0.0.1"}


async def test_a_closed_driver_binds_nothing(drivers: Drivers, machine: Machine) -> None:
    driver = await started(drivers)
    await driver.close()
    machine.hosts.append("127.0.0.3")
    driver.readdress()
    await until(lambda: "127.0.0.3" not in locals_of(driver, "UDP"))


def test_one_more_socket_that_cannot_be_is_told() -> None:
    with pytest.raises(TransportFailed, match="no interface of this machine has that address"):
        listener_module.bind_more(Listener("UDP", "0.0.0.0"), "192.0.2.1", 5060)
