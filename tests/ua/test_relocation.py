"""Calls whose end gets another address, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.errors import TransportFailed
from offhook.flow import Query, Target
from offhook.sdp.negotiate import Capabilities
from offhook.sip.uri import parse_uri
from offhook.stack import CLOSED
from offhook.testing.network import VirtualNetwork, VirtualNode
from offhook.ua.relocation import LONGEST
from tests.ua.household import House, Phone, sdp

OLD, NEW = "192.0.2.1", "192.0.2.77"


class Pair:
    """Alice, who moves, and Bob, with a call between them that stands."""

    def __init__(self, caller: str = "alice") -> None:
        self.house = House()
        self.alice = self.house.phone("alice")
        self.bob = self.house.phone("bob")
        self.addressless = False
        self.house.network.resolve = self.resolve  # type: ignore[method-assign]
        first, second = (self.alice, self.bob) if caller == "alice" else (self.bob, self.alice)
        self.call = first.invite(second.uri)
        self.pass_time(0.1)
        second.answer()
        self.pass_time(1.0)
        assert self.alice.heard[-1:] == self.bob.heard[-1:] == ["answered"]

    def pass_time(self, seconds: float) -> None:
        self.house.run(self.house.now + seconds)

    def take_address(self, host: str = NEW) -> None:
        """Alice's machine is at another address; nothing arrives at the old one any more."""
        self.lose_address()
        self.addressless = False
        self.alice.node.host = host
        self.house.network.nodes[host, 5060] = self.alice.node

    def lose_address(self) -> None:
        """Alice's machine has no address, and no way to anybody."""
        self.house.network.nodes.pop((self.alice.node.host, 5060), None)
        self.addressless = True

    def resolve(self, node: VirtualNode[Any], query: Query) -> list[Target]:
        if self.addressless and node is self.alice.node:
            return []
        return VirtualNetwork.resolve(self.house.network, node, query)

    def notice(self, *hosts: str) -> None:
        self.alice.do(lambda now: self.alice.core.moved(frozenset(hosts), now))
        self.pass_time(1.0)

    def shown(self, phone: Phone) -> str:
        """Where a phone believes the other's media to be."""
        session = phone.port.sessions[-1].streams[0].remote
        assert session is not None
        return session.host


@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_the_call_goes_on_from_the_new_address(caller: str) -> None:
    pair = Pair(caller)
    assert pair.shown(pair.bob) == OLD
    pair.take_address()
    pair.notice(NEW)
    reinvite = pair.house.sent("INVITE")[-1]
    assert reinvite.text("Contact") == f"<sip:alice@{NEW}:5060>"
    assert pair.shown(pair.bob) == NEW
    # What Bob sends arrives there now.
    pair.bob.do(pair.bob.core.hang_up_all)
    pair.pass_time(40)
    assert pair.alice.heard[-1] == "ended: PEER_HUNG_UP"
    assert pair.house.nothing_is_left()


def test_the_origin_of_the_description_stays_the_same() -> None:
    """RFC 3264 8: its address too; only the version is counted up."""
    pair = Pair()
    before = pair.house.sent("INVITE")[-1].body
    pair.take_address()
    pair.notice(NEW)
    origins = [
        next(line for line in body.split(b"\r\n") if line[:2] == b"o=")
        for body in (before, pair.house.sent("INVITE")[-1].body)
    ]
    words = [origin.split() for origin in origins]
    assert words[0][5] == words[1][5] == OLD.encode()
    assert int(words[1][2]) == int(words[0][2]) + 1


def test_other_addresses_are_no_reason_to_move() -> None:
    pair = Pair()
    before = len(pair.house.sent("INVITE"))
    pair.notice(OLD, NEW)
    assert len(pair.house.sent("INVITE")) == before


def test_a_call_waits_for_an_address_and_goes_on() -> None:
    pair = Pair()
    pair.lose_address()
    pair.notice()
    pair.pass_time(LONGEST - 5)
    pair.take_address()
    pair.notice(NEW)
    pair.pass_time(LONGEST)
    assert pair.shown(pair.bob) == NEW
    assert pair.alice.heard[-1] == "answered"


def test_an_address_that_comes_back_is_no_change() -> None:
    pair = Pair()
    before = len(pair.house.sent("INVITE"))
    pair.notice()
    pair.notice(OLD)
    pair.pass_time(LONGEST)
    assert len(pair.house.sent("INVITE")) == before
    assert pair.alice.heard[-1] == "answered"


