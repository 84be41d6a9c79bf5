"""What a request within a dialog is worth, by the hosts that its Route names: RFC 3261 16.3 step 6."""

from __future__ import annotations

import pytest

from offhook.errors import ProtocolError
from offhook.flow import Flow
from offhook.proxy import standing
from offhook.proxy.access import Standing
from offhook.proxy.record_route import OwnRoute
from offhook.proxy.standing import _MOST_MOVED, Standings
from offhook.sip.message import Request
from tests.proxy.requests import request
from tests.proxy.wiring import PROXY, World

ALICE, BOB, EVE = "192.0.2.1", "192.0.2.101", "198.51.100.66"
OUTSIDE, CLAIMED, BOUND, KNOWN = Standing


def standings() -> Standings:
    return World().proxy.role.proxy.standings


def came_from(host: str, port: int = 5060) -> Flow:
    return Flow("UDP", f"udp:{PROXY}:5060", (PROXY, 5060), (host, port))


def routed(sides: str, by_caller: bool = True, flow: Flow | None = None, leads_on: bool = False) -> OwnRoute:
    return OwnRoute(1, flow, True, leads_on).between(by_caller, sides, sides, False)


def bye(uri: str = f"sip:bob@{BOB}", **headers: str) -> Request:
    return request("BYE", uri, **{"From": "<sip:eve@foreign.example>;tag=a", "To": "<sip:bob@x>;tag=b", **headers})


OURS = "<sip:alice@example.com>;tag=a"
BOTH = f"{ALICE}/{BOB}"
ELSEWHERE = "sip:x@203.0.113.7"


def test_all_names_exist() -> None:
    assert all(hasattr(standing, name) for name in standing.__all__)


@pytest.mark.parametrize(
    ("sides", "by_caller", "source", "uri", "sender", "expected"),
    [
        # From one of ours, wherever it goes and whoever it says to be.
        (BOTH, True, ALICE, ELSEWHERE, "", KNOWN),
        (BOTH, False, BOB, ELSEWHERE, OURS, KNOWN),
        (BOTH, True, BOB, ELSEWHERE, "", CLAIMED),
        (f"{ALICE}+{EVE}/", True, EVE, ELSEWHERE, "", CLAIMED),
        # To one of ours, whoever it is from.
        (BOTH, True, EVE, f"sip:bob@{BOB}:5070", "", BOUND),
        (f"/{BOB}", True, EVE, f"sip:bob@{BOB}", "", BOUND),
        (f"/{BOB}+bob.example.net", True, EVE, "sip:b@BOB.example.net", "", BOUND),
        (f"/{BOB}", True, EVE, f"sip:x@elsewhere.example;maddr={BOB}", "", BOUND),
        (f"{ALICE}/", False, EVE, f"sip:alice@{ALICE}", "", BOUND),
        # A callee may bear an address of ours, a caller who was a stranger may not.
        (f"{ALICE}/", False, EVE, f"sip:alice@{ALICE}", OURS, BOUND),
        (BOTH, True, EVE, f"sip:bob@{BOB}", OURS, BOUND),
        (f"/{BOB}", True, EVE, f"sip:bob@{BOB}", OURS, CLAIMED),
        # From nobody to nobody.
        (f"/{BOB}", True, EVE, ELSEWHERE, "", CLAIMED),
        (f"/{BOB}", True, EVE, f"sip:bob@{BOB};maddr=203.0.113.7", "", CLAIMED),
        (f"{ALICE}/", True, EVE, f"sip:alice@{ALICE}", "", CLAIMED),
        ("", True, EVE, ELSEWHERE, "", CLAIMED),
        ("", False, EVE, ELSEWHERE, OURS, CLAIMED),
    ],
)
def test_a_request_is_from_one_of_ours_or_goes_to_one(
    sides: str, by_caller: bool, source: str, uri: str, sender: str, expected: Standing
) -> None:
    asked = bye(uri, **({"From": sender} if sender else {}))
    assert standings().of(asked, came_from(source), routed(sides, by_caller)) is expected


def test_without_proof_there_is_no_dialog() -> None:
    assert standings().of(bye(), came_from(ALICE), OwnRoute(1)) is OUTSIDE


@pytest.mark.parametrize(("route", "expected"), [(BOB, BOUND), ("203.0.113.7", CLAIMED)])
@pytest.mark.parametrize("lr", [";lr", ""])
def test_the_next_hop_is_the_route_that_is_left(route: str, expected: Standing, lr: str) -> None:
    asked = bye(f"sip:bob@{BOB}", Route=f"<sip:{PROXY};lr>, <sip:{route}{lr}>")
    assert standings().of(asked, came_from(EVE), routed(f"/{BOB}", leads_on=True)) is expected


@pytest.mark.parametrize(
    ("flow", "uri", "expected"),
    [
        (came_from(EVE), ELSEWHERE, BOUND),
        # A connection that is gone, and one that sips cannot take, are not the way that is gone.
        (Flow("TCP", "t", (PROXY, 5060), (EVE, 4000), "0", 7, accepted=True), ELSEWHERE, CLAIMED),
        (came_from(EVE), "sips:x@203.0.113.7", CLAIMED),
    ],
)
def test_a_flow_leads_nowhere_else(flow: Flow, uri: str, expected: Standing) -> None:
    assert standings().of(bye(uri), came_from(EVE), routed("", flow=flow)) is expected


def test_what_comes_back_from_ourselves_is_nobodys() -> None:
    judge = standings()
    at_ours = routed(f"{PROXY}/{BOB}")
    assert judge.of(bye(ELSEWHERE), came_from(PROXY, 5080), at_ours) is KNOWN
    assert judge.of(bye(ELSEWHERE), came_from(PROXY), at_ours) is OUTSIDE
    assert judge.of(bye(), came_from(PROXY), at_ours) is BOUND


def test_where_nothing_leads_is_refused_as_ever() -> None:
    with pytest.raises(ProtocolError) as error:
        standings().of(bye("tel:+1555"), came_from(EVE), routed(f"/{BOB}"))
    assert error.value.status == 404


def test_who_moved_is_known_at_its_new_address() -> None:
    judge = standings()
    asked, sides = bye(ELSEWHERE), routed(f"{ALICE}/")
    judge.vouch(asked, came_from(EVE))
    assert judge.of(asked, came_from(EVE), sides) is KNOWN
    assert judge.of(asked, came_from("198.51.100.67"), sides) is CLAIMED
    assert judge.of(bye(ELSEWHERE, **{"Call-ID": "another"}), came_from(EVE), sides) is CLAIMED
    assert judge.of(bye(ELSEWHERE, From="<sip:e@x>;tag=other"), came_from(EVE), sides) is CLAIMED
    assert judge.of(asked, came_from(EVE), OwnRoute(1)) is OUTSIDE


def test_what_is_remembered_of_who_moved_is_bounded() -> None:
    judge = standings()
    asked, sides = bye(ELSEWHERE), routed(f"{ALICE}/")
    judge.vouch(bye(**{"Call-ID": "c" * 129}), came_from(EVE))
    judge.vouch(bye(From=f"<sip:e@x>;tag={'t' * 129}"), came_from(EVE))
    assert not judge._moved
    judge.vouch(asked, came_from(EVE))
    for number in range(2 * _MOST_MOVED):
        assert judge.of(asked, came_from(EVE), sides) is KNOWN
        judge.vouch(bye(**{"Call-ID": f"call-{number}"}), came_from(EVE))
    assert judge.of(asked, came_from(EVE), sides) is CLAIMED
    assert len(judge._moved) <= 2 * _MOST_MOVED
