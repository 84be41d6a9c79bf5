"""Forking, response selection, Timer C, CANCEL (RFC 3261 16.6 to 16.10)."""

from __future__ import annotations

from functools import partial
from time import process_time

import pytest

from offhook.proxy import ProxySettings
from offhook.proxy.target_uri import TargetUri
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, reply
from offhook.stack import FAILED
from offhook.testing.network import Faults, VirtualNode
from offhook.testing.peer import ScriptedPeer
from tests.proxy.wiring import World


@pytest.mark.rfc("3261 16.7 step 5", "3261 16.7 #2", "3261 16.7 #13", "3261 16.7 #42")
def test_ringing_and_answer_go_back() -> None:
    world = World()
    world.callee((0.1, 180), (2.0, 200))
    world.send()
    world.run()
    assert world.alice.role.statuses() == [180, 200]
    assert world.left() == [0, 0, 0]


def test_every_branch_rings_at_once() -> None:
    world = World()
    phones = [world.callee((0.1, 180), (2.0 + number, 486)) for number in range(3)]
    world.send()
    world.run(1.0)
    assert [len(phone.role.requests) for phone in phones] == [1, 1, 1]
    assert world.statuses() == [180, 180, 180]


@pytest.mark.rfc("3261 16.7 step 10", "3261 16.1 #2", "3261 16.7 #45", "3261 16.6 #47")
def test_an_answer_cancels_the_others() -> None:
    world = World()
    slow = world.callee((0.1, 180), (30.0, 200))
    world.callee((0.1, 180), (1.0, 200))
    world.send()
    world.run()
    assert world.statuses() == [180, 180, 200]
    assert len(slow.role.cancelled) == 1
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.7 step 5", "3261 16.7 #16")
def test_a_second_answer_goes_back_too() -> None:
    world = World()
    world.callee((0.5, 180), (1.0, 200))
    world.callee((0.5, 180), (1.0, 200))
    world.send()
    world.run()
    assert world.statuses()[2:] == [200, 200]


@pytest.mark.rfc(
    "3261 16.7 step 6",
    "3261 16.7 #20",
    "3261 16.7 #21",
    "3261 16.7 #23",
    "3261 16.7 #24",
    "3261 16.7 #25",
    "3261 16.7 #27",
    "3261 16.7 #28",
)
@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ([404, 486], 404),
        ([486, 404], 486),
        ([486, 302], 302),
        ([500, 486], 486),
        ([486, 484], 484),
        ([486, 407], 407),
        ([503], 500),
        ([503, 503], 500),
        ([503, 502], 502),
        ([503, 480], 480),
        ([408, 480], 480),
        ([603, 302], 603),
    ],
)
def test_the_best_response_goes_back(given: list[int], chosen: int) -> None:
    world = World()
    for position, status in enumerate(given):
        world.callee((0.1 * position + 0.1, status))
    world.send()
    world.run()
    assert world.statuses() == [chosen]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.7 step 5", "3261 16.7 #14", "3261 16.7 #46", "3261 16.7 #24")
def test_a_6xx_cancels_the_others_and_waits_for_them() -> None:
    world = World()
    slow = world.callee((0.1, 180), (30.0, 200))
    world.callee((1.0, 600))
    world.send()
    world.run()
    assert world.statuses() == [180, 600]
    assert len(slow.role.cancelled) == 1


@pytest.mark.rfc("3261 22.3 #3")
def test_the_challenge_of_a_proxy_goes_upstream_as_it_came() -> None:
    world = World()
    value = 'Digest realm="next.example", nonce="n", qop="auth"'
    world.callee((0.1, 407)).role.extra.append(("Proxy-Authenticate", value))
    world.send()
    world.run()
    assert world.statuses() == [407]
    assert world.alice.role.responses[-1].texts("Proxy-Authenticate") == [value]


@pytest.mark.rfc("3261 16.7 step 7", "8760 2.5 #1", "3261 16.7 #34", "3261 22.3 #10")
def test_a_challenge_bears_those_of_all_branches() -> None:
    world = World()
    for realm in ("one", "two"):
        phone = world.callee((0.1, 401))
        phone.role.extra.append(("WWW-Authenticate", f'Digest realm="{realm}", nonce="n"'))
    world.send()
    world.run()
    final = world.alice.role.responses[-1]
    assert final.status == 401
    assert sorted("one" in text for text in final.texts("WWW-Authenticate")) == [False, True]


