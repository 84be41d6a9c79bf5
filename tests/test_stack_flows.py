"""The engine's flows: connections, failures, look-ups, and what is forwarded without state."""

from __future__ import annotations

import pytest

from offhook.errors import InvalidState, ResolveFailed
from offhook.flow import Flow, Query, Target
from offhook.sip.message import Request
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, reply
from offhook.stack import CLOSED, CONNECTED, FAILED, MANY, MOST_WAITING
from offhook.transaction.effects import (
    Close,
    Connect,
    Effect,
    Ended,
    FlowClosed,
    Resolve,
    Resolved,
    ResponseLost,
    Transmit,
)
from offhook.transaction.machine import State
from tests.engine import HERE, PEER, TARGET, TCP_TARGET, UDP, Bench, accepted, incoming, sent, shown

# Responses


@pytest.mark.rfc("3261 18.2.2", "3261 18.2.2 #2")
def test_a_response_goes_over_the_connection_of_its_request() -> None:
    bench = Bench()
    flow = accepted()
    bench.stack.flow_changed(flow, CONNECTED, "", bench.now)
    transaction = bench.accept(incoming(), flow)
    effect = bench.respond(transaction, 200)[0]
    assert isinstance(effect, Transmit)
    assert effect.flow is flow


@pytest.mark.rfc("3261 18.2.2", "3261 18.2.2 #3")
def test_a_response_whose_connection_has_ended_opens_another() -> None:
    """To the source address, at the port of sent-by; further responses take it too."""
    bench = Bench()
    flow = accepted()
    bench.stack.flow_changed(flow, CONNECTED, "", bench.now)
    transaction = bench.accept(incoming(via="SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bKone"), flow)
    bench.stack.flow_changed(flow, CLOSED, "reset", bench.now)
    assert shown(bench.stack.drain()) == ["FlowClosed"]
    connect, transmit = bench.respond(transaction, 180)
    assert isinstance(connect, Connect)
    assert isinstance(transmit, Transmit)
    assert (connect.target.host, connect.target.port, connect.target.transport) == (PEER[0], 5070, "TCP")
    assert transmit.flow is connect.flow
    further = bench.respond(transaction, 200)
    assert shown(further) == ["200"]


def test_a_response_that_comes_after_its_transaction_opens_no_connection() -> None:
    bench = Bench()
    flow = accepted()
    bench.stack.flow_changed(flow, CONNECTED, "", bench.now)
    transaction = bench.accept(incoming(via="SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bKone"), flow)
    bench.respond(transaction, 200)
    bench.pass_time(40.0)
    bench.stack.flow_changed(flow, CLOSED, "reset", bench.now)
    bench.stack.drain()
    with pytest.raises(InvalidState):
        bench.respond(transaction, 200)
    assert bench.stack.drain() == []
    assert bench.left() == 0


@pytest.mark.rfc("3263 5 #1")
def test_a_response_to_a_port_that_is_not_said_goes_to_the_default_port() -> None:
    bench = Bench()
    flow = Flow("TLS", "tls:192.0.2.1:5061", ("192.0.2.1", 5061), (PEER[0], 40000), "0", 1, accepted=True)
    transaction = bench.accept(incoming(via="SIP/2.0/TLS phone.example.com;branch=z9hG4bKone"), flow)
    connect = bench.respond(transaction, 200)[0]
    assert isinstance(connect, Connect)
    assert (connect.target.port, connect.target.server_name) == (5061, "phone.example.com")


def test_a_client_that_comes_back_over_another_connection_gets_its_answer_there() -> None:
    bench = Bench()
    first, second = accepted(1), accepted(2)
    for flow in (first, second):
        bench.stack.flow_changed(flow, CONNECTED, "", bench.now)
    transaction = bench.accept(incoming(), first)
    bench.receive(incoming(), second)
    assert transaction.flow is first
    bench.stack.flow_changed(first, CLOSED, "reset", bench.now)
    bench.stack.drain()
    bench.receive(incoming(), second)
    assert shown(bench.respond(transaction, 200)) == ["200"]
    assert transaction.flow is second


