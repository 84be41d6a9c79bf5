"""Failover: RFC 3263 4.3 and the size rule of RFC 3261 18.1.1."""

from __future__ import annotations

import pytest

from offhook.flow import Flow, Target
from offhook.transaction.failover import Failover, calls_for_next, widen


def udp(host: str, with_stream: bool = True) -> Target:
    stream = Target("TCP", host, 5060, "tcp:192.0.2.9:5060", ("192.0.2.9", 5060), "192.0.2.9:5060")
    return Target(
        "UDP",
        host,
        5060,
        "udp:192.0.2.9:5060",
        ("192.0.2.9", 5060),
        "192.0.2.9:5060",
        stream=stream if with_stream else None,
    )


def shown(targets: list[Target]) -> list[str]:
    return [f"{target.transport} {target.host}" for target in targets]


@pytest.mark.rfc("3261 18 #3", "3261 18.1.1 #1")
def test_a_large_request_tries_tcp_before_udp_at_each_address() -> None:
    targets = [udp("192.0.2.1"), udp("192.0.2.2")]
    assert shown(widen(targets, 1301)) == ["TCP 192.0.2.1", "UDP 192.0.2.1", "TCP 192.0.2.2", "UDP 192.0.2.2"]
    assert shown(targets) == ["UDP 192.0.2.1", "UDP 192.0.2.2"]


@pytest.mark.rfc("3261 18.1.1 #1")
def test_a_request_of_1300_octets_stays_with_udp() -> None:
    assert shown(widen([udp("192.0.2.1")], 1300)) == ["UDP 192.0.2.1"]


def test_a_registered_flow_is_never_widened() -> None:
    target = udp("192.0.2.1")
    target.flow = Flow("UDP", target.listener, target.local, ("192.0.2.1", 40000))
    assert shown(widen([target], 9000)) == ["UDP 192.0.2.1"]


def test_a_flow_that_the_engine_made_for_a_plain_target_changes_nothing() -> None:
    target = udp("192.0.2.1")
    target.datagrams = Flow("UDP", target.listener, target.local, ("192.0.2.1", 5060))
    assert shown(widen([target], 9000)) == ["TCP 192.0.2.1", "UDP 192.0.2.1"]


def test_streams_and_addresses_without_one_stay_as_they_are() -> None:
    tls = Target("TLS", "192.0.2.1", 5061, "tls:x", ("192.0.2.9", 5061), "192.0.2.9:5061", "example.com")
    assert shown(widen([tls, udp("192.0.2.2", with_stream=False)], 9000)) == ["TLS 192.0.2.1", "UDP 192.0.2.2"]


@pytest.mark.rfc("3263 4.2 #1", "3263 4.2 #2", "3263 4.2 #3")
def test_failover_steps_through_all_targets_once() -> None:
    failover = Failover([udp("192.0.2.1"), udp("192.0.2.2"), udp("192.0.2.3")])
    assert failover.current.host == "192.0.2.1"
    seen = []
    while (target := failover.next()) is not None:
        assert target is failover.current
        seen.append(target.host)
    assert seen == ["192.0.2.2", "192.0.2.3"]
    assert failover.next() is None
    assert failover.current.host == "192.0.2.3"


@pytest.mark.rfc("3263 4.3 #1")
def test_only_503_calls_for_the_next_server() -> None:
    assert [status for status in range(100, 700) if calls_for_next(status)] == [503]