def test_lower_preferences_are_tried_when_the_higher_failed() -> None:
    world = World()
    second = world.callee((0.1, 180), (1.0, 200), q=0.5)
    first = world.callee((1.0, 486), q=0.9)
    world.send()
    world.run(0.9)
    assert (len(first.role.requests), len(second.role.requests)) == (1, 0)
    world.run()
    assert world.statuses() == [180, 200]


@pytest.mark.rfc("3261 16.8", "3261 16.6 #48", "3261 16.8 #1", "3261 16.8 #2")
def test_timer_c_cancels_a_phone_that_rings_for_ever() -> None:
    world = World(settings=ProxySettings(timer_c=181.0))
    phone = world.callee((1.0, 180))
    world.send()
    world.run()
    assert len(phone.role.cancelled) == 1
    assert world.statuses() == [180, 487]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.7 step 2", "3261 16.7 #4", "3261 16.7 #5")
def test_a_provisional_response_starts_timer_c_again() -> None:
    world = World(settings=ProxySettings(timer_c=181.0))
    phone = world.callee((1.0, 180), (170.0, 183), (340.0, 200))
    world.send()
    world.run()
    assert phone.role.cancelled == []
    assert world.statuses() == [180, 183, 200]


@pytest.mark.rfc("3261 16.8", "3261 16.8 #2")
def test_a_phone_that_only_says_100_is_cancelled_by_timer_c() -> None:
    world = World()
    phone = world.callee()
    world.send()
    world.run()
    assert world.statuses() == [487]
    assert len(phone.role.cancelled) == 1
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.7 #22")
def test_a_phone_that_says_nothing_counts_as_408() -> None:
    world = World()
    world.callee().crash()
    world.send()
    world.run()
    assert world.statuses() == [408]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("4320 4.2 #1")
def test_a_silent_phone_gives_no_408_to_other_requests() -> None:
    world = World()
    phone = world.callee()
    phone.role.script = lambda request: []
    world.send("MESSAGE")
    world.run()
    assert [status for status in world.alice.role.statuses() if status != 100] == []
    assert world.alice.role.ended == ["MESSAGE timeout"]
    assert world.left() == [0, 0, 0]


def answer(world: World, phone: VirtualNode[ScriptedPeer], status: int) -> None:
    """The phone answers its first request whatever its own transaction may say."""
    request = phone.role.requests[0]
    back = phone.stack.flow_to(phone.target_to(world.proxy.host, 5060))
    response = reply(request, status, None, "b").response()
    phone.call(lambda now: phone.stack.reply_stateless(response, request, back))


@pytest.mark.rfc("4320 4.1 #1")
def test_ringing_goes_back_for_an_invite_alone() -> None:
    world = World()
    phone = world.callee()
    phone.role.script = lambda request: [(1.0, 200)]
    world.send("MESSAGE")
    world.run(0.5)
    answer(world, phone, 180)
    world.run()
    assert world.alice.role.statuses() == [200]


@pytest.mark.rfc("4320 4.2 #2", "6026 7.3 #1", "6026 7.3 #2", "6026 6 #3", "6026 6 #4", "6026 8.2 #1")
@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_an_answer_that_comes_too_late_goes_nowhere(method: str) -> None:
    world = World()
    phone = world.callee((0.1, 486))
    world.send(method)
    world.run()
    before = len(world.network.trace or [])
    answer(world, phone, 200)
    world.run()
    assert [to for _, _, to, _ in (world.network.trace or [])[before:]] == [world.proxy.host]


@pytest.mark.rfc("3261 16.9", "3261 16.9 #1")
def test_a_refused_connection_counts_as_503_and_goes_up_as_500() -> None:
    world = World()
    phone = world.callee((0.1, 200), transport="tcp")
    phone.crash()
    world.send()
    world.run()
    assert world.statuses() == [500]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3263 4.2 #1", "3263 4.2 #2", "3261 16.6 #36", "3261 16.6 #37")
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_the_next_address_is_tried_when_the_first_is_dead(transport: str) -> None:
    world = World()
    dead = world.callee((0.1, 200))
    living = world.callee((0.1, 180), (1.0, 200))
    dead.crash()
    world.network.name("phones.example.net", (dead.host, 5060), (living.host, 5060))
    world.send(uri=f"sip:bob@phones.example.net;transport={transport}")
    world.run()
    assert world.statuses() == [180, 200]
    assert len(living.role.requests) == 1


