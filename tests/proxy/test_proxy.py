"""What becomes of a request (RFC 3261 16.3 to 16.6): answers of the proxy itself, routes, loops, statelessness."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.clock import Moment
from offhook.flow import Flow
from offhook.proxy.access import PENDING, Standing
from offhook.proxy.target_uri import TargetUri
from offhook.proxy.validation import Refusal
from offhook.sip.serializer import Draft
from tests.proxy.wiring import PROXY, World, answered_call, sip_uri, within_dialog

OUTSIDE, CLAIMED, BOUND, KNOWN = Standing


@pytest.mark.rfc("3261 16.6 step 3", "3261 16.6 #8")
@pytest.mark.parametrize(("given", "sent"), [(None, 69), ("1", 0), ("255", 254)])
def test_max_forwards_goes_down_by_one(given: str | None, sent: int) -> None:
    world = World()
    phone = world.callee((0.1, 486))
    world.send(edit=None if given is None else lambda draft: draft.set("Max-Forwards", given))
    world.run()
    assert phone.role.requests[0].max_forwards == sent


@pytest.mark.rfc("3261 16.6 step 3", "3261 16.6 #9", "3261 16.6 #10")
def test_a_request_without_max_forwards_gets_70() -> None:
    world = World()
    phone = world.callee((0.1, 486))
    world.send(edit=lambda draft: draft.remove("Max-Forwards"))
    world.run()
    assert phone.role.requests[0].max_forwards == 70


@pytest.mark.rfc("3261 16.3 step 3", "3261 16.3 #2", "3261 16.3 #9", "3261 16.3 #10")
def test_max_forwards_0_is_a_483() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.send(edit=lambda draft: draft.set("Max-Forwards", "0"))
    world.run()
    assert (world.statuses(), phone.role.requests) == ([483], [])
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.3 step 1", "3261 16.3 #4", "3261 16.3 #5")
def test_a_malformed_max_forwards_is_a_400() -> None:
    world = World()
    world.callee((0.1, 200))
    world.send(edit=lambda draft: draft.set("Max-Forwards", "many"))
    world.run()
    assert world.statuses() == [400]


@pytest.mark.rfc("3261 16.3 step 2", "3261 16.3 #2", "3261 16.3 #8")
def test_an_unknown_scheme_is_a_416() -> None:
    world = World()
    world.send(uri="nobodyKnowsThisScheme:totallyopaquecontent")
    world.run()
    assert world.statuses() == [416]


@pytest.mark.rfc("3261 16.3 step 5", "3261 16.3 #2", "3261 16.3 #11", "3261 16.3 #12")
def test_an_unknown_proxy_require_is_a_420_that_names_it() -> None:
    world = World()
    world.callee((0.1, 200))
    world.send(edit=lambda draft: draft.add("Proxy-Require", "foo, bar"))
    world.run()
    assert world.statuses() == [420]
    assert world.alice.role.responses[-1].tokens("Unsupported") == ["foo", "bar"]


@pytest.mark.rfc("3261 16.5", "3261 16.5 #13", "3261 16.5 #14", "3261 16.5 #15")
@pytest.mark.parametrize(("known", "status"), [(True, 480), (False, 404)])
def test_a_user_without_a_binding(known: bool, status: int) -> None:
    world = World()
    if known:
        world.directory.known.add("sip:carol@example.com")
    world.send(uri="sip:carol@example.com")
    world.run()
    assert world.statuses() == [status]
    assert world.left() == [0, 0, 0]


def test_a_fallback_takes_users_without_a_binding() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.proxy.role.domain.fallback = sip_uri(f"sip:{phone.host}:5060")
    world.proxy.role.domain.fallback_for_strangers = True
    world.send(uri="sip:carol@example.com")
    world.run()
    assert phone.role.requests[0].request_uri == f"sip:carol@{phone.host}:5060"


def test_a_refusal_is_answered_without_a_transaction() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.proxy.role.gate.verdict = Refusal(407, (("Proxy-Authenticate", 'Digest realm="x", nonce="y"'),))
    world.send()
    world.run(0.5)
    assert world.statuses() == [407]
    assert world.left() == [0, 0, 0]
    assert phone.role.requests == []


@pytest.mark.parametrize(("refusal", "expected"), [(None, [200]), (Refusal(403), [403])])
def test_a_slow_check_goes_on_when_the_verdict_is_there(refusal: Refusal | None, expected: list[int]) -> None:
    world = World()
    world.callee((0.1, 200))
    world.proxy.role.gate.verdict = PENDING
    world.send()
    world.run(1.0)
    assert world.alice.role.statuses() == [100]
    context = world.proxy.role.gate.waiting[0]
    world.proxy.call(lambda now: world.proxy.role.proxy.admitted(context, refusal, now))
    world.run()
    assert world.statuses() == expected
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.6 step 4", "3261 16.6 #11", "3261 16.6 #16")
def test_a_dialog_comes_back_through_us() -> None:
    world = World()
    routes = answered_call(world)
    phone = world.callees[0]
    assert len(routes) == 1
    within_dialog(world, "ACK", routes, "b101", 1)
    within_dialog(world, "BYE", routes, "b101")
    assert [request.method for request in phone.role.requests] == ["INVITE", "ACK", "BYE"]
    assert all(request.routes == [] for request in phone.role.requests)
    assert world.proxy.role.gate.standings == [OUTSIDE, BOUND, BOUND]
    assert world.statuses() == [200, 200]


def test_the_callee_can_send_within_the_dialog_too() -> None:
    world = World()
    answered_call(world)
    phone = world.callees[0]
    routes = [str(route) for route in phone.role.requests[0].record_routes]

    def act(now: Moment) -> None:
        draft = phone.role.request("BYE", "sip:alice@192.0.2.1", "c1", 1, "a")
        for route in routes:
            draft.add("Route", route)
        phone.role.send(draft, phone.target_to(PROXY, 5060), now)

    phone.call(act)
    world.run(2.0)
    assert [request.method for request in world.alice.role.requests] == ["BYE"]
    assert world.proxy.role.gate.standings == [OUTSIDE, KNOWN]


@pytest.mark.parametrize(
    "forge",
    [
        lambda route: route.replace("oh-mac=", "oh-mac=0"),
        lambda route: route.partition(";oh-mac")[0] + ">",
        lambda route: route.replace(";oh-mac", ";oh-b=x;oh-mac"),
    ],
    ids=["another MAC", "none", "a flow of their own"],
)
def test_a_forged_route_proves_nothing(forge: Callable[[str], str]) -> None:
    world = World()
    routes = answered_call(world)
    within_dialog(world, "BYE", [forge(route) for route in routes], "b101")
    assert world.proxy.role.gate.standings == [OUTSIDE, OUTSIDE]


def test_a_route_of_another_dialog_proves_nothing() -> None:
    world = World()
    routes = answered_call(world)

    def act(now: Moment) -> None:
        draft = world.alice.role.request("BYE", "sip:victim@192.0.2.99", "another-call", 1, "x").add("Route", routes[0])
        world.alice.role.send(draft, world.alice.target_to(PROXY, 5060), now)

    world.alice.call(act)
    world.run(2.0)
    assert world.proxy.role.gate.standings == [OUTSIDE, OUTSIDE]


@pytest.mark.rfc("3261 16.4")
@pytest.mark.parametrize("stateless", [False, True])
def test_a_phone_may_name_us_as_its_outbound_proxy(stateless: bool) -> None:
    world = World()
    world.proxy.role.domain.stateless = stateless
    world.callee((0.1, 200))
    world.send(edit=lambda draft: draft.add("Route", f"<sip:{PROXY};lr>").add("Route", f"<sip:{PROXY}:5060;lr>"))
    world.run(1.0)
    assert world.statuses() == [200]
    assert "route" not in world.callees[0].role.requests[0].keys
    assert world.proxy.role.gate.standings == [OUTSIDE]


def test_an_outbound_proxy_before_the_routes_of_a_dialog_is_passed_over() -> None:
    world = World()
    routes = answered_call(world)
    within_dialog(world, "BYE", [f"<sip:{PROXY};lr>", *routes], "b101")
    assert world.proxy.role.gate.standings == [OUTSIDE, BOUND]
    assert "route" not in world.callees[0].role.requests[-1].keys


def test_an_ack_without_a_route_of_ours_goes_nowhere() -> None:
    world = World()
    answered_call(world)
    before = len(world.callees[0].role.requests)
    within_dialog(world, "ACK", [], "b101", 1)
    assert len(world.callees[0].role.requests) == before


@pytest.mark.rfc("5658 4")
def test_two_record_routes_stand_where_the_transport_changes() -> None:
    world = World()
    world.callee((0.1, 200))
    world.send(transport="TCP")
    world.run(1.0)
    values = [str(route) for route in world.alice.role.responses[-1].record_routes]
    assert [";transport=tcp;" in value for value in values] == [False, True]

    def act(now: Moment) -> None:
        draft = world.alice.role.request("BYE", world.callees[0].role.contact, "c1", 2, "b101")
        draft.add("Route", values[1]).add("Route", values[0])
        world.alice.role.send(draft, world.alice.target_to(PROXY, 5060, "TCP"), now)

    world.alice.call(act)
    world.run(2.0)
    assert [request.method for request in world.callees[0].role.requests] == ["INVITE", "BYE"]
    assert world.callees[0].role.requests[1].routes == []


def test_a_caller_on_a_connection_is_reached_over_it() -> None:
    world = World()
    world.callee((0.1, 200))
    world.send(transport="TCP", edit=lambda draft: draft.set("Contact", "<sip:alice@10.0.0.1:49152;transport=tcp>"))
    world.run(1.0)
    phone = world.callees[0]
    routes = [str(route) for route in phone.role.requests[0].record_routes]

    def act(now: Moment) -> None:
        draft = phone.role.request("BYE", "sip:alice@10.0.0.1:49152;transport=tcp", "c1", 1, "a")
        for route in routes:
            draft.add("Route", route)
        phone.role.send(draft, phone.target_to(PROXY, 5060), now)

    phone.call(act)
    world.run(2.0)
    assert [request.method for request in world.alice.role.requests] == ["BYE"]


def test_a_binding_with_a_flow_is_reached_over_it() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    carol = world.alice
    world.send("MESSAGE", transport="TCP", call_id="m")
    world.run(1.0)
    flow = next(flow for _, flow in world.alice.streams.values())
    contact = "sip:carol@10.9.9.9:1234;transport=tcp"
    world.directory.bindings["sip:carol@example.com"] = [TargetUri(contact, flow)]

    def act(now: Moment) -> None:
        phone.role.send(phone.role.request("INVITE", "sip:carol@example.com"), phone.target_to(PROXY, 5060), now)

    phone.call(act)
    world.run(2.0)
    assert [request.request_uri for request in carol.role.requests] == [contact]


@pytest.mark.rfc("5393 4.2.2 #1", "5393 4.2.2 #4")
def test_a_loop_is_a_482() -> None:
    world = World()
    world.directory.bindings["sip:loop@example.com"] = [TargetUri("sip:loop@example.com")]
    world.network.name("example.com", (PROXY, 5060))
    world.send(uri="sip:loop@example.com")
    world.run()
    assert world.statuses() == [482]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("5393 4.1 #1", "5393 4.2.2 #1")
def test_a_user_who_forks_to_himself_stimulates_ten_requests() -> None:
    """Section 3's attack with one account at one server, and the count that it gives for it with loop detection."""
    world = World()
    twice = [TargetUri("sip:a@example.com;unknown-param=whack"), TargetUri("sip:a@example.com;unknown-param=thud")]
    world.directory.bindings["sip:a@example.com"] = twice
    world.network.name("example.com", (PROXY, 5060))
    world.send(uri="sip:a@example.com")
    world.run()
    assert world.statuses() == [482]
    sent = {data for _, _, to, data in world.network.trace or [] if to == PROXY and data.startswith(b"INVITE ")}
    sent = {data for data in sent if data.count(b"Via: ") > 1}
    assert len(sent) == 10
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("5393 4.2.1 #1", "5393 4.2.1 #3", "3261 16.6 #39", "3261 16.6 #41")
def test_our_via_goes_above_those_that_are_there() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.send(edit=lambda draft: draft.add("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKlow"))
    world.run()
    ours, *others = phone.role.requests[0].vias
    assert (ours.sent_by, ours.branch is not None and ours.branch.startswith("z9hG4bK")) == (f"{PROXY}:5060", True)
    assert [via.sent_by for via in others] == ["192.0.2.1:5060"] * 2


