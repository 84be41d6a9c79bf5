"""The binding at a NAT is kept fresh while the callee rings: RFC 3581 3."""

from __future__ import annotations

import pytest

from offhook.flow import Flow
from offhook.sip.message import Response
from offhook.sip.serializer import reply
from offhook.sip.uri import parse_uri
from offhook.ua.nat_binding import is_translated
from tests.transaction.machines import FLOWS, received, request
from tests.ua.household import House, Script

PEER = parse_uri("sip:peer@192.0.2.9")
HERE = "received=192.0.2.1;rport=5060"
THERE = "received=203.0.113.9;rport=40000"


def seen_from(source: str, via: str = "SIP/2.0/UDP 192.0.2.1:5060") -> Response:
    made = reply(request("INVITE", Via=f"{via};branch=z9hG4bKone{source and ';'}{source}"), 180, None, "b")
    return received(made.response(), Response)


@pytest.mark.parametrize(
    ("source", "translated"),
    [
        (HERE, False),
        (THERE, True),
        ("received=192.0.2.1;rport=40000", True),
        ("received=203.0.113.9;rport=5060", True),
        ("received=203.0.113.9;rport", False),
        ("received=203.0.113.9", False),
        ("rport=40000", False),
        ("", False),
    ],
)
def test_a_nat_shows_in_the_via(source: str, translated: bool) -> None:
    assert is_translated(seen_from(source), FLOWS["UDP"]) is translated
    assert not is_translated(seen_from(source), FLOWS["TCP"])


def test_ipv6_addresses_are_compared_and_not_their_writing() -> None:
    flow = Flow("UDP", "udp:[2001:db8::1]:5060", ("2001:db8::1", 5060), ("2001:db8::2", 5060))
    for address, translated in (("2001:DB8:0::1", False), ("[2001:db8::1]", False), ("2001:db8::9", True)):
        assert is_translated(seen_from(f"received={address};rport=5060"), flow) is translated


def test_what_cannot_be_read_tells_of_nothing() -> None:
    assert not is_translated(seen_from(f"{THERE}, nonsense"), FLOWS["UDP"])


def ring(script: Script, source: str) -> None:
    _, transaction = script.requests[0]
    assert transaction is not None
    via = transaction.request.texts("Via")[0].partition(";")[0]
    via = f"{via};branch={transaction.request.branch};{source}"
    ringing = reply(transaction.request, 180, None, "peer").set("Via", via).response()
    assert script.node is not None
    script.node.call(lambda now: script.stack.respond(transaction, ringing, now))


@pytest.mark.rfc("3581 3 #4")
@pytest.mark.parametrize("status", [486, 200])
def test_behind_a_nat_the_invite_goes_again_every_20_seconds_until_the_answer(status: int) -> None:
    house = House()
    alice, script = house.phone("alice"), house.script()
    alice.invite(PEER)
    house.run(0.1)
    ring(script, THERE)
    house.run(61.0)
    assert house.log().count("1>9 INVITE") == 4
    assert len({invite.serialize() for invite in house.sent("INVITE")}) == 1
    assert len(script.requests) == 1
    script.respond(status, method="INVITE")
    house.run(130.0)
    assert house.log().count("1>9 INVITE") == 4


def test_a_cancelled_invite_waits_for_its_answer_behind_the_nat_too() -> None:
    house = House()
    alice, script = house.phone("alice"), house.script()
    call = alice.invite(PEER)
    house.run(0.1)
    ring(script, THERE)
    house.run(30.0)
    alice.do(call.hang_up)
    house.run(45.0)
    assert house.log().count("1>9 INVITE") == 3
    script.respond(487, method="INVITE")
    house.run(200.0)
    assert house.log().count("1>9 INVITE") == 3
    assert house.nothing_is_left()


@pytest.mark.parametrize("source", [HERE, "received=192.0.2.1"])
def test_without_a_nat_it_goes_once(source: str) -> None:
    house = House()
    alice, script = house.phone("alice"), house.script()
    alice.invite(PEER)
    house.run(0.1)
    ring(script, source)
    house.run(61.0)
    assert house.log().count("1>9 INVITE") == 1