def test_a_dead_address_costs_its_time_out_once_and_is_tried_again_later() -> None:
    world = World()
    first = world.callee((0.1, 200))
    second = world.callee((0.1, 200))
    first.crash()
    world.network.name("phones.example.net", (first.host, 5060), (second.host, 5060))

    def seconds_of_a_call() -> float:
        clock = world.network.clock
        begun, answered = clock.monotonic, len(world.statuses())
        world.send(uri="sip:bob@phones.example.net", call_id=f"c{begun}")
        while len(world.statuses()) == answered and clock.monotonic < begun + 99:
            world.run(clock.monotonic + 0.5)
        return clock.monotonic - begun

    assert seconds_of_a_call() > 31
    assert seconds_of_a_call() < 1
    revived = first.restart()
    assert seconds_of_a_call() < 1
    assert revived.role.requests == []
    world.run(world.network.clock.monotonic + 60)
    assert seconds_of_a_call() < 1
    assert len(revived.role.requests) == 1
    assert seconds_of_a_call() < 1
    assert len(revived.role.requests) == 2


@pytest.mark.rfc("3263 4.2 #2", "3263 4.3 #1", "3261 16.6 #37", "3261 16.6 #38", "3261 21.5.4 #2")
def test_an_overloaded_address_is_passed_over() -> None:
    world = World()
    overloaded = world.callee((0.1, 503))
    living = world.callee((0.1, 180), (1.0, 200))
    world.network.name("phones.example.net", (overloaded.host, 5060), (living.host, 5060))
    world.send(uri="sip:bob@phones.example.net")
    world.run()
    assert world.statuses() == [180, 200]
    assert overloaded.role.requests[0].branch != living.role.requests[0].branch


@pytest.mark.rfc("3261 16.6 step 11", "3261 16.6 #48")
def test_timer_c_starts_again_with_each_address() -> None:
    """The first address is silent for 32 s; the second still has all of Timer C."""
    world = World(settings=ProxySettings(timer_c=181.0))
    dead = world.callee((0.1, 200))
    living = world.callee((0.1, 180), (180.0, 200))
    dead.crash()
    world.network.name("phones.example.net", (dead.host, 5060), (living.host, 5060))
    world.send(uri="sip:bob@phones.example.net")
    world.run()
    assert world.statuses() == [180, 200]
    assert living.role.cancelled == []


@pytest.mark.rfc("3261 16.8")
def test_timer_c_tries_no_further_address() -> None:
    world = World(settings=ProxySettings(timer_c=181.0))
    first, second = world.callee((0.1, 180)), world.callee((0.1, 200))
    world.network.name("phones.example.net", (first.host, 5060), (second.host, 5060))
    world.send(uri="sip:bob@phones.example.net")
    world.run()
    assert world.statuses() == [180, 487]
    assert second.role.requests == []


def foreign_answer(world: World, phone: VirtualNode[ScriptedPeer], status: int) -> None:
    """The phone answers with a Via too few."""
    request = phone.role.requests[0]
    response = reply(request, status, None, "b").set("Via", request.texts("Via")[0]).response()
    back = phone.stack.flow_to(phone.target_to(world.proxy.host, 5060))
    phone.call(lambda now: phone.stack.reply_stateless(response, request, back))


@pytest.mark.rfc("3261 16.7 step 3", "3261 16.7 #6")
@pytest.mark.parametrize("status", [180, 200, 404])
def test_an_answer_that_was_meant_for_us_goes_no_further(status: int) -> None:
    """Its sender took the caller's Via out: such a branch counts as a bad gateway."""
    world = World()
    phone = world.callee()
    world.send()
    world.run(0.1)
    foreign_answer(world, phone, status)
    world.run(0.15)
    assert world.statuses() == ([] if status == 180 else [502])


@pytest.mark.rfc("3261 9.2")
def test_the_487_bears_the_tag_of_the_answer_to_the_cancel() -> None:
    world = World()
    world.directory.slow = True
    invite = world.send()
    world.run(0.5)
    world.alice.call(lambda now: world.alice.role.stack.cancel(invite, now))
    world.run()
    tags = [parse(data).to_tag for _, _, to, data in world.network.trace or [] if to == world.alice.host]
    assert len(set(tags) - {None}) == 1


