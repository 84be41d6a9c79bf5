"""The virtual network: faults of datagrams, streams, partitions, crashes, and runs that repeat exactly."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from offhook.clock import Moment
from offhook.flow import Flow, Query
from offhook.sip.serializer import Draft, new_request, reply
from offhook.stack import Stack
from offhook.testing.network import Faults, VirtualNetwork, VirtualNode
from offhook.transaction.effects import Effect, Ended, FlowClosed, RequestReceived, Resolved, ResponseReceived
from offhook.transaction.timers import TimerValues

ROOT = Path(__file__).resolve().parents[2]
ALICE, BOB = "192.0.2.1", "192.0.2.2"


class Listener:
    """A role that notes what it hears, with the time, and answers nothing."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.heard: list[tuple[float, str]] = []

    def receive(self, event: Effect, now: Moment) -> None:
        if isinstance(event, RequestReceived):
            text = f"{event.request.method} {event.request.cseq_number}"
        elif isinstance(event, ResponseReceived):
            text = str(event.response.status)
        elif isinstance(event, Ended):
            text = f"{event.transaction.request.method} ended by {event.cause}"
        elif isinstance(event, FlowClosed):
            text = f"closed: {event.reason}"
        elif isinstance(event, Resolved):
            text = f"resolved {len(event.targets)}"
        else:
            text = type(event).__name__
        self.heard.append((round(now.monotonic, 6), text))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.heard]


class Echo(Listener):
    """One that answers everything with 200 at once."""

    def receive(self, event: Effect, now: Moment) -> None:
        super().receive(event, now)
        if isinstance(event, RequestReceived) and event.request.method != "ACK":
            transaction = self.stack.accept(event.request, event.flow, now)
            self.stack.respond(transaction, reply(event.request, 200, None, "e").response(), now)


def message(number: int = 1, size: int = 0) -> Draft:
    draft = new_request("MESSAGE", f"sip:bob@{BOB}").add("From", f"<sip:alice@{ALICE}>;tag=a")
    draft.add("To", f"<sip:bob@{BOB}>").add("Call-ID", f"call-{number}").add("CSeq", f"{number} MESSAGE")
    return draft.body(b"x" * size, "text/plain") if size else draft


def pair(
    faults: Faults | None = None, seed: int = 1, echo: bool = False
) -> tuple[VirtualNetwork, VirtualNode[Listener], VirtualNode[Listener]]:
    network = VirtualNetwork(seed, faults, trace=True)
    bob: Callable[[Stack], Listener] = Echo if echo else Listener
    return network, network.add(ALICE, Listener), network.add(BOB, bob)


def send(node: VirtualNode[Listener], number: int = 1, transport: str = "UDP", size: int = 0) -> None:
    """One datagram, or octets over a stream: without a transaction that would send again."""
    target = node.target_to(BOB, 5060, transport)

    def act(now: Moment) -> None:
        via = f"SIP/2.0/{transport} {target.sent_by};branch=z9hG4bK{number}"
        node.stack.transmit(message(number, size).prepend("Via", via).request(), target)

    node.call(act)


# Datagrams


def test_a_datagram_takes_its_time() -> None:
    network, alice, bob = pair(Faults(delay=(0.25, 0.25)))
    send(alice)
    assert bob.role.heard == []
    assert network.run() == 0.25
    assert bob.role.heard == [(0.25, "MESSAGE 1")]
    assert [(when, sender, to) for when, sender, to, _ in network.trace or []] == [(0.25, ALICE, BOB)]


@pytest.mark.parametrize(("loss", "arrived"), [(0.0, (400, 400)), (0.2, (290, 350)), (1.0, (0, 0))])
def test_datagrams_get_lost(loss: float, arrived: tuple[int, int]) -> None:
    network, alice, bob = pair(Faults(loss=loss))
    for number in range(400):
        send(alice, number)
    network.run()
    assert arrived[0] <= len(bob.role.heard) <= arrived[1]


@pytest.mark.parametrize(("duplication", "arrived"), [(0.0, (400, 400)), (0.2, (450, 510)), (1.0, (800, 800))])
def test_datagrams_are_doubled(duplication: float, arrived: tuple[int, int]) -> None:
    network, alice, bob = pair(Faults(duplication=duplication))
    for number in range(400):
        send(alice, number)
    network.run()
    assert arrived[0] <= len(bob.role.heard) <= arrived[1]


def test_a_wide_span_of_delay_lets_datagrams_overtake_each_other() -> None:
    network, alice, bob = pair(Faults(delay=(0.001, 0.5)))
    for number in range(100):
        send(alice, number)
    network.run()
    assert bob.role.texts != sorted(bob.role.texts, key=lambda text: int(text.split()[1]))
    assert sorted(bob.role.texts) == sorted(f"MESSAGE {number}" for number in range(100))
    assert all(0.001 <= when <= 0.5 for when, _ in bob.role.heard)


