"""2,000 calls through registrar and proxy, while datagrams are lost, doubled and overtaken: all of them end."""

from __future__ import annotations

from collections import Counter

import pytest

from offhook.ids import IdSource
from offhook.sip.message import Request
from offhook.sip.parser import parse
from tests.simulation.plan import Conditions, Hanging, Kind, plan_calls
from tests.simulation.run import bad, ladder, simulate, worst

EACH = 200

BEFALLING = (
    "bindings found as they were acknowledged",
    "calls that rang when the server crashed",
    "calls that were up when the server crashed",
    "partitions",
    "phones crashed between calls",
    "phones crashed in a call",
    "phones unregistered",
    "servers crashed with writes under way",
    "servers stopped",
    "streams that a partition broke",
    "wall clock set back by over an hour",
    "wall clock set back",
    "wall clock set forward by over an hour",
    "wall clock set forward",
    "writes kept of which nobody was told when the server crashed",
)


@pytest.mark.parametrize("seed", range(9))
def test_all_calls_on_a_bad_network_end_alike_at_both_ends_and_leave_nothing(seed: int) -> None:
    _, faults = simulate(seed, EACH, bad(EACH))
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("seed", range(300, 304))
def test_all_calls_in_the_worst_of_worlds_end_and_what_was_acknowledged_is_kept(seed: int) -> None:
    _, faults = simulate(seed, EACH, worst(EACH))
    assert not faults, "\n".join(faults)


def test_in_the_worst_of_worlds_everything_befalls_it() -> None:
    conditions = Conditions(crashes=20, partitions=8, restarts=32, steps=8, violations=40, jumps=8, durable=True)
    world, faults = simulate(405, EACH, conditions)
    assert not faults, "\n".join(faults)
    assert [what for what in BEFALLING if not world.happened[what]] == []
    assert sum(what.startswith("rogue: ") for what in world.happened) >= 30


def test_on_a_fair_network_the_ends_agree_exactly_and_no_transaction_fails() -> None:
    world, faults = simulate(100, EACH, Conditions(fair=True))
    assert not faults, "\n".join(faults)
    assert not world.watch.failed


def test_what_happens_has_everything_in_it() -> None:
    """A simulation in which nothing happens proves nothing."""
    world, faults = simulate(200, EACH, bad(EACH), trace=True)
    assert not faults, "\n".join(faults)
    seen: Counter[str] = Counter()
    for _, _, _, data in world.network.trace or ():
        message = parse(data)
        if isinstance(message, Request):
            again = "re-" if message.method == "INVITE" and message.to_tag is not None else ""
            seen[again + message.method] += 1
        else:
            seen[str(message.status)] += 1
        seen[message.top_via.transport] += 1
    wanted = "INVITE re-INVITE ACK BYE CANCEL PRACK UPDATE MESSAGE OPTIONS REGISTER UDP TCP"
    wanted += " 100 180 183 200 302 401 407 423 480 481 486 487 491 500 503 603"
    assert [what for what in wanted.split() if not seen[what]] == []
    answers = [sum(leg.answered for leg in legs) for legs in world.callees.values()]
    assert sum(count == 1 for count in answers) > EACH // 4
    assert any(count > 1 for count in answers)
    assert max(len(legs) for legs in world.callees.values()) >= 3
    assert any(leg.vanished for phone in world.phones for leg in phone.legs)
    assert world.watch.failed
    causes = {leg.cause for _, leg in world.callers}
    assert len(causes) >= 5


def test_a_plan_has_all_kinds_of_calls() -> None:
    plans = plan_calls(IdSource.seeded(1), 400, 3.0)
    assert {plan.kind for plan in plans} == set(Kind)
    assert {plan.hanging for plan in plans} == set(Hanging)
    assert {who for plan in plans for _, who, _ in plan.changes} == set(Hanging)
    assert {plan.race for plan in plans} == {True, False}


def test_the_ladder_of_a_call_shows_what_was_delivered() -> None:
    world, _ = simulate(3, 5, Conditions(fair=True), trace=True)
    call_id = next(leg.call_id for _, leg in world.callers)
    assert any(" -> 192.0.2.10     INVITE (1 INVITE)" in line for line in ladder(world, call_id))