def test_an_answer_after_a_cancel_is_an_answer() -> None:
    """The CANCEL crosses the 200: the caller has a call, and hangs it up."""
    world = World()
    phone = world.callee((0.1, 180), (1.0, 200))
    phone.role.cancelled = []
    invite = world.send()
    world.run(1.0012)
    world.alice.call(lambda now: world.alice.role.stack.cancel(invite, now))
    world.run()
    assert world.statuses() == [180, 200]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.7 #17")
def test_another_branch_that_fails_late_goes_nowhere() -> None:
    world = World()
    world.callee((0.1, 180), (1.0, 200))
    world.callee((0.1, 180), (1.0005, 486))
    world.send()
    world.run()
    assert world.statuses() == [180, 180, 200]
    assert world.left() == [0, 0, 0]


@pytest.mark.rfc("3261 16.7 #17")
def test_of_two_answers_to_another_request_the_first_goes_back() -> None:
    world = World()
    for _ in range(2):
        world.callee()
    world.send("MESSAGE")
    world.run()
    assert [status for status in world.alice.role.statuses() if status != 100] == [200]
    assert world.left() == [0, 0, 0]


def test_a_redirection_goes_back_to_the_caller() -> None:
    world = World()
    phone = world.callee((0.1, 302))
    phone.role.extra.append(("Contact", "<sip:bob@elsewhere.example>"))
    world.send()
    world.run()
    assert world.statuses() == [302]
    assert [str(contact) for contact in world.alice.role.responses[-1].contacts] == ["<sip:bob@elsewhere.example>"]


@pytest.mark.rfc("3261 16.9", "3261 16.9 #2")
def test_a_lost_answer_cancels_nothing() -> None:
    world = World()
    phone = world.callee((0.1, 180), (2.0, 486))
    world.send()
    world.run(1.0)
    server = next(iter(world.proxy.stack.transactions.servers.values()))
    world.proxy.call(lambda now: world.proxy.stack.flow_changed(server.flow, FAILED, "unreachable", now))
    world.run()
    assert (world.statuses(), phone.role.cancelled) == ([180, 486], [])


def test_a_dead_name_server_is_a_500() -> None:
    world = World()
    told = world.unreachable()
    world.directory.bindings["sip:bob@example.com"] = [TargetUri("sip:bob@nowhere.example")]
    world.send()
    world.run()
    assert world.statuses() == [500]
    assert world.left() == [0, 0, 0]
    assert [(call_id, "nowhere.example" in reason) for call_id, reason in told] == [("c1", True)]


def test_a_phone_that_cannot_be_reached_is_told_with_the_reason() -> None:
    world = World()
    told = world.unreachable()
    world.callee()
    world.send()
    world.run(0.1)
    client = next(iter(world.proxy.stack.transactions.clients.values()))
    world.proxy.call(lambda now: world.proxy.stack.flow_changed(client.flow, FAILED, "no way there", now))
    world.run()
    assert world.statuses() == [500]
    assert told == [("c1", "no way there")]


def test_a_broken_target_fails_its_branch_alone() -> None:
    world = World()
    world.callee((0.1, 180), (0.5, 200))
    world.directory.bindings["sip:bob@example.com"].append(TargetUri("sip:bob@[not an address"))
    world.send()
    world.run()
    assert world.statuses() == [180, 200]


@pytest.mark.rfc("3261 16.10", "3261 16.10 #1", "3261 16.10 #3")
def test_cancel_reaches_every_phone_with_its_reason() -> None:
    world = World()
    phones = [world.callee((0.1, 180), (60.0, 200)) for _ in range(2)]
    invite = world.send()
    world.run(1.0)
    world.alice.call(lambda now: world.alice.role.stack.cancel(invite, now, "SIP;cause=200"))
    world.run()
    assert world.statuses() == [180, 180, 487]
    assert [phone.role.cancelled[0].text("Reason") for phone in phones] == ["SIP;cause=200"] * 2
    assert world.left() == [0, 0, 0]


def test_cancel_before_any_phone_is_known_gives_487_and_forks_nothing() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.directory.slow = True
    invite = world.send()
    world.run(1.0)
    assert world.alice.role.statuses() == [100]
    world.alice.call(lambda now: world.alice.role.stack.cancel(invite, now))
    world.run(2.0)
    targets = world.directory.bindings["sip:bob@example.com"]
    context = world.directory.asked[0]
    world.proxy.call(lambda now: world.proxy.role.proxy.located(context, targets, now))
    world.run()
    assert world.alice.role.statuses() == [100, 487]
    assert phone.role.requests == []
    assert world.left() == [0, 0, 0]