def test_a_call_without_a_way_is_over_after_a_while() -> None:
    pair = Pair()
    pair.lose_address()
    pair.notice()
    pair.pass_time(LONGEST + 33)
    assert pair.alice.heard[-1] == "ended: LOST"
    assert pair.alice.left == (0, 0, 0, 0, 0)


def test_a_peer_that_refuses_the_new_address_is_hung_up_on() -> None:
    house = House()
    alice, peer = house.phone("alice"), house.script()
    call = alice.invite(parse_uri("sip:peer@192.0.2.9"))
    house.run(0.1)
    peer.respond(200, body=sdp())
    house.run(0.5)
    house.network.nodes.pop((OLD, 5060))
    alice.node.host = NEW
    house.network.nodes[NEW, 5060] = alice.node
    alice.do(lambda now: alice.core.moved(frozenset([NEW]), now))
    house.run(1.0)
    peer.respond(488, method="INVITE")
    house.run(1.5)
    assert peer.methods()[-1] == "BYE"
    assert alice.heard[-1] == "ended: LOST"
    assert call.end is not None
    assert call.end.reason is not None
    assert "488" in call.end.reason


def test_a_change_under_way_comes_first() -> None:
    pair = Pair()
    done: list[object] = []
    pair.alice.do(lambda now: pair.call.hold(True, lambda error, now: done.append(error), now))
    pair.take_address()
    # For a moment the old one is there too.
    pair.house.network.nodes[OLD, 5060] = pair.alice.node
    pair.notice(NEW)
    assert done == [None]
    pair.pass_time(1.0)
    assert pair.shown(pair.bob) == NEW
    assert pair.bob.heard[-1] == "held"


def test_without_a_port_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = Pair()
    port, lacks = pair.alice.port, [True, True]
    capabilities = port.capabilities

    def poor(local: str, shown: str) -> Capabilities:
        if lacks:
            lacks.pop()
            raise TransportFailed("no free pair of RTP ports")
        return capabilities(local, shown)

    monkeypatch.setattr(port, "capabilities", poor)
    pair.take_address()
    pair.notice(NEW)
    pair.pass_time(2.5)
    assert pair.shown(pair.bob) == NEW


def test_an_address_that_goes_again_at_once_is_followed_too() -> None:
    """The re-INVITE from the second address cannot be answered; the one from the third is."""
    pair = Pair()
    pair.take_address()
    nodes = pair.house.network.nodes
    pair.alice.do(lambda now: pair.alice.core.moved(frozenset([NEW]), now))
    third = "192.0.2.78"
    pair.take_address(third)
    # As a driver does when it finds that an address is gone.
    stack = pair.alice.node.stack
    transaction = list(stack.transactions.clients.values())[-1]
    pair.alice.do(lambda now: stack.flow_changed(transaction.flow, CLOSED, "no address of this machine", now))
    pair.notice(third)
    pair.pass_time(5.0)
    assert (third, 5060) in nodes
    assert pair.shown(pair.bob) == third
    assert pair.alice.heard[-1] == "answered"


def test_the_first_address_may_come_back_after_a_try_from_another() -> None:
    pair = Pair()
    pair.house.network.partition({OLD, NEW}, {"192.0.2.2"})
    pair.take_address()
    pair.alice.do(lambda now: pair.alice.core.moved(frozenset([NEW]), now))
    stack = pair.alice.node.stack
    transaction = list(stack.transactions.clients.values())[-1]
    pair.alice.do(lambda now: stack.flow_changed(transaction.flow, CLOSED, "no address of this machine", now))
    pair.take_address(OLD)
    pair.house.network.heal()
    pair.notice(OLD)
    pair.pass_time(LONGEST + 1)
    assert pair.shown(pair.bob) == OLD
    assert pair.alice.heard[-1] == "answered"
    pair.bob.do(pair.bob.core.hang_up_all)
    pair.pass_time(40)
    assert pair.house.nothing_is_left()


def test_a_call_that_was_hung_up_goes_nowhere() -> None:
    pair = Pair()
    pair.lose_address()
    pair.notice()
    pair.alice.do(pair.alice.core.hang_up_all)
    before = len(pair.house.sent("INVITE"))
    pair.take_address()
    pair.notice(NEW)
    pair.pass_time(40)
    assert len(pair.house.sent("INVITE")) == before
    assert pair.alice.left == (0, 0, 0, 0, 0)
