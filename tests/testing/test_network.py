"""The virtual network: faults, streams, partitions, restarts, and that a run repeats exactly."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.flow import Query
from offhook.testing.network import Faults, VirtualNetwork, VirtualNode
from offhook.testing.peer import ScriptedPeer

ALICE, BOB = "192.0.2.1", "192.0.2.2"

Peer = VirtualNode[ScriptedPeer]


def pair(faults: Faults | None = None, seed: int = 1) -> tuple[VirtualNetwork, Peer, Peer]:
    network = VirtualNetwork(seed, faults, trace=True)
    alice = network.add(ALICE, lambda stack: ScriptedPeer(stack, f"sip:alice@{ALICE}"))
    bob = network.add(BOB, lambda stack: ScriptedPeer(stack, f"sip:bob@{BOB}"))
    return network, alice, bob


def ask(alice: Peer, transport: str = "UDP", call_id: str = "c1", host: str = BOB) -> None:
    def act(now: Moment) -> None:
        draft = alice.role.request("OPTIONS", f"sip:bob@{BOB}", call_id)
        alice.role.send(draft, alice.target_to(host, 5060, transport), now)

    alice.call(act)


def delivered(network: VirtualNetwork, receiver: str = BOB) -> list[float]:
    return [round(time, 3) for time, _, to, _ in network.trace or [] if to == receiver]


def test_a_datagram_arrives_after_its_delay() -> None:
    network, alice, bob = pair(Faults(delay=(0.2, 0.2)))
    ask(alice)
    network.run()
    assert delivered(network) == [0.2]
    assert delivered(network, ALICE) == [0.4]
    assert (alice.role.statuses(), len(bob.role.requests)) == ([200], 1)


def test_lost_datagrams_are_sent_again_by_the_machines() -> None:
    network, alice, bob = pair(Faults(loss=1.0))
    ask(alice)
    network.run(3.0)
    network.faults.loss = 0.0
    network.run()
    assert delivered(network) == [3.501]
    assert alice.role.statuses() == [200]
    assert len(bob.role.requests) == 1


def test_doubled_datagrams_come_twice_and_are_answered_once_each() -> None:
    network, alice, bob = pair(Faults(duplication=1.0))
    ask(alice)
    network.run()
    assert len(delivered(network)) == 2
    assert len(bob.role.requests) == 1
    assert alice.role.statuses() == [200]


def test_datagrams_overtake_each_other() -> None:
    network, alice, bob = pair(Faults(delay=(0.0, 0.4)))
    for number in range(20):
        ask(alice, call_id=str(number))
    network.run()
    order = [request.call_id for request in bob.role.requests]
    assert sorted(order, key=int) == [str(number) for number in range(20)]
    assert order != sorted(order, key=int)


def test_half_of_many_is_lost_at_even_odds() -> None:
    network, alice, _ = pair(Faults(loss=0.5))
    for number in range(400):
        ask(alice, call_id=str(number))
    network.run(0.1)
    assert 150 < len(delivered(network)) < 250


def test_a_seeded_run_repeats_exactly_and_another_seed_differs() -> None:
    def trace(seed: int) -> list[tuple[float, str, str, bytes]]:
        network, alice, _ = pair(Faults(0.3, 0.2, (0.001, 0.3)), seed)
        for number in range(10):
            ask(alice, call_id=str(number))
        network.run()
        return network.trace or []

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)


def test_a_stream_is_opened_once_and_loses_nothing() -> None:
    network, alice, bob = pair(Faults(loss=1.0))
    ask(alice, "TCP", "one")
    ask(alice, "TCP", "two")
    network.run()
    assert alice.role.statuses() == [200, 200]
    assert (len(alice.streams), len(bob.streams)) == (1, 1)


@pytest.mark.parametrize("host", [BOB, "192.0.2.99"], ids=["crashed", "never there"])
def test_a_connection_to_nobody_is_refused(host: str) -> None:
    network, alice, bob = pair()
    bob.crash()
    ask(alice, "TCP", host=host)
    network.run()
    assert alice.role.ended == ["OPTIONS transport"]
    assert alice.role.closed[0] == "refused"


def test_a_crash_breaks_streams_and_swallows_datagrams() -> None:
    network, alice, bob = pair()
    ask(alice, "TCP")
    network.run(1.0)
    bob.crash()
    network.run(2.0)
    assert (alice.streams, bob.streams) == ({}, {})
    assert alice.role.closed == ["closed"]
    ask(alice, "UDP", "after")
    network.run()
    assert alice.role.ended[-1] == "OPTIONS timeout"


def test_a_restarted_host_is_another_with_identifiers_of_its_own() -> None:
    network, _, bob = pair()
    first = bob.stack.ids.branch()
    bob.crash()
    again = network.add(BOB, lambda stack: ScriptedPeer(stack, f"sip:bob@{BOB}"))
    assert network.nodes[(BOB, 5060)] is again
    assert again.stack.ids.branch() != first


def test_a_partition_cuts_both_ways_and_heals() -> None:
    network, alice, bob = pair()
    ask(alice, "TCP")
    network.run(1.0)
    network.partition({ALICE}, {BOB})
    network.run(2.0)
    assert (alice.role.closed, bob.role.closed) == (["closed"], ["closed"])
    ask(alice, "UDP", "cut")
    network.run(3.0)
    assert len(bob.role.requests) == 1
    network.heal()
    network.run()
    assert [request.call_id for request in bob.role.requests] == ["c1", "cut"]


def test_names_are_tried_in_their_order() -> None:
    network, alice, _ = pair()
    network.name("bob.example.com", ("192.0.2.7", 5070), (BOB, 5060))
    targets = network.resolve(alice, Query("bob.example.com"))
    assert [(target.host, target.port, target.transport) for target in targets] == [
        ("192.0.2.7", 5070, "UDP"),
        (BOB, 5060, "UDP"),
    ]
    assert network.resolve(alice, Query("nobody.example.com")) == []
    assert network.resolve(alice, Query("192.0.2.9", secure=True))[0].transport == "TLS"


def test_time_stops_where_it_is_told_to() -> None:
    network, alice, _ = pair(Faults(loss=1.0))
    ask(alice)
    assert network.run(10.0) == 10.0
    assert network.run() == pytest.approx(32.0)