def test_a_slow_lookup_is_asked_once_whatever_is_sent_again() -> None:
    world = World()
    phone = world.callee((0.1, 200))
    world.directory.slow = True
    world.send("MESSAGE")
    world.run(3.0)
    assert len(world.directory.asked) == 1
    context = world.directory.asked[0]
    targets = world.directory.bindings["sip:bob@example.com"]
    world.proxy.call(lambda now: world.proxy.role.proxy.located(context, targets, now))
    world.run()
    assert len(phone.role.requests) == 1
    assert world.alice.role.statuses() == [200]


def test_a_lookup_that_failed_is_a_500() -> None:
    world = World()
    world.directory.slow = True
    world.send()
    world.run(1.0)
    context = world.directory.asked[0]
    world.proxy.call(lambda now: world.proxy.role.proxy.located(context, None, now))
    world.run()
    assert world.statuses() == [500]


@pytest.mark.rfc("5393 5.3.3 #6", "5393 5.3.3 #8")
def test_max_breadth_is_divided_among_the_branches() -> None:
    world = World()
    phones = [world.callee((0.1, 486)) for _ in range(3)]

    def edit(draft: Draft) -> None:
        draft.add("Max-Breadth", "10")

    world.send(edit=edit)
    world.run()
    given = [phone.role.requests[0].number("Max-Breadth") for phone in phones]
    assert sorted(number or 0 for number in given) == [3, 3, 4]


@pytest.mark.rfc("5393 5.3.3.1 #1")
def test_the_breadth_of_a_branch_that_failed_goes_to_the_next() -> None:
    world = World()
    phones = [world.callee((0.1, 486), q=q) for q in (0.9, 0.5)]
    world.send(edit=lambda draft: draft.add("Max-Breadth", "1"))
    world.run()
    assert [phone.role.requests[0].number("Max-Breadth") for phone in phones] == [1, 1]
    assert world.statuses() == [486]


@pytest.mark.rfc("5393 5.3.3 #6", "5393 5.3.3 #7")
def test_too_little_breadth_is_a_440() -> None:
    world = World()
    phones = [world.callee((0.1, 486)) for _ in range(3)]
    world.send(edit=lambda draft: draft.add("Max-Breadth", "2"))
    world.run()
    assert world.statuses() == [440]
    assert [phone.role.requests for phone in phones] == [[], [], []]


@pytest.mark.rfc("5393 5.3.3 #1", "5393 5.3.3 #3", "5393 5.3.3 #4", "5393 5.3.3 #8", "5393 5.3.3 #9")
@pytest.mark.parametrize(("given", "sent"), [(None, 60), ("7", 7), ("1000", 60), ("1", 1)])
def test_one_branch_gets_all_of_the_breadth(given: str | None, sent: int) -> None:
    world = World()
    phone = world.callee((0.1, 486))
    world.send(edit=None if given is None else lambda draft: draft.add("Max-Breadth", given))
    world.run()
    assert phone.role.requests[0].number("Max-Breadth") == sent


def test_nothing_is_left_after_calls_over_a_bad_network() -> None:
    for seed in range(20):
        world = World(Faults(0.2, 0.1, (0.001, 0.4)), seed=seed)
        world.callee((0.1, 180), (2.0, 200))
        world.callee((0.1, 180), (1.0, 486))
        world.send()
        world.send("MESSAGE", call_id="c2")
        world.run()
        assert world.left() == [0, 0, 0], seed


def test_a_call_takes_no_more_targets_than_it_can_bear() -> None:
    """Whoever registers one contact after the other while a call to him rings would have all compared each time."""
    world = World()
    phone = world.callee((0.1, 180))
    world.send()
    world.run(1.0)
    proxy = world.proxy.role.proxy
    began = process_time()
    for number in range(1000):
        targets = [TargetUri(f"sip:bob@192.0.2.{number % 8 + 200}:{5000 + number}")]
        world.proxy.call(partial(proxy.registered, "sip:bob@example.com", targets))
    assert process_time() - began < 5.0
    [context] = proxy.branches.watch.of("sip:bob@example.com")
    assert len(context.branches) + len(context.waiting) == 100
    assert len(phone.role.requests) == 1