@pytest.mark.rfc("6026 6 #2", "6026 7.1 #7", "6026 7.1 #8", "6026 8.8 #1", "6026 8.8 #2", "3261 17.2.4 #1")
def test_the_user_hears_of_a_response_that_was_lost() -> None:
    bench = Bench()
    transaction = bench.accept(incoming())
    bench.stack.flow_changed(UDP, FAILED, "port unreachable", bench.now)
    assert shown(bench.stack.drain()) == ["FlowClosed"]
    bench.respond(transaction, 180)
    bench.stack.flow_changed(UDP, FAILED, "port unreachable", bench.now)
    lost, closed = bench.stack.drain()
    assert isinstance(lost, ResponseLost)
    assert isinstance(closed, FlowClosed)
    assert (lost.transaction, closed.flow, closed.reason) == (transaction, UDP, "port unreachable")
    assert shown(bench.respond(transaction, 200)) == ["200"]


def test_a_connection_for_a_response_that_fails_is_tried_again_with_the_next() -> None:
    bench = Bench()
    transaction = bench.accept(incoming(via="SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bKone"), accepted())
    connect = bench.respond(transaction, 180)[0]
    assert isinstance(connect, Connect)
    bench.stack.flow_changed(connect.flow, FAILED, "refused", bench.now)
    assert shown(bench.stack.drain()) == ["ResponseLost", "FlowClosed"]
    assert shown(bench.respond(transaction, 200)) == ["Connect", "200"]


# Requests


def test_a_connection_is_opened_once_for_each_target() -> None:
    bench = Bench()
    assert shown([*self_sent(bench, TCP_TARGET), *self_sent(bench, TCP_TARGET)]) == ["Connect", "OPTIONS", "OPTIONS"]
    elsewhere = Target("TCP", PEER[0], 5070, TCP_TARGET.listener, HERE, "192.0.2.1:5060")
    assert shown(self_sent(bench, elsewhere)) == ["Connect", "OPTIONS"]
    secure = Target("TLS", *PEER, "tls:192.0.2.1:5061", HERE, "192.0.2.1:5061", "example.com")
    other_name = Target("TLS", *PEER, "tls:192.0.2.1:5061", HERE, "192.0.2.1:5061", "example.net")
    assert shown([*self_sent(bench, secure), *self_sent(bench, other_name)]) == ["Connect", "OPTIONS"] * 2


def self_sent(bench: Bench, target: Target) -> list[Effect]:
    bench.send("OPTIONS", target)
    return bench.stack.drain()


@pytest.mark.rfc("5923 5")
def test_a_connection_that_a_peer_opened_is_not_used_for_requests() -> None:
    bench = Bench()
    flow = Flow("TCP", TCP_TARGET.listener, HERE, PEER, "0", 1, accepted=True)
    bench.stack.flow_changed(flow, CONNECTED, "", bench.now)
    assert shown(self_sent(bench, TCP_TARGET)) == ["Connect", "OPTIONS"]
    assert shown(self_sent(bench, bench.stack.target_over(flow))) == ["OPTIONS"]


@pytest.mark.parametrize("state", [CLOSED, FAILED])
@pytest.mark.rfc("3261 17.1.4", "3261 18.4 #3")
def test_a_connection_that_ends_takes_its_client_transactions_along(state: str) -> None:
    bench = Bench()
    options = bench.send("OPTIONS", TCP_TARGET)
    waiting = bench.send("INVITE", TCP_TARGET)
    ringing = bench.send("INVITE", TCP_TARGET)
    bench.answer(ringing, 180)
    bench.stack.drain()
    bench.stack.flow_changed(options.flow, state, "reset", bench.now)
    first, second, closed = bench.stack.drain()
    assert isinstance(first, Ended)
    assert isinstance(second, Ended)
    assert isinstance(closed, FlowClosed)
    assert [(end.transaction, end.cause) for end in (first, second)] == [(options, "transport"), (waiting, "transport")]
    # Figure 5: an INVITE that rings loses nothing by it; its answer may come over another connection.
    assert ringing.state is State.PROCEEDING
    assert shown(self_sent(bench, TCP_TARGET)) == ["Connect", "OPTIONS"]


