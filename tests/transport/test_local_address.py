"""By which own address a destination is reached."""

from __future__ import annotations

import socket

import pytest

from offhook.transport import local_address
from offhook.transport.listener import Listener
from offhook.transport.local_address import LocalAddress, LocalAddresses


def addresses(*own: tuple[str, str]) -> LocalAddresses:
    found = LocalAddresses()
    for transport, host in own:
        found.add(LocalAddress(Listener(transport, host), host, 5060))
    return found


def host_towards(own: LocalAddresses, transport: str, host: str) -> str | None:
    found = own.towards(transport, host)
    return None if found is None else found.host


def test_the_address_that_the_kernel_sends_from_is_taken() -> None:
    own = addresses(("UDP", "127.0.0.5"), ("UDP", "127.0.0.1"), ("TCP", "127.0.0.1"), ("UDP", "::1"))
    assert host_towards(own, "UDP", "127.0.0.9") == "127.0.0.1"
    assert host_towards(own, "UDP", "::1") == "::1"
    assert host_towards(own, "TCP", "127.0.0.9") == "127.0.0.1"


def test_else_the_first_that_can_reach_it() -> None:
    own = addresses(("UDP", "203.0.113.7"), ("UDP", "127.0.0.5"), ("UDP", "127.0.0.6"))
    assert host_towards(own, "UDP", "127.0.0.9") == "127.0.0.5"


def test_none_where_nothing_leads() -> None:
    own = addresses(("UDP", "127.0.0.5"))
    assert own.towards("UDP", "203.0.113.7") is None
    assert own.towards("UDP", "::1") is None
    assert own.towards("TCP", "127.0.0.1") is None


def test_a_route_is_believed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    asked: list[str] = []

    def source(host: str) -> str:
        asked.append(host)
        return "127.0.0.1"

    monkeypatch.setattr(local_address, "source_towards", source)
    own = LocalAddresses(lambda: now)
    own.add(LocalAddress(Listener("UDP", "127.0.0.1"), "127.0.0.1", 5060))
    for _ in range(3):
        assert own.towards("UDP", "127.0.0.9") is not None
    assert len(asked) == 1
    now += 31.0
    assert own.towards("UDP", "127.0.0.9") is not None
    assert len(asked) == 2
    own.add(LocalAddress(Listener("UDP", "127.0.0.2"), "127.0.0.2", 5060))
    assert own.towards("UDP", "127.0.0.9") is not None
    assert len(asked) == 3


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_address, "_MOST_ROUTES", 4)
    own = addresses(("UDP", "127.0.0.1"))
    for last in range(1, 20):
        assert own.towards("UDP", f"127.0.0.{last}") is not None
    assert len(own._routes) <= 4


def test_families_are_those_that_can_be_sent_in() -> None:
    own = addresses(("UDP", "127.0.0.1"), ("UDP", "::1"), ("TCP", "127.0.0.1"))
    assert own.families("UDP") == [socket.AF_INET6, socket.AF_INET]
    assert own.families("TCP") == [socket.AF_INET]
    assert own.families("TLS") == []
    assert len(own) == len(list(own)) == 3


def test_an_address_says_what_it_is_called() -> None:
    address = LocalAddress(Listener("UDP", "0.0.0.0", advertise="sip.example.com"), "10.0.0.1", 5060)
    assert repr(address) == "LocalAddress(UDP sip.example.com:5060)"
    assert (address.local, address.listener, address.listening) == (("10.0.0.1", 5060), "udp:0.0.0.0:5060", True)
    assert not LocalAddress(Listener("TLS", "127.0.0.1"), "127.0.0.1", 5061).listening
