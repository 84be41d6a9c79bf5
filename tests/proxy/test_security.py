"""sips goes over TLS or nowhere: RFC 3261 16.6 steps 4 and 7, 26.2.2, RFC 5630 5.3."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.proxy import ProxySettings
from offhook.proxy.target_uri import TargetUri
from offhook.sip.serializer import Draft
from offhook.testing.network import VirtualNode
from offhook.testing.peer import ScriptedPeer
from tests.proxy.wiring import PROXY, World, sip_uri

BOB = "sip:bob@example.com"


def secure_world(contact: str) -> tuple[World, VirtualNode[ScriptedPeer]]:
    world = World()
    phone = world.callee((0.1, 200))
    world.directory.bindings[BOB] = [TargetUri(contact.replace("HOST", phone.host))]
    return world, phone


@pytest.mark.rfc("3261 16.6 step 7", "3261 16.6 #17", "3261 16.6 #35", "3261 26.3.1 #5")
def test_a_sips_call_goes_over_tls() -> None:
    world, phone = secure_world("sips:bob@HOST:5060")
    world.send(uri="sips:bob@example.com", transport="TLS")
    world.run(1.0)
    assert world.statuses() == [200]
    seen = phone.role.requests[0]
    assert (seen.request_uri, seen.vias[0].transport) == (f"sips:bob@{phone.host}:5060", "TLS")
    assert [str(route).partition(":")[0] for route in seen.record_routes] == ["<sips"]


@pytest.mark.rfc("5630 5.3")
def test_a_sips_call_does_not_reach_a_sip_contact() -> None:
    world, phone = secure_world("sip:bob@HOST")
    world.send(uri="sips:bob@example.com", transport="TLS")
    world.run(1.0)
    assert (world.statuses(), phone.role.requests) == ([480], [])
    assert world.alice.role.responses[-1].texts("Warning") == ['380 offhook "SIPS Not Allowed"']


def test_nor_does_it_reach_a_fallback_that_is_less() -> None:
    world = World()
    trunk = world.callee((0.1, 200))
    world.directory.bindings.clear()
    world.proxy.role.domain.fallback = sip_uri(f"sip:{trunk.host}")
    world.proxy.role.domain.fallback_for_strangers = True
    world.send(uri="sips:carol@example.com", transport="TLS")
    world.run(1.0)
    assert world.statuses() == [480]
    assert trunk.role.requests == []


@pytest.mark.rfc("5630 5.3")
def test_a_sip_call_reaches_a_sips_contact_by_its_sip_uri_over_tls() -> None:
    world, phone = secure_world("sips:bob@HOST:5060")
    world.send()
    world.run(1.0)
    assert world.statuses() == [200]
    seen = phone.role.requests[0]
    assert (seen.request_uri, seen.vias[0].transport) == (f"sip:bob@{phone.host}:5060", "TLS")
    assert [str(route).startswith("<sip:") for route in seen.record_routes] == [True, True]


def test_a_registered_flow_that_is_not_secure_does_not_carry_sips() -> None:
    world, phone = secure_world("sips:bob@HOST:5060")
    world.send("MESSAGE", transport="TCP", call_id="m")
    world.run(1.0)
    flow = next(flow for _, flow in world.alice.streams.values())
    assert (flow.secure, flow.accepted) == (False, True)
    world.directory.bindings[BOB] = [TargetUri(f"sips:bob@{phone.host}:5060", flow)]
    before = len(world.alice.role.requests)
    world.send(uri="sips:bob@example.com", transport="TLS")
    world.run(2.0)
    assert world.statuses()[-1] == 200
    assert len(world.alice.role.requests) == before


@pytest.mark.rfc("3261 16.6 #35")
def test_a_route_of_sip_does_not_lead_sips_away_from_tls() -> None:
    world, _ = secure_world("sips:bob@HOST:5060")
    hop = world.callee((0.1, 200))
    world.send(
        uri="sips:carol@foreign.example",
        transport="TLS",
        edit=lambda draft: draft.add("Route", f"<sip:{hop.host}:5060;lr>"),
    )
    world.run(1.0)
    assert world.statuses() == [200]
    assert hop.role.requests[0].vias[0].transport == "TLS"


@pytest.mark.rfc("3261 16.6 step 4", "3261 16.6 #19")
@pytest.mark.parametrize(
    ("transport", "contact", "routes"),
    [
        # From TLS to something else, and from something else to sips, a proxy stays in the way whatever it is told.
        ("TLS", "sip:bob@HOST", ["<sip:192.0.2.10:5060;lr", "<sip:192.0.2.10:5060;transport=tls;lr"]),
        ("UDP", "sip:bob@HOST", []),
    ],
)
def test_a_proxy_stays_where_tls_ends(transport: str, contact: str, routes: list[str]) -> None:
    world = World(settings=ProxySettings(record_route=False))
    phone = world.callee((0.1, 200))
    world.directory.bindings[BOB] = [TargetUri(contact.replace("HOST", phone.host))]
    world.send(transport=transport)
    world.run(1.0)
    values = [str(route) for route in phone.role.requests[0].record_routes]
    assert [value.startswith(start) for value, start in zip(values, routes, strict=True)] == [True] * len(routes)


@pytest.mark.rfc("3261 16.6 #18")
def test_a_proxy_stays_where_tls_begins() -> None:
    """An edge that ends TLS before us: each side comes back as it came."""
    world = World(settings=ProxySettings(record_route=False))
    phone = world.callee((0.1, 200))
    world.directory.bindings[BOB] = [TargetUri(f"sips:bob@{phone.host}:5060")]
    world.send(uri="sips:bob@example.com")
    world.run(1.0)
    values = [str(route).partition(";oh-mac")[0] for route in phone.role.requests[0].record_routes]
    assert values == ["<sips:192.0.2.10:5060;lr", "<sip:192.0.2.10:5060;lr"]


def test_a_sips_dialog_comes_back_over_tls() -> None:
    world, phone = secure_world("sips:bob@HOST:5060")
    world.send(uri="sips:bob@example.com", transport="TLS")
    world.run(1.0)
    routes = [str(route) for route in world.alice.role.responses[-1].record_routes]

    def act(now: Moment) -> None:
        draft: Draft = world.alice.role.request("BYE", f"sips:bob@{phone.host}:5060", "c1", 2, "b101")
        for route in routes:
            draft.add("Route", route)
        world.alice.role.send(draft, world.alice.target_to(PROXY, 5060, "TLS"), now)

    world.alice.call(act)
    world.run(2.0)
    assert [request.method for request in phone.role.requests] == ["INVITE", "BYE"]
    assert phone.role.requests[1].vias[0].transport == "TLS"
