"""Requests that are too large for a datagram (RFC 3261 18.1.1), on their way through the proxy."""

from __future__ import annotations

import pytest

from offhook.flow import Flow, Target
from offhook.proxy.target_uri import TargetUri
from offhook.testing.network import VirtualNode
from offhook.testing.peer import ScriptedPeer
from offhook.transaction.unavailable import DEAD
from tests.proxy.wiring import World


@pytest.mark.rfc("3261 18.1.1 #1", "3261 18.1.1 #2")
@pytest.mark.parametrize(("octets", "transports"), [(100, ["UDP"]), (1300, ["TCP"])])
def test_a_request_too_large_for_a_datagram_goes_by_tcp(octets: int, transports: list[str]) -> None:
    world = World()
    phone = world.callee((0.1, 180), (0.5, 486))
    world.send(edit=lambda draft: draft.body(b"x" * octets, "text/plain"))
    world.run()
    assert [request.vias[0].transport for request in phone.role.requests] == transports
    assert world.statuses() == [180, 486]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 18.1.1 #4")
def test_a_peer_without_tcp_gets_a_large_request_by_udp(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    phone = world.callee((0.1, 180), (0.5, 486))
    monkeypatch.setattr(world.network, "connect", lambda node, flow, target: node.refuse_stream(flow))
    world.send(edit=lambda draft: draft.body(b"x" * 1300, "text/plain"))
    world.run()
    assert [request.vias[0].transport for request in phone.role.requests] == ["UDP"]
    assert world.statuses() == [180, 486]


def test_a_peer_that_took_no_connection_is_not_asked_for_one_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    phone = world.callee((0.1, 486))
    connects = 0

    def refuse(node: VirtualNode[ScriptedPeer], flow: Flow, target: Target) -> None:
        nonlocal connects
        connects += 1
        node.refuse_stream(flow)

    monkeypatch.setattr(world.network, "connect", refuse)
    for second, expected in ((0.0, 1), (1.0, 1), (DEAD + 1.0, 2)):
        world.run(second)
        world.send(edit=lambda draft: draft.body(b"x" * 1300, "text/plain"))
        world.run(second + 0.5)
        assert connects == expected
    assert [request.vias[0].transport for request in phone.role.requests] == ["UDP"] * 3


def test_the_size_counts_as_it_leaves() -> None:
    """Record-Route and Via count too: the limit lies where the forwarded request crosses 1300 octets."""
    sizes: dict[bool, list[int]] = {True: [], False: []}
    for octets in range(560, 900, 10):
        world = World()
        phone = world.callee((0.1, 486))
        world.send(edit=lambda draft, octets=octets: draft.body(b"x" * octets, "text/plain"))  # type: ignore[misc]
        world.run()
        sent = next(data for _, _, to, data in world.network.trace or [] if to == phone.host)
        sizes[b"SIP/2.0/UDP 192.0.2.10" in sent].append(len(sent))
    assert 1260 < max(sizes[True]) <= 1300
    assert min(sizes[False]) > max(sizes[True])


def test_a_registered_flow_takes_what_is_large_too() -> None:
    """A phone behind a NAT accepts no connection."""
    world = World()
    world.send("MESSAGE", call_id="m")
    world.run(1.0)
    flow = world.proxy.stack.flow_to(world.proxy.target_to(world.alice.host, 5060))
    world.directory.bindings["sip:carol@example.com"] = [TargetUri("sip:carol@10.9.9.9", flow)]
    world.send("MESSAGE", "sip:carol@example.com", lambda draft: draft.body(b"x" * 1500, "text/plain"), "TCP", "large")
    world.run(2.0)
    assert [request.vias[0].transport for request in world.alice.role.requests] == ["UDP"]