def test_what_is_sent_to_nobody_is_lost() -> None:
    network = VirtualNetwork()
    alice = network.add(ALICE, Listener)
    send(alice)
    assert (network.run(), alice.role.heard) == (0.001, [])


def test_faults_may_change_while_it_runs() -> None:
    network, alice, bob = pair(Faults(loss=1.0))
    send(alice, 1)
    network.faults = Faults()
    send(alice, 2)
    network.run()
    assert bob.role.texts == ["MESSAGE 2"]


# Streams


def test_a_stream_keeps_the_order_and_loses_nothing() -> None:
    network, alice, bob = pair(Faults(loss=1.0, duplication=1.0, delay=(0.1, 0.9)))
    for number in range(50):
        send(alice, number, "TCP")
    network.run()
    assert bob.role.heard == [(0.1, f"MESSAGE {number}") for number in range(50)]
    assert (len(alice.streams), len(bob.streams)) == (1, 1)


def test_the_ends_of_a_stream_are_flows_of_their_own_nodes() -> None:
    network, alice, bob = pair(echo=True)
    alice.call(lambda now: act_send(alice, now, "TCP"))
    network.run(1.0)
    (accepted,) = [flow for _, flow in alice.streams.values()]
    (opened,) = [flow for _, flow in bob.streams.values()]
    assert (accepted.accepted, opened.accepted) == (True, False)
    assert accepted.origin != opened.origin
    assert (accepted.local, opened.remote) == ((BOB, 5060), (BOB, 5060))
    assert alice.role.texts == ["200", "MESSAGE ended by terminated"]


def act_send(node: VirtualNode[Listener], now: Moment, transport: str = "UDP", host: str = BOB) -> None:
    node.stack.send(message(), node.target_to(host, 5060, transport), now)


def test_a_connection_to_nobody_is_refused() -> None:
    network = VirtualNetwork()
    alice = network.add(ALICE, Listener)
    alice.call(lambda now: act_send(alice, now, "TCP"))
    network.run()
    assert alice.role.texts == ["MESSAGE ended by transport", "closed: refused"]


def test_a_stream_is_closed_behind_what_was_sent() -> None:
    network, alice, bob = pair()
    send(alice, 1, "TCP")
    (flow,) = [flow for _, flow in bob.streams.values()]
    alice.call(lambda now: alice.stack.close(flow))
    network.run()
    assert bob.role.texts == ["MESSAGE 1", "closed: closed"]
    assert alice.role.texts == ["closed: closed"]
    assert (alice.streams, bob.streams) == ({}, {})


def test_what_is_under_way_to_an_end_that_closed_is_lost() -> None:
    network, alice, bob = pair(Faults(delay=(0.2, 0.2)))
    send(alice, 1, "TCP")
    (accepted,) = [flow for _, flow in alice.streams.values()]
    bob.call(lambda now: bob.stack.close(accepted))
    network.run()
    assert bob.role.texts == ["closed: closed"]
    assert alice.role.texts == ["closed: closed"]


def test_octets_for_a_stream_that_is_gone_fail() -> None:
    network, alice, _ = pair()
    gone = Flow("TCP", f"tcp:{ALICE}:5060", (ALICE, 5060), (BOB, 5060), "0", 99)
    alice.call(lambda now: alice.stack.transmit(message().request(), alice.stack.target_over(gone)))
    network.run()
    assert alice.role.texts == ["closed: not connected"]


# Partitions


def test_a_partition_cuts_both_ways_until_it_is_healed() -> None:
    network, alice, bob = pair()
    network.partition({ALICE}, {BOB})
    send(alice, 1)
    network.run()
    assert bob.role.heard == []
    network.heal()
    send(alice, 2)
    network.run()
    assert bob.role.texts == ["MESSAGE 2"]


def test_a_partition_breaks_streams_and_refuses_new_ones() -> None:
    network, alice, bob = pair()
    send(alice, 1, "TCP")
    network.run()
    send(alice, 2, "TCP")
    network.partition({BOB}, {ALICE})
    network.run()
    assert bob.role.texts == ["MESSAGE 1", "closed: closed"]
    assert alice.role.texts == ["closed: closed"]
    alice.call(lambda now: act_send(alice, now, "TCP"))
    network.run()
    assert alice.role.texts[1:] == ["MESSAGE ended by transport", "closed: refused"]


def test_others_do_not_notice_a_partition() -> None:
    network, alice, bob = pair()
    network.add("192.0.2.3", Listener)
    network.partition({ALICE}, {"192.0.2.3"})
    send(alice)
    network.run()
    assert bob.role.texts == ["MESSAGE 1"]