@pytest.mark.rfc("3261 17.1.4 #1", "3261 17.1.4 #2")
def test_an_address_that_cannot_be_reached_ends_what_was_sent_to_it() -> None:
    bench = Bench()
    there = bench.send("OPTIONS")
    elsewhere = bench.send("OPTIONS", Target("UDP", PEER[0], 5070, UDP.listener, HERE, "192.0.2.1:5060"))
    bench.stack.drain()
    bench.stack.flow_changed(UDP, FAILED, "port unreachable", bench.now)
    assert shown(bench.stack.drain()) == ["Ended transport", "FlowClosed"]
    assert (there.terminated, elsewhere.terminated) == (True, False)


def test_a_flow_that_nobody_uses_is_told_of_all_the_same() -> None:
    bench = Bench()
    flow = accepted()
    bench.stack.flow_changed(flow, CONNECTED, "", bench.now)
    assert (bench.stack.is_open(flow), bench.stack.drain()) == (True, [])
    bench.stack.flow_changed(flow, CLOSED, "reset", bench.now)
    assert (bench.stack.is_open(flow), shown(bench.stack.drain())) == (False, ["FlowClosed"])
    assert bench.stack.is_open(UDP)


def test_an_established_flow_is_a_target() -> None:
    bench = Bench()
    target = bench.stack.target_over(UDP)
    assert (target.flow, target.sent_by, target.host, target.port) == (UDP, "192.0.2.1:5060", *PEER)
    bench.stack.advertised[UDP.listener] = "sip.example.com:5060"
    assert bench.stack.target_over(UDP).sent_by == "sip.example.com:5060"
    six = Flow("UDP", "udp:six", ("2001:db8::1", 5060), ("2001:db8::2", 5060))
    assert bench.stack.target_over(six).sent_by == "[2001:db8::1]:5060"


@pytest.mark.parametrize(
    ("sent_by", "returned"),
    [
        ("sip.example.com", "sip.example.com"),
        ("[2001:db8::1]:5060", "[2001:db8::1]:5060"),
        ("[2001:db8::1]", "[2001:db8::1]:5060"),
    ],
)
def test_a_response_is_known_by_any_sent_by_that_we_write(sent_by: str, returned: str) -> None:
    bench = Bench()
    transaction = bench.send("OPTIONS", Target("UDP", *PEER, UDP.listener, HERE, sent_by))
    bench.stack.drain()
    answer = reply(transaction.request, 200)
    answer.set("Via", transaction.request.texts("Via")[0].replace(f"UDP {sent_by};", f"UDP {returned};"))
    assert shown(bench.receive(answer)) == ["ResponseReceived"]


# The dead (RFC 3263 4.3)

OTHER = Target("UDP", "198.51.100.8", 5060, UDP.listener, HERE, "192.0.2.1:5060")


def passed_over(bench: Bench, target: Target = TARGET) -> bool:
    """Whether another server is tried before this one."""
    return bench.stack.unavailable.dead_last([target, OTHER], bench.now) == [OTHER, target]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_server_that_says_nothing_at_all_is_dead(method: str) -> None:
    bench = Bench()
    bench.send(method)
    bench.pass_time(31.9)
    assert not passed_over(bench)
    bench.pass_time(0.2)
    assert passed_over(bench)


def test_a_server_that_says_nothing_more_after_a_provisional_response_lives() -> None:
    bench = Bench()
    bench.answer(bench.send("OPTIONS"), 100)
    bench.pass_time(33)
    assert not passed_over(bench)


def test_a_server_that_only_acknowledges_nothing_is_not_dead() -> None:
    """Timer H of ours is about the client."""
    bench = Bench()
    bench.respond(bench.accept(incoming()), 486)
    bench.pass_time(33)
    assert not passed_over(bench)


