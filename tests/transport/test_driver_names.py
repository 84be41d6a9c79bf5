"""The driver: names are looked up while it goes on."""

from __future__ import annotations

import pytest

from offhook.errors import ResolveFailed
from offhook.flow import Query, Target
from offhook.transaction.effects import Resolved
from offhook.transport.listener import Listener
from tests.transport.conftest import Drivers
from tests.transport.fake_dns import FakeDns
from tests.transport.support import address_of, answered, ask, target_at

MOST_LOOKUPS = 1000


async def test_names_are_resolved_without_blocking(drivers: Drivers, name_server: FakeDns) -> None:
    server = await drivers(Listener("UDP", "127.0.0.1", 0))
    server.role.status = 200
    name_server.add("_sip._udp.example.com", "SRV", f"0 0 {address_of(server)[1]} a.example.com.")
    name_server.add("a.example.com", "A", "127.0.0.1")
    client = await drivers(Listener("UDP", "127.0.0.1", 0), dns=name_server.client())
    query = Query("example.com")
    assert client.stack.resolve(query, "user", "token") is None
    client.flush()
    event = await client.role.next(Resolved)
    assert (event.user, event.token, event.error) == ("user", "token", None)
    ask(client, event.targets[0])
    assert await answered(client) == 200
    assert client.stack.resolve(query, "user", "token") == event.targets


async def test_an_unknown_host_is_told(drivers: Drivers, name_server: FakeDns) -> None:
    client = await drivers(Listener("UDP", "127.0.0.1", 0), dns=name_server.client())
    assert client.stack.resolve(Query("nobody.example"), None, None) is None
    client.flush()
    event = await client.role.next(Resolved)
    assert isinstance(event.error, ResolveFailed)
    assert str(event.error) == "nobody.example does not exist"
    assert event.targets == []


async def test_localhost_needs_no_name_server(drivers: Drivers) -> None:
    client = await drivers(Listener("UDP", "127.0.0.1", 0))
    assert target_at(client, "localhost", 5070).host == "127.0.0.1"


async def test_look_ups_are_bounded(drivers: Drivers, name_server: FakeDns) -> None:
    name_server.silent.add("NAPTR")
    client = await drivers(Listener("UDP", "127.0.0.1", 0), dns=name_server.client())
    for number in range(MOST_LOOKUPS + 1):
        assert client.stack.resolve(Query(f"{number}.example"), number, None) is None
    client.flush()
    (event,) = client.role.of(Resolved)
    assert event.user == MOST_LOOKUPS
    assert str(event.error) == f"{MOST_LOOKUPS}.example: too many look-ups are under way"


async def test_a_fault_in_a_look_up_is_an_answer_too(
    drivers: Drivers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await drivers(Listener("UDP", "127.0.0.1", 0))

    async def fail(self: object, query: Query) -> list[Target]:
        raise RuntimeError("odd")

    monkeypatch.setattr(type(client._resolver), "resolve", fail)
    assert client.stack.resolve(Query("example.com"), None, None) is None
    client.flush()
    assert str((await client.role.next(Resolved)).error) == "example.com cannot be looked up: odd"
    assert "the look-up of example.com failed" in caplog.text