@pytest.mark.rfc("5393 5.3.3 #1", "5393 5.3.3 #5")
def test_every_request_that_is_forwarded_bears_max_breadth() -> None:
    world = World()
    routes = answered_call(world)
    within_dialog(world, "ACK", routes, "b101", 1)
    within_dialog(world, "BYE", routes, "b101")
    seen = [(request.method, request.number("Max-Breadth")) for request in world.callees[0].role.requests]
    assert seen == [("INVITE", 60), ("ACK", 60), ("BYE", 60)]


@pytest.mark.rfc("3261 16.3 step 4")
def test_a_spiral_is_no_loop() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.network.name("example.com", (PROXY, 5060))
    world.directory.bindings["sip:sales@example.com"] = [TargetUri("sip:bob@example.com")]
    world.send(uri="sip:sales@example.com")
    world.run()
    assert world.statuses() == [200]
    assert len(phone.role.requests[0].vias) == 3


@pytest.mark.rfc(
    "3261 16.6 step 6",
    "3261 16.6 #28",
    "3261 16.6 #29",
    "3261 16.6 #30",
    "3261 16.6 #31",
    "3261 16.6 #33",
)
def test_a_strict_router_finds_its_uri_in_the_request_uri() -> None:
    world = World()
    routes = answered_call(world)
    router = world.callee((0.1, 200))
    within_dialog(world, "BYE", [*routes, f"<sip:{router.host}>", "<sip:192.0.2.77;lr>"], "b101")
    seen = router.role.requests[0]
    assert seen.request_uri == f"sip:{router.host}"
    assert [str(route) for route in seen.routes] == ["<sip:192.0.2.77;lr>", f"<{world.callees[0].role.contact}>"]