def test_a_server_that_nothing_reaches_is_dead_until_it_answers() -> None:
    bench = Bench()
    bench.send("OPTIONS")
    bench.stack.flow_changed(UDP, FAILED, "port unreachable", bench.now)
    assert passed_over(bench)
    bench.answer(bench.send("OPTIONS"), 200)
    assert not passed_over(bench)


def test_a_server_that_takes_no_connection_is_dead_and_one_that_closes_it_is_not() -> None:
    bench = Bench()
    flow = bench.send("OPTIONS", TCP_TARGET).flow
    bench.stack.flow_changed(flow, CONNECTED, "", bench.now)
    bench.stack.flow_changed(flow, CLOSED, "closed by the peer", bench.now)
    assert not passed_over(bench, TCP_TARGET)
    again = bench.send("OPTIONS", TCP_TARGET).flow
    bench.stack.flow_changed(again, FAILED, "refused", bench.now)
    assert passed_over(bench, TCP_TARGET)


def test_a_connection_of_a_phone_that_cannot_be_written_to_condemns_nobody() -> None:
    bench = Bench()
    bench.stack.flow_changed(accepted(), FAILED, "reset", bench.now)
    phone = Target("TCP", PEER[0], 40000, "tcp:192.0.2.1:5060", HERE, "192.0.2.1:5060")
    assert not passed_over(bench, phone)


def test_a_stream_is_closed_on_request() -> None:
    bench = Bench()
    flow = accepted()
    bench.stack.close(flow)
    effect = bench.stack.drain()[0]
    assert isinstance(effect, Close)
    assert effect.flow is flow


def test_serials_are_the_engines_own() -> None:
    bench = Bench()
    serials = [bench.stack.new_serial() for _ in range(3)]
    bench.send("OPTIONS", TCP_TARGET)
    connect = bench.stack.drain()[0]
    assert isinstance(connect, Connect)
    assert [*serials, connect.flow.serial] == [1, 2, 3, 4]


# Look-ups


def test_what_is_known_at_once_is_not_asked_for() -> None:
    bench = Bench()
    assert bench.stack.resolve(Query(PEER[0]), "me", 1) == [TARGET]
    assert bench.stack.resolve_now(Query(PEER[0])) == [TARGET]
    assert bench.stack.resolve_now(Query("example.com")) is None
    assert bench.stack.drain() == []


def test_a_question_is_asked_once_for_all_who_wait() -> None:
    bench = Bench()
    query = Query("example.com")
    assert [bench.stack.resolve(query, user, token) for user, token in (("a", 1), ("b", 2))] == [None, None]
    asked = bench.stack.drain()
    assert [effect.query for effect in asked if isinstance(effect, Resolve)] == [query]
    bench.stack.resolved(query, [TARGET], bench.now)
    answers = [effect for effect in bench.stack.drain() if isinstance(effect, Resolved)]
    assert [(answer.user, answer.token, answer.targets, answer.error) for answer in answers] == [
        ("a", 1, [TARGET], None),
        ("b", 2, [TARGET], None),
    ]
    assert bench.stack.resolve(query, "c", 3) is None
    assert shown(bench.stack.drain()) == ["Resolve"]


@pytest.mark.parametrize("answer", [ResolveFailed("no such name"), []])
def test_a_question_without_an_answer_is_told_with_its_reason(answer: list[Target] | ResolveFailed) -> None:
    bench = Bench()
    bench.stack.resolve(Query("example.com"), "me", None)
    bench.stack.drain()
    bench.stack.resolved(Query("example.com"), answer, bench.now)
    event = bench.stack.drain()[0]
    assert isinstance(event, Resolved)
    assert event.targets == []
    assert isinstance(event.error, ResolveFailed)
    bench.stack.resolved(Query("example.com"), answer, bench.now)
    assert bench.stack.drain() == []


def test_no_more_wait_for_look_ups_than_is_bounded() -> None:
    bench = Bench()
    query = Query("example.com")
    waiting = [bench.stack.resolve(query, "me", None) for _ in range(MOST_WAITING)]
    assert waiting == [None] * MOST_WAITING
    assert bench.stack.resolve(query, "me", None) == []
    bench.stack.resolved(query, [TARGET], bench.now)
    assert bench.stack.resolve(query, "me", None) is None


