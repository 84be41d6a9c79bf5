"""The response context: RFC 3261 16.2, 16.7 step 9."""

from __future__ import annotations

import gc
from functools import partial

import pytest

from offhook.clock import Moment
from offhook.proxy.context import Branch, ResponseContext
from offhook.proxy.record_route import NO_ROUTE
from offhook.proxy.target_uri import TargetUri
from offhook.testing.network import Faults
from offhook.transaction.machine import Event, Transaction
from offhook.transaction.server_invite import InviteServerTransaction
from tests.proxy.requests import request
from tests.proxy.wiring import World
from tests.transaction.machines import FLOWS, START, Rig


def context_with(*breadths: int) -> ResponseContext:
    flow = FLOWS["UDP"]
    server = InviteServerTransaction(Rig().table, (b"z9hG4bKone", "h", 5060, "INVITE"), request(), flow, flow)
    context = ResponseContext(server.request, server, flow, NO_ROUTE, "0")
    context.branches = [Branch(context, TargetUri("sip:bob@h"), breadth) for breadth in breadths]
    return context


def test_a_branch_is_pending_until_its_final_answer() -> None:
    context = context_with(1, 1)
    seen = [context.pending]
    for branch, status in zip(context.branches, (404, 486), strict=True):
        branch.status = status
        seen.append(context.pending)
    assert seen == [True, True, False]
    assert not context_with().pending


@pytest.mark.rfc("5393 5.3.3.1 #1")
def test_breadth_comes_back_with_the_answer() -> None:
    context = context_with(20, 40)
    context.breadth = 60
    assert context.free_breadth() == 0
    context.branches[1].status = 486
    assert context.free_breadth() == 40


@pytest.mark.rfc("3261 16.7 #44")
def test_branches_are_let_go_when_all_transactions_have_ended() -> None:
    context = context_with(1)
    context.release()
    assert len(context.branches) == 1
    context.branches[0].transaction = context.server
    context.server.fire(Event.FAILURE, None, START)
    context.server.fire(Event.TIMER_H, None, START)
    assert context.server.terminated
    context.release()
    assert len(context.branches) == 1
    context.branches[0].transaction = None
    context.release()
    assert context.branches == []


def test_calls_leave_nothing_for_the_collector() -> None:
    """Forked, refused, cancelled, lost: when their time is over, no object of ours points in circles."""
    world = World(Faults(0.2, 0.1, (0.001, 0.4)), seed=3)
    world.network.trace = None
    for number in range(3):
        world.callee((0.1, 180), (1.0 + number, 200 if number == 1 else 486))
    gc.collect()
    before = living()
    gc.disable()
    try:
        for number in range(12):
            invite = world.send(call_id=f"call-{number}")
            world.run(world.network.clock.monotonic + 0.5)
            if number % 3 == 0:
                world.alice.call(partial(cancel, world, invite))
            world.send("MESSAGE", call_id=f"message-{number}")
            world.send(uri="sip:nobody@example.com", call_id=f"nobody-{number}")
            world.run()
            del invite
        assert world.left() == [0, 0, 0]
        for node in (world.alice, *world.callees):
            node.role.requests.clear()
            node.role.responses.clear()
            node.role.cancelled.clear()
        left = living()
    finally:
        gc.enable()
    # The caller waits for ever for a 2xx that was lost: nobody here sends one again.
    waiting = world.alice.stack.transactions.clients.values()
    assert [found for found in left if found not in before and found not in waiting] == []


def living() -> list[object]:
    return [found for found in gc.get_objects() if isinstance(found, Transaction | Branch | ResponseContext)]


def cancel(world: World, invite: Transaction, now: Moment) -> None:
    world.alice.role.stack.cancel(invite, now)