@pytest.mark.rfc("3327 5.2", "3261 16.6 #25")
def test_path_values_of_a_binding_become_routes() -> None:
    world = World()
    edge = world.callee((0.1, 200))
    contact = "sip:carol@10.1.1.1"
    path = (f"<sip:{edge.host};lr>", "<sip:192.0.2.66;lr>")
    world.directory.bindings["sip:carol@example.com"] = [TargetUri(contact, None, path)]
    world.send(uri="sip:carol@example.com")
    world.run(1.0)
    seen = edge.role.requests[0]
    assert (seen.request_uri, tuple(str(route) for route in seen.routes)) == (contact, path)


def test_a_cancel_for_nothing_is_a_481() -> None:
    world = World()
    world.callee((0.1, 200))
    world.send("CANCEL")
    world.run(1.0)
    assert world.statuses() == [481]


@pytest.mark.rfc("3261 16.11")
def test_a_stateless_domain_keeps_nothing() -> None:
    world = World()
    phone = world.callee((0.2, 180), (1.0, 486))
    world.proxy.role.domain.stateless = True
    world.send()
    world.run(0.5)
    assert world.left() == [0, 0, 0]
    world.run()
    assert world.statuses() == [180, 486]
    assert [request.method for request in phone.role.requests] == ["INVITE"]
    acks = [data for _, _, to, data in world.network.trace or [] if to == phone.host and data[:4] == b"ACK "]
    assert len(acks) == 1
    assert acks[0].partition(b"branch=")[2].partition(b";")[0].decode() == phone.role.requests[0].branch