# Crashes


def test_a_crashed_host_hears_nothing_and_does_nothing() -> None:
    network, alice, bob = pair(echo=True)
    bob.stack.start_timer(1.0, bob.role, "later", network.clock.now())
    bob.crash()
    send(alice)
    network.run(10.0)
    assert (bob.role.heard, alice.role.heard, bob.alive) == ([], [], False)


def test_the_streams_of_a_crashed_host_break() -> None:
    network, alice, bob = pair()
    send(alice, 1, "TCP")
    bob.crash()
    network.run()
    assert (alice.role.texts, bob.role.heard) == (["closed: closed"], [])


def test_a_restarted_host_knows_nothing_and_repeats_nothing() -> None:
    network, alice, bob = pair(echo=True)
    alice.call(lambda now: act_send(alice, now))
    network.run(0.5)
    before = bob.stack.ids.tag()
    again = bob.restart()
    assert (bob.alive, again.alive, again.host, again.role.heard) == (False, True, BOB, [])
    assert again.stack.ids.tag() != before
    assert again.stack.ids.origin != bob.stack.ids.origin
    send(alice, 2)
    network.run()
    assert again.role.texts[0] == "MESSAGE 2"


def test_a_datagram_reaches_whoever_stands_at_the_address_when_it_arrives() -> None:
    network, alice, bob = pair(Faults(delay=(1.0, 1.0)))
    send(alice)
    again = bob.restart()
    network.run()
    assert (bob.role.heard, again.role.texts) == ([], ["MESSAGE 1"])


# Names, time, and the whole


def test_names_stand_for_addresses() -> None:
    network, alice, _ = pair(echo=True)
    network.name("example.com", (BOB, 5060), ("192.0.2.3", 5070))
    targets = alice.stack.resolve(Query("example.com"), alice.role, None)
    assert [(target.host, target.port, target.transport) for target in targets or []] == [
        (BOB, 5060, "UDP"),
        ("192.0.2.3", 5070, "UDP"),
    ]
    assert [target.stream.transport for target in targets or [] if target.stream is not None] == ["TCP", "TCP"]


def test_a_name_that_nobody_has_is_not_found() -> None:
    network, alice, _ = pair()

    def ask(now: Moment) -> None:
        assert alice.stack.resolve(Query("nobody.example"), alice.role, None) is None

    alice.call(ask)
    network.run()
    assert alice.role.texts == ["resolved 0"]


def test_time_passes_only_as_far_as_it_is_told() -> None:
    network, alice, bob = pair(Faults(delay=(1.0, 1.0)))
    send(alice)
    assert network.run(0.5) == 0.5
    assert bob.role.heard == []
    assert network.run(2.0) == 2.0
    assert bob.role.heard == [(1.0, "MESSAGE 1")]


def test_timers_of_the_engine_fire_in_virtual_time() -> None:
    network = VirtualNetwork()
    alice = network.add(ALICE, Listener, values=TimerValues(t1=0.25))
    alice.call(lambda now: act_send(alice, now))
    assert network.run() == 16.0
    assert alice.role.heard == [(16.0, "MESSAGE ended by timeout")]


def test_something_can_be_let_happen_later() -> None:
    network, alice, bob = pair()
    network.at(5.0, alice, lambda: act_send(alice, network.clock.now()))
    network.run(5.5)
    assert [when for when, _ in bob.role.heard] == [5.001]


def run(seed: int) -> list[tuple[float, str, str, bytes]]:
    """A little of everything on a bad network; all that was delivered."""
    network, alice, _ = pair(Faults(0.2, 0.2, (0.001, 0.8)), seed, echo=True)
    for number in range(20):
        network.at(number * 1.0, alice, lambda: act_send(alice, network.clock.now()))
    network.at(3.0, alice, lambda: act_send(alice, network.clock.now(), "TCP"))
    network.at(8.0, alice, lambda: network.partition({ALICE}, {BOB}))
    network.at(10.0, alice, network.heal)
    network.run()
    return network.trace or []


def test_a_seed_repeats_a_run_exactly() -> None:
    first = run(5)
    assert len(first) > 40
    assert run(5) == first
    assert run(6) != first


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_repeats_a_run_in_another_process(hash_seed: str) -> None:
    code = "from tests.testing.test_network import run; print(repr(run(5)))"
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == repr(run(5))


def test_requests_are_seen_as_they_were_sent() -> None:
    network, alice, bob = pair()
    send(alice, 3, size=2000)
    network.run()
    [(_, _, _, data)] = network.trace or []
    assert data.endswith(b"\r\n\r\n" + b"x" * 2000)
    assert bob.role.texts == ["MESSAGE 3"]
