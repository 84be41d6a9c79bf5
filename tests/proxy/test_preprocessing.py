"""Route information preprocessing (RFC 3261 16.4), as peers see it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.ids import IdSource
from offhook.proxy import preprocessing
from offhook.proxy.access import Standing
from offhook.proxy.own import OwnNames
from offhook.proxy.preprocessing import preprocess
from offhook.sip.message import Request
from offhook.sip.serializer import Draft, new_request
from offhook.stack import Stack
from tests.proxy.wiring import PROXY, World


def test_all_names_exist() -> None:
    assert all(hasattr(preprocessing, name) for name in preprocessing.__all__)


def routed(*routes: str) -> Callable[[Draft], object]:
    def edit(draft: Draft) -> None:
        for route in routes:
            draft.add("Route", route)

    return edit


def meant(uri: str, *routes: str, way: str = "UDP", port: int = 5060) -> Request:
    own = OwnNames(frozenset(("example.com",)))
    own.add(PROXY, 5060)
    own.add("2001:db8::10", 5060)
    own.add(PROXY, 5061)
    own.add("sip.example.com", 5099)
    draft = new_request("INVITE", uri).add("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx").add("Call-ID", "c")
    routed(*routes)(draft)
    flow = Flow(way, f"{way.lower()}:{PROXY}:{port}", (PROXY, port), ("192.0.2.1", 5060), "0", 0 if way == "UDP" else 1)
    stack = Stack(IdSource.seeded("maddr"), b"secret", lambda query: None)
    stack.advertised[f"udp:{PROXY}:5070"] = "sip.example.com:5099"
    return preprocess(draft.request(), flow, own, stack)


@pytest.mark.rfc("3261 16.4", "3261 16.4 #6", "3261 16.6 #6")
@pytest.mark.parametrize("routes", [[f"<sip:{PROXY};lr>"], ["<sip:example.com;lr>"], [f"<sip:{PROXY};lr>"] * 3])
def test_a_first_route_to_us_changes_nothing_but_itself(routes: list[str]) -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.send(edit=routed(*routes))
    world.run(1.0)
    assert world.statuses() == [200]
    assert phone.role.requests[0].request_uri == phone.role.contact
    assert phone.role.requests[0].routes == []
    assert world.proxy.role.gate.standings == [Standing.OUTSIDE]


def test_a_route_beyond_us_is_gone_before_anything_is_looked_up() -> None:
    world = World()
    world.callee((0.1, 200))
    service = world.callee((0.1, 200))
    world.directory.bindings["sip:bob@example.com"].pop()
    world.send(edit=routed(f"<sip:{PROXY};lr>", f"<sip:{service.host};lr>"))
    world.run(1.0)
    assert world.statuses() == [200]
    assert world.callees[0].role.requests == []
    assert service.role.requests[0].request_uri == "sip:bob@example.com"
    assert [str(route) for route in service.role.requests[0].routes] == [f"<sip:{service.host};lr>"]


def test_a_route_beyond_us_keeps_a_stateless_domain_from_choosing() -> None:
    world = World()
    world.callee((0.1, 200))
    service = world.callee((0.1, 200))
    world.proxy.role.domain.stateless = True
    world.send(edit=routed(f"<sip:{service.host};lr>"))
    world.run(1.0)
    assert world.statuses() == [200]
    assert service.role.requests[0].request_uri == "sip:bob@example.com"


@pytest.mark.rfc("3261 16.4 #6", "3261 16.11 #3")
def test_a_first_route_to_us_is_taken_off_without_state_too() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.proxy.role.domain.stateless = True
    world.send(edit=routed(f"<sip:{PROXY};lr>"))
    world.run(1.0)
    assert world.statuses() == [200]
    assert phone.role.requests[0].routes == []


@pytest.mark.rfc("3261 16.4", "3261 16.4 #1", "3261 16.4 #2", "3261 16.4 #3")
@pytest.mark.parametrize("method", ["BYE", "ACK"])
def test_a_strict_router_before_us_is_understood(method: str) -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.send()
    world.run(1.0)
    [ours] = [route.uri.serialize() for route in world.alice.role.responses[-1].record_routes]

    def act(now: Moment) -> None:
        draft = world.alice.role.request(method, ours, "c1", 2 if method == "BYE" else 1, "b101")
        draft.set("To", "<sip:bob@example.com>;tag=b101").add("Route", f"<{phone.role.contact}>")
        target = world.alice.target_to(PROXY, 5060)
        if method == "ACK":
            world.alice.role.stack.send_ack(draft, target)
        else:
            world.alice.role.send(draft, target, now)

    world.alice.call(act)
    world.run(2.0)
    seen = phone.role.requests[-1]
    assert (seen.method, seen.request_uri, seen.routes) == (method, phone.role.contact, [])
    assert world.proxy.role.gate.standings == [Standing.OUTSIDE, Standing.BOUND]


@pytest.mark.rfc("3261 16.4", "3261 16.4 #4", "3261 16.4 #5")
@pytest.mark.parametrize(
    ("uri", "way", "port", "expected"),
    [
        (f"sip:carol@foreign.example;maddr={PROXY}", "UDP", 5060, "sip:carol@foreign.example"),
        (
            f"sip:carol@foreign.example:5060;transport=tcp;MADDR={PROXY};x=y",
            "TCP",
            5060,
            "sip:carol@foreign.example;x=y",
        ),
        ("sip:carol@[2001:db8::77]:5060;maddr=[2001:db8::10]", "UDP", 5060, "sip:carol@[2001:db8::77]"),
        (f"sips:carol@foreign.example;maddr={PROXY}", "TLS", 5061, "sips:carol@foreign.example"),
        (f"sips:carol@foreign.example;transport=tcp;maddr={PROXY}", "TLS", 5061, "sips:carol@foreign.example"),
        # What others call a listener, at the port that they use.
        ("sip:carol@foreign.example:5099;maddr=sip.example.com", "UDP", 5070, "sip:carol@foreign.example"),
        # The DNS has said which transport and port a name means.
        ("sip:carol@foreign.example;maddr=example.com", "TCP", 5070, "sip:carol@foreign.example"),
        ("sip:carol@foreign.example;transport=tcp;maddr=example.com", "TCP", 5070, "sip:carol@foreign.example"),
    ],
)
def test_a_maddr_of_ours_has_no_further_meaning(uri: str, way: str, port: int, expected: str) -> None:
    assert meant(uri, way=way, port=port).request_uri == expected


@pytest.mark.rfc("3261 16.4 #5")
@pytest.mark.parametrize(
    ("uri", "way", "port"),
    [
        (f"sip:carol@foreign.example;maddr={PROXY}", "TCP", 5060),
        (f"sip:carol@foreign.example;maddr={PROXY}", "UDP", 5061),
        (f"sip:carol@foreign.example;transport=tcp;maddr={PROXY}", "UDP", 5060),
        (f"sips:carol@foreign.example;maddr={PROXY}", "UDP", 5060),
        ("sip:carol@foreign.example;transport=tcp;maddr=example.com", "UDP", 5060),
        ("sip:carol@foreign.example:5060;maddr=example.com", "TCP", 5060),
    ],
)
def test_a_maddr_of_ours_is_left_where_it_names_another_way_to_us(uri: str, way: str, port: int) -> None:
    assert meant(uri, way=way, port=port).request_uri == uri


@pytest.mark.rfc("3261 16.4 #1", "3261 16.4 #4")
@pytest.mark.parametrize(
    ("uri", "routes"),
    [
        ("sip:bob@example.com", []),
        ("sip:bob@example.com", [f"<sip:{PROXY};lr>"]),
        ("sip:carol@foreign.example;maddr=192.0.2.99", []),
        (f"sip:carol@foreign.example:5999;maddr={PROXY}", []),
        (f"sip:{PROXY};lr;oh-mac=00", []),
        ("sip:foreign.example;lr;oh-mac=00", ["<sip:bob@192.0.2.101>"]),
        ("sip:oh-mac@example.com", ["<sip:bob@192.0.2.101>"]),
        ("tel:+1;maddr=oh-mac", ["<sip:bob@192.0.2.101>"]),
    ],
)
def test_what_is_written_as_it_is_meant_stays_the_same(uri: str, routes: list[str]) -> None:
    request = meant(uri, *routes)
    assert (request.request_uri, [str(route) for route in request.routes]) == (uri, routes)