@pytest.mark.rfc("3261 16.11", "3261 16.11 #6", "3261 16.11 #9", "3261 16.11 #10", "3261 16.11 #11", "3261 16.11 #13")
def test_stateless_forwarding_gives_what_is_sent_again_the_same_branch() -> None:
    world = World()
    phone = world.callee()
    phone.role.script = lambda request: []
    world.proxy.role.domain.stateless = True
    world.send("MESSAGE")
    world.run(3.6)
    sent = [data for _, _, to, data in world.network.trace or [] if to == phone.host]
    assert len(sent) == 4
    assert len(set(sent)) == 1


@pytest.mark.rfc("3261 16.11 #19")
def test_a_response_with_a_made_up_stateless_branch_goes_nowhere() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.proxy.role.domain.stateless = True
    world.send()
    world.run(1.0)
    request = phone.role.requests[0]
    branch = (request.branch or "").encode()
    answer = next(data for _, _, to, data in world.network.trace or [] if to == PROXY and data[:7] == b"SIP/2.0")
    before = len(world.alice.role.responses)
    forged = answer.replace(branch, branch[:-1] + (b"0" if branch[-1:] != b"0" else b"1"))
    flow = Flow("UDP", f"udp:{PROXY}:5060", (PROXY, 5060), (phone.host, 5060))
    world.proxy.call(lambda now: world.proxy.stack.receive(forged, flow, now))
    world.run(2.0)
    assert len(world.alice.role.responses) == before
    assert world.proxy.stack.counters.stray_responses == 1


@pytest.mark.rfc("3261 16.3 #6", "3261 16.6 #1", "3261 16.6 #2", "3261 16.6 #5")
def test_what_nobody_changes_leaves_as_it_came() -> None:
    world = World()
    phone = world.callee((0.1, 486))

    def edit(draft: Draft) -> None:
        draft.add("sUbJect", "  odd   spacing;; ").add("X-Unknown", '"a, b" <c>').body(b"\x00\xffbody", "x/y")

    world.send(edit=edit)
    world.run()
    sent = next(data for _, _, to, data in world.network.trace or [] if to == PROXY)
    arrived = next(data for _, _, to, data in world.network.trace or [] if to == phone.host)
    for line in (b"sUbJect:   odd   spacing;; ", b'X-Unknown: "a, b" <c>', b"Content-Type: x/y"):
        assert line in sent.split(b"\r\n")
        assert line in arrived.split(b"\r\n")
    assert arrived.partition(b"\r\n\r\n")[2] == b"\x00\xffbody"