# Stateless forwarding


def forwarded(bench: Bench, message: Draft, flow: Flow = UDP) -> Request:
    event = bench.offered(message, flow)
    target = Target("UDP", "203.0.113.5", 5060, UDP.listener, HERE, "192.0.2.1:5060")
    bench.stack.forward_stateless(Draft.of(event.request), event.request, target, flow)
    request = sent(bench.stack.drain())[0]
    assert isinstance(request, Request)
    return request


BEYOND = Flow("UDP", "udp:192.0.2.8:5060", ("192.0.2.8", 5060), ("203.0.113.5", 5060))
"""Where the next hop's answers come: at another socket of ours."""


@pytest.mark.rfc("3261 16.11")
def test_a_stateless_forward_keeps_nothing_and_repeats_exactly() -> None:
    bench = Bench()
    first, second = forwarded(bench, incoming()), forwarded(bench, incoming())
    assert first.serialize() == second.serialize()
    assert bench.left() == 0


@pytest.mark.rfc("3261 16.11", "3261 16.11 #16")
def test_the_answer_to_a_stateless_forward_goes_back_from_where_the_request_came() -> None:
    bench = Bench()
    request = forwarded(bench, incoming())
    effect = bench.one(reply(request, 200, None, "b"), BEYOND)
    assert isinstance(effect, Transmit)
    assert [via.branch for via in parse(effect.data).vias] == ["z9hG4bKone"]
    assert (effect.flow.remote, effect.flow.local, effect.flow.listener) == (PEER, HERE, UDP.listener)


def test_another_worker_can_take_the_answer_too() -> None:
    bench = Bench()
    request = forwarded(bench, incoming())
    effect = Bench(seed=2).one(reply(request, 200, None, "b"), BEYOND)
    assert isinstance(effect, Transmit)
    assert (effect.flow.remote, effect.flow.local) == (PEER, BEYOND.local)


def test_a_stateless_answer_over_a_stream_needs_that_stream() -> None:
    bench = Bench()
    flow = accepted(9)
    bench.stack.flow_changed(flow, CONNECTED, "", bench.now)
    via = "SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bKone"
    request = forwarded(bench, incoming(via=via), flow)
    effect = bench.one(reply(request, 200, None, "b"), BEYOND)
    assert isinstance(effect, Transmit)
    assert effect.flow is flow
    bench.stack.flow_changed(flow, CLOSED, "reset", bench.now)
    bench.stack.drain()
    assert bench.receive(reply(request, 200, None, "b"), BEYOND) == []


def test_a_forged_stateless_branch_goes_nowhere() -> None:
    bench = Bench()
    request = forwarded(bench, incoming())
    branch = request.branch or ""
    forged = reply(request, 200).response().serialize().replace(branch.encode(), branch[:-4].encode() + b"0000")
    assert bench.receive(forged, BEYOND) == []
    assert bench.stack.counters.stray_responses == 1


def test_many_who_wait_at_a_dead_address_do_not_hear_of_each_datagram() -> None:
    """Calls that ring there are told of a failure that is none of theirs; a thousand of them would be busy with it."""
    bench = Bench()
    ringing = [bench.send() for _ in range(MANY)]
    for transaction in ringing:
        bench.answer(transaction, 180)
    bench.stack.drain()
    for number in range(20):
        bench.send()
        bench.stack.drain()
        bench.stack.flow_changed(UDP, FAILED, "refused", bench.now)
        ended = shown(bench.stack.drain())
        assert ended == (["Ended transport", "FlowClosed"] if number == 0 else [])
    heard = [transaction.unlisted for transaction in ringing]
    assert heard == [1] * MANY
    # What was sent in between is sent again, and fails then.
    assert shown(bench.pass_time(0.5)) == ["INVITE"] * 19
    bench.stack.flow_changed(UDP, FAILED, "refused", bench.now)
    assert shown(bench.stack.drain()) == ["Ended transport"] * 19 + ["FlowClosed"]
