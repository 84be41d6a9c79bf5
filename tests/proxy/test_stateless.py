"""Stateless forwarding: RFC 3261 16.11, RFC 3263 4.4."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.flow import Query, Target
from offhook.proxy.access import Standing
from offhook.proxy.settings import ProxySettings
from offhook.proxy.target_uri import TargetUri
from offhook.proxy.validation import Refusal
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from tests.proxy.wiring import PROXY, World, answered_call, within_dialog


def stateless(*script: tuple[float, int], transport: str = "") -> World:
    world = World()
    world.callee(*script, transport=transport)
    world.proxy.role.domain.stateless = True
    return world


def received_by(world: World, host: str, method: bytes) -> list[bytes]:
    return [data for _, _, to, data in world.network.trace or [] if to == host and data.startswith(method + b" ")]


@pytest.mark.rfc("3263 4.4 #1", "3261 16.11 #7")
def test_request_answer_and_ack_keep_one_branch() -> None:
    world = stateless((0.1, 180), (0.5, 486))
    world.send()
    world.run(1.0)
    phone = world.callees[0]
    invite, ack = received_by(world, phone.host, b"INVITE"), received_by(world, phone.host, b"ACK")
    assert len(set(invite)) == 1
    assert parse(ack[0]).branch == parse(invite[0]).branch
    assert [status for status in world.alice.role.statuses() if status > 100] == [180, 486]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.11", "3263 4.4 #1", "3261 16.11 #7", "3261 16.11 #14")
def test_a_cancel_takes_the_way_of_its_invite() -> None:
    world = stateless((0.1, 180), (60.0, 200))
    invite = world.send()
    world.run(1.0)
    world.alice.call(lambda now: world.alice.role.stack.cancel(invite, now))
    world.run(3.0)
    assert [cancel.branch for cancel in world.callees[0].role.cancelled] == [world.callees[0].role.requests[0].branch]
    assert world.alice.role.statuses()[-1] == 487
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.11 #2")
def test_a_request_is_validated_like_any_other() -> None:
    world = stateless((0.1, 200))
    world.send("MESSAGE", edit=lambda draft: draft.set("Max-Forwards", "0"))
    world.run(1.0)
    assert world.alice.role.statuses() == [483]


@pytest.mark.rfc("3261 16.11 #3")
@pytest.mark.parametrize(("known", "status"), [(True, 480), (False, 404)])
def test_a_user_without_a_target_is_answered_without_state(known: bool, status: int) -> None:
    world = stateless((0.1, 200))
    if known:
        world.directory.known.add("sip:carol@example.com")
    world.send(uri="sip:carol@example.com")
    world.run(1.0)
    assert world.alice.role.statuses() == [status]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.1 #2", "3261 16.11 #4", "3261 16.11 #5")
def test_of_several_targets_the_best_is_called_and_always_the_same() -> None:
    for turned in (False, True):
        world = stateless((0.1, 486))
        world.callee((0.1, 486))
        world.callee((0.1, 486), q=0.5)
        if turned:
            world.directory.bindings["sip:bob@example.com"].reverse()
        world.send()
        world.run(1.0)
        assert [len(phone.role.requests) for phone in world.callees] == [1, 0, 0]


@pytest.mark.rfc("5393 5.3.3 #1", "5393 5.3.3 #3", "5393 5.3.3 #5", "5393 5.3.3 #9")
def test_breadth_is_passed_on_whole() -> None:
    for given, sent in ((None, 60), ("5", 5), ("500", 60)):
        world = stateless((0.1, 486))

        def edit(draft: Draft, given: str | None = given) -> None:
            if given is not None:
                draft.add("Max-Breadth", given)

        world.send(edit=edit)
        world.run(1.0)
        assert world.callees[0].role.requests[0].number("Max-Breadth") == sent


@pytest.mark.rfc("3261 16.1", "3261 16.1 #3")
def test_a_change_of_transport_makes_it_stateful() -> None:
    """Whoever sends by TCP does not send again; somebody has to, by UDP."""
    world = stateless((0.1, 180), (1.0, 486))
    world.send(transport="TCP")
    world.run(0.5)
    assert world.left()[:2] == [1, 1]
    world.run()
    assert [status for status in world.alice.role.statuses() if status > 100] == [180, 486]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 18.1.1 #1")
@pytest.mark.parametrize(("octets", "transport"), [(700, "UDP"), (1300, "TCP")])
def test_what_is_too_large_for_a_datagram_goes_with_state(octets: int, transport: str) -> None:
    world = stateless((0.1, 486))
    world.send("MESSAGE", edit=lambda draft: draft.body(b"x" * octets, "text/plain"))
    world.run(0.5)
    assert [request.vias[0].transport for request in world.callees[0].role.requests] == [transport]
    assert world.left()[1] == (transport == "TCP")
    assert world.alice.role.statuses() == [200]


def test_over_tcp_on_both_sides_it_stays_stateless() -> None:
    world = stateless((0.1, 180), (1.0, 486), transport="tcp")
    world.send(transport="TCP")
    world.run(0.5)
    assert world.left() == [0, 0, 0]
    world.run(5.0)
    assert [status for status in world.alice.role.statuses() if status > 100] == [180, 486]


@pytest.mark.rfc("3263 4.4 #2")
def test_a_next_hop_that_has_to_be_asked_for_makes_it_stateful(monkeypatch: pytest.MonkeyPatch) -> None:
    """What chance decides must be remembered."""
    world = stateless((0.1, 180), (1.0, 486))
    phone = world.callees[0]
    target = world.proxy.target_to(phone.host, 5060)
    asked: list[Query] = []

    def answer(node: object, query: Query) -> list[Target]:
        asked.append(query)
        return [target] if len(asked) > 2 else []

    monkeypatch.setattr(world.network, "resolve", answer)
    world.send()
    world.run(0.5)
    assert world.left()[:2] == [1, 1]
    world.run()
    assert [status for status in world.alice.role.statuses() if status > 100] == [180, 486]


@pytest.mark.rfc("3263 4.4 #3")
def test_where_there_is_a_second_server_it_is_stateful() -> None:
    world = stateless()
    living = world.callee((0.1, 180), (1.0, 486))
    dead = world.callees[0]
    dead.crash()
    world.network.name("phones.example.net", (dead.host, 5060), (living.host, 5060))
    world.directory.bindings["sip:bob@example.com"] = [TargetUri("sip:bob@phones.example.net")]
    world.send()
    world.run(0.5)
    assert world.left()[:2] == [1, 1]
    world.run()
    assert [status for status in world.alice.role.statuses() if status > 100] == [180, 486]
    assert world.left() == [0, 0, 0]


def test_an_ack_goes_to_the_first_of_several_servers() -> None:
    world = stateless()
    phone = world.callees[0]
    world.network.name("phones.example.net", (phone.host, 5060), ("192.0.2.99", 5060))
    world.directory.bindings["sip:bob@example.com"] = [TargetUri("sip:bob@phones.example.net")]
    target = world.alice.target_to(PROXY, 5060)
    ack = world.alice.role.request("ACK", "sip:bob@example.com", to_tag="b101")
    world.alice.call(lambda now: (world.alice.role.stack.send_ack(ack, target), None)[1])
    world.run(0.5)
    assert len(received_by(world, phone.host, b"ACK")) == 1


def test_a_slow_look_up_makes_it_stateful() -> None:
    world = stateless((0.1, 180), (1.0, 486))
    world.directory.slow = True
    world.send()
    world.run(0.5)
    targets = world.directory.bindings["sip:bob@example.com"]
    world.proxy.call(lambda now: world.proxy.role.proxy.located(world.directory.asked[0], targets, now))
    world.run()
    assert [status for status in world.alice.role.statuses() if status > 100] == [180, 486]


def test_a_cancel_without_its_invite_finds_nothing_while_look_ups_are_slow() -> None:
    world = stateless((0.1, 200))
    world.directory.slow = True
    world.send("CANCEL")
    world.run(1.0)
    assert world.alice.role.statuses() == [481]


def test_a_route_to_us_is_taken_off() -> None:
    world = stateless((0.1, 486))
    world.send(edit=lambda draft: draft.add("Route", f"<sip:{PROXY};lr>"))
    world.run(1.0)
    assert world.callees[0].role.requests[0].routes == []


@pytest.mark.parametrize("found", [True, False])
def test_an_ack_waits_for_its_next_hop(monkeypatch: pytest.MonkeyPatch, found: bool) -> None:
    """The ACK to a 2xx, whose callee has to be looked up; where nothing is found it goes nowhere."""
    world = World()
    phone = world.callee((0.1, 200))
    world.send()
    world.run(1.0)
    answer = world.alice.role.responses[-1]
    routes = [str(route) for route in answer.record_routes]
    contact = "sip:bob@phone.example.net"
    calls: list[Query] = []

    def resolve(node: object, query: Query) -> list[Target]:
        calls.append(query)
        return [world.proxy.target_to(phone.host, 5060)] if found and len(calls) > 1 else []

    def act(now: Moment) -> None:
        draft = world.alice.role.request("ACK", contact, "c1", 1, "b101").add("Route", routes[0])
        world.alice.role.stack.send_ack(draft, world.alice.target_to(PROXY, 5060))

    monkeypatch.setattr(world.network, "resolve", resolve)
    world.alice.call(act)
    world.run(2.0)
    assert [request.method for request in phone.role.requests] == ["INVITE", "ACK"] if found else ["INVITE"]


def test_a_target_with_a_flow_is_reached_over_it() -> None:
    world = stateless((0.1, 486))
    world.send("MESSAGE", transport="TCP", call_id="m")
    world.run(1.0)
    flow = next(flow for _, flow in world.alice.streams.values())
    world.directory.bindings["sip:carol@example.com"] = [TargetUri("sip:carol@10.9.9.9;transport=tcp", flow)]
    world.send(uri="sip:carol@example.com", transport="TCP", call_id="spiral")
    world.run(1.2)
    assert [request.request_uri for request in world.alice.role.requests] == ["sip:carol@10.9.9.9;transport=tcp"]


def test_a_dialog_comes_back_through_us_and_passes_without_state() -> None:
    world = World()
    world.proxy.role.domain.stateless = True
    routes = answered_call(world)
    assert ";oh-s=1;" in routes[0]
    assert world.left() == [0, 0, 0]
    within_dialog(world, "ACK", routes, "b101", 1)
    within_dialog(world, "INVITE", routes, "b101", 2)
    assert world.left() == [0, 0, 0]
    within_dialog(world, "BYE", routes, "b101", 3)
    assert world.left() == [0, 0, 0]
    phone = world.callees[0]
    assert [request.method for request in phone.role.requests] == ["INVITE", "ACK", "INVITE", "BYE"]
    assert all(len(received_by(world, phone.host, method)) == 1 for method in (b"ACK", b"BYE"))
    assert world.proxy.role.gate.standings == [Standing.OUTSIDE, Standing.BOUND, Standing.BOUND, Standing.BOUND]
    assert [status for status in world.alice.role.statuses() if status > 100] == [200, 200, 200]


def test_without_record_route_it_does_not_stay() -> None:
    world = World(settings=ProxySettings(record_route=False))
    world.proxy.role.domain.stateless = True
    assert answered_call(world) == []


@pytest.mark.parametrize(("verdict", "cancelled"), [(None, 1), (Refusal(403), 0)])
def test_a_cancel_within_a_dialog_goes_the_way_of_its_invite(verdict: Refusal | None, cancelled: int) -> None:
    """One that nobody of the dialog sends meets nothing."""
    world = World()
    world.proxy.role.domain.stateless = True
    routes = answered_call(world)
    phone = world.callees[0]
    phone.role.script = lambda request: [(0.1, 180), (30.0, 200)]
    within_dialog(world, "INVITE", routes, "b101", 2)
    invite = list(world.alice.stack.transactions.clients.values())[-1]
    world.proxy.role.gate.verdict = verdict
    world.alice.call(lambda now: world.alice.role.stack.cancel(invite, now))
    world.run(world.network.clock.monotonic + 1.0)
    assert len(phone.role.cancelled) == cancelled


@pytest.mark.parametrize("forged", ["", ";oh-s=2", ";oh-s"])
def test_whether_state_is_kept_is_proven_with_the_rest(forged: str) -> None:
    world = World()
    world.proxy.role.domain.stateless = True
    routes = answered_call(world)
    within_dialog(world, "BYE", [route.replace(";oh-s=1", forged) for route in routes], "b101")
    assert world.proxy.role.gate.standings[-1] is Standing.OUTSIDE
