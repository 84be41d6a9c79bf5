"""The engine: what comes in, what goes out, and what becomes of failures. Flows are in test_stack_flows.py."""

from __future__ import annotations

import pytest

from offhook.errors import InvalidState
from offhook.sip.message import Request, Response
from offhook.sip.parser import Limits, parse
from offhook.sip.serializer import reply
from offhook.transaction.effects import (
    Cancelled,
    Effect,
    Ended,
    RequestReceived,
    ResponseReceived,
    TimerFired,
    Transmit,
)
from offhook.transaction.machine import State
from tests.engine import PEER, TARGET, TCP_TARGET, UDP, VIA, Bench, incoming, outgoing, sent, shown

# Requests that come


@pytest.mark.rfc("3261 17.2.1 #3")
def test_a_request_is_offered_to_the_role_before_anything_is_kept() -> None:
    bench = Bench()
    event = bench.offered(incoming())
    assert (event.request.method, event.flow, event.transaction) == ("INVITE", UDP, None)
    assert bench.left() == 0
    assert bench.stack.counters.requests == 1


@pytest.mark.rfc("3261 18.2.1 #4", "3261 18.2.1 #5")
def test_the_top_via_tells_where_the_request_came_from() -> None:
    bench = Bench()
    event = bench.offered(incoming(via="SIP/2.0/UDP phone.example.com:5070;branch=z9hG4bKone;rport"))
    assert str(event.request.vias[0]) == (
        "SIP/2.0/UDP phone.example.com:5070;branch=z9hG4bKone;rport=5060;received=198.51.100.7"
    )


@pytest.mark.rfc("3261 17.2.1 #4", "3261 17.2.1 #5")
def test_what_is_sent_again_reaches_its_transaction_alone() -> None:
    bench = Bench()
    transaction = bench.accept(incoming())
    assert bench.receive(incoming()) == []
    assert shown(bench.respond(transaction, 180)) == ["180"]
    assert shown(bench.receive(incoming())) == ["180"]


def test_a_request_is_accepted_once() -> None:
    """A role that let a request wait without a transaction is told when it takes what was sent again."""
    bench = Bench()
    first, second = bench.offered(incoming()), bench.offered(incoming())
    bench.stack.accept(first.request, UDP, bench.now)
    with pytest.raises(InvalidState):
        bench.stack.accept(second.request, UDP, bench.now)
    ack = bench.offered(incoming("ACK", via=f"{VIA}2"))
    with pytest.raises(InvalidState):
        bench.stack.accept(ack.request, UDP, bench.now)


@pytest.mark.rfc("3261 17.2.1 #12")
def test_the_ack_to_a_failure_is_absorbed_and_the_ack_to_a_2xx_is_told() -> None:
    bench = Bench()
    refused = bench.accept(incoming())
    bench.respond(refused, 486)
    assert bench.receive(incoming("ACK")) == []
    assert refused.state is State.CONFIRMED
    answered = bench.accept(incoming(via=f"{VIA}2"))
    bench.respond(answered, 200)
    event = bench.offered(incoming("ACK", via=f"{VIA}2"))
    assert (event.request.method, event.transaction) == ("ACK", answered)
    assert bench.offered(incoming("ACK", via=f"{VIA}3")).transaction is None


@pytest.mark.rfc("6026 6 #5", "6026 7.1 #4")
def test_the_ack_to_a_2xx_is_told_without_the_magic_cookie_too() -> None:
    """An RFC 2543 client's ACK has the branch of its INVITE, or none: it belongs to the same transaction."""
    bench = Bench()
    via = "SIP/2.0/UDP 198.51.100.7:5060"
    answered = bench.accept(incoming(via=via))
    bench.respond(answered, 200)
    event = bench.offered(incoming("ACK", via, To="<sip:bob@192.0.2.1>;tag=b"))
    assert (event.request.method, event.transaction, answered.state) == ("ACK", answered, State.ACCEPTED)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"CSeq": "1 OPTIONS"}, 400),
        ({"Content-Length": "7"}, 400),
    ],
)
@pytest.mark.rfc("3261 18.3 #3")
def test_a_request_that_no_element_takes_is_answered_by_the_engine(change: dict[str, str], status: int) -> None:
    bench = Bench()
    data = incoming().request().serialize()
    for name, value in change.items():
        old = next(line for line in data.split(b"\r\n") if line.startswith(name.encode()))
        data = data.replace(old, f"{name}: {value}".encode())
    answers = sent(bench.receive(data))
    assert [answer.status for answer in answers if isinstance(answer, Response)] == [status]
    assert answers[0].texts("Warning") != []
    assert (bench.left(), bench.stack.counters.refused) == (0, 1)


def test_an_ack_that_no_element_takes_is_dropped() -> None:
    bench = Bench()
    assert bench.receive(incoming("ACK", CSeq="1 OPTIONS")) == []


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        (b"SIP/2.0\r\n", 400),
        (b"SIP/7.0\r\n", 505),
    ],
)
def test_bytes_that_are_no_request_are_answered_from_what_was_found(broken: bytes, status: int) -> None:
    bench = Bench()
    data = incoming().request().serialize()
    if status == 505:
        data = data.replace(b"SIP/2.0\r\n", broken, 1)
    else:
        data = data.replace(b"CSeq: 1 INVITE", b"CSeq: one INVITE")
    effect = bench.one(data)
    assert isinstance(effect, Transmit)
    assert effect.data.startswith(b"SIP/2.0 %d " % status)
    assert b"\r\nCall-ID: call\r\n" in effect.data
    assert bench.stack.counters.broken == 1


def test_what_only_matching_reads_may_still_be_broken() -> None:
    """A peer without the magic cookie is known by its From tag among others."""
    bench = Bench()
    message = incoming(via="SIP/2.0/UDP 198.51.100.7:5060", From='"never closed <sip:alice@198.51.100.7>')
    effect = bench.one(message)
    assert isinstance(effect, Transmit)
    assert effect.data.startswith(b"SIP/2.0 400 ")
    assert bench.stack.counters.broken == 1
    assert bench.receive(reply(message.request(), 200)) == []


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\x00\xff", b"SIP/2.0 200 OK\r\n\r\n", b"ACK sip:x SIP/2.0\r\n\r\n"])
def test_noise_is_counted_and_dropped(data: bytes) -> None:
    bench = Bench()
    assert bench.receive(data) == []
    assert bench.stack.counters.broken == 1


def test_limits_hold_for_what_is_received() -> None:
    bench = Bench(limits=Limits(octets=500))
    answer = sent(bench.receive(incoming().body(b"x" * 600, "text/plain")))[0]
    assert isinstance(answer, Response)
    assert answer.status == 513


# Responses that go


@pytest.mark.rfc("3261 8.2.7 #5")
def test_a_stateless_answer_is_the_same_each_time() -> None:
    bench = Bench()
    answers = []
    for _ in range(2):
        event = bench.offered(incoming("OPTIONS"))
        bench.stack.refuse(event.request, UDP, 405, (("Allow", "INVITE"),))
        answers += bench.stack.drain()
    first, second = answers
    assert isinstance(first, Transmit)
    assert isinstance(second, Transmit)
    assert first.data == second.data
    answer = parse(first.data)
    assert answer.to_tag is not None
    assert (answer.texts("Allow"), first.flow, bench.left()) == (["INVITE"], UDP, 0)


@pytest.mark.rfc("3261 8.2.7 #3")
def test_an_ack_is_never_answered() -> None:
    bench = Bench()
    ack = bench.offered(incoming("ACK"))
    bench.stack.refuse(ack.request, UDP, 400)
    assert bench.stack.drain() == []


def test_responses_go_back_by_the_via() -> None:
    bench = Bench()
    transaction = bench.accept(incoming(via="SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKone"))
    effect = bench.respond(transaction, 200)[0]
    assert isinstance(effect, Transmit)
    assert effect.flow.remote == (PEER[0], 5070)


# Requests that go


@pytest.mark.rfc(
    "5393 4.2.1 #2",
    "5393 4.2.1 #3",
    "3581 3 #1",
    "3261 8.1.1.7 #1",
    "3261 8.1.1.7 #2",
    "3261 8.1.1.7 #3",
    "3261 8.1.1.7 #5",
    "3261 18.1.1 #7",
)
def test_a_request_gets_its_via_and_its_transaction() -> None:
    bench = Bench()
    transaction = bench.stack.send(outgoing("OPTIONS"), TARGET, bench.now, "me", "abc")
    effect = bench.stack.drain()[0]
    assert isinstance(effect, Transmit)
    request = parse(effect.data)
    assert isinstance(request, Request)
    via = request.vias[0]
    assert b"\r\nVia: SIP/2.0/UDP " in effect.data
    assert (via.transport, via.sent_by, via.params["rport"]) == ("UDP", "192.0.2.1:5060", None)
    assert via.branch is not None
    assert via.branch.startswith("z9hG4bK")
    assert via.branch.endswith("-abc")
    assert (transaction.user, effect.flow.remote, request.content_length) == ("me", PEER, 0)


@pytest.mark.rfc("5393 4.2.1 #3", "3261 8.1.1.7 #4")
def test_no_branch_is_used_twice() -> None:
    bench = Bench()
    branches = {bench.send("OPTIONS").request.branch for _ in range(1000)}
    assert len(branches) == 1000


def test_an_ack_has_no_transaction() -> None:
    bench = Bench()
    with pytest.raises(InvalidState):
        bench.send("ACK")
    assert (bench.stack.drain(), bench.left()) == ([], 0)


@pytest.mark.rfc("6026 8.9 #1", "3261 18.1.2 #2")
def test_responses_reach_the_user_of_their_transaction() -> None:
    bench = Bench()
    transaction = bench.send("OPTIONS", user="me")
    bench.stack.drain()
    event = bench.answer(transaction, 200)[0]
    assert isinstance(event, ResponseReceived)
    assert (event.response.status, event.transaction) == (200, transaction)
    assert shown(bench.pass_time(5.0)) == ["Ended terminated"]
    assert bench.left() == 0


@pytest.mark.rfc("6026 7.3 #1", "6026 7.3 #2", "6026 8.9 #2")
def test_a_response_that_nobody_waits_for_goes_nowhere() -> None:
    bench = Bench()
    transaction = bench.send("OPTIONS")
    bench.stack.drain()
    other = reply(transaction.request, 200).set("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother;rport")
    assert bench.receive(other) == []
    assert bench.receive(reply(transaction.request, 200).set("CSeq", "1 BYE")) == []
    assert bench.stack.counters.stray_responses == 2


@pytest.mark.rfc("3261 18.1.2 #1")
@pytest.mark.parametrize("sent_by", ["192.0.2.1:5070", "192.0.2.9:5060", "example.com"])
def test_a_response_for_somebody_else_is_discarded(sent_by: str) -> None:
    bench = Bench()
    transaction = bench.send("OPTIONS")
    bench.stack.drain()
    data = reply(transaction.request, 200).response().serialize()
    assert bench.receive(data.replace(b"UDP 192.0.2.1:5060;", f"UDP {sent_by};".encode())) == []
    assert shown(bench.receive(data)) == ["ResponseReceived"]


@pytest.mark.rfc("3261 18.3 #2")
def test_a_response_that_was_cut_short_is_dropped() -> None:
    bench = Bench()
    transaction = bench.send("OPTIONS")
    bench.stack.drain()
    data = reply(transaction.request, 200).body(b"four", "text/plain").response().serialize()
    assert bench.receive(data[:-1]) == []
    assert (bench.stack.counters.broken, shown(bench.receive(data))) == (1, ["ResponseReceived"])


def test_the_acknowledgement_of_a_2xx_goes_by_itself_and_again_as_it_was() -> None:
    bench = Bench()
    ack = bench.stack.send_ack(outgoing("ACK"), TARGET)
    bench.stack.transmit(ack, TARGET)
    first, second = bench.stack.drain()
    assert isinstance(first, Transmit)
    assert isinstance(second, Transmit)
    assert first.data == second.data == ack.serialize()
    assert (ack.branch != bench.send("OPTIONS").request.branch, bench.left() > 0) == (True, True)


@pytest.mark.rfc("3263 4 #1", "3263 4 #2", "3263 4 #3", "3263 4.4 #1", "3261 9.1 #11")
def test_all_that_belongs_to_a_request_goes_to_the_server_that_it_went_to() -> None:
    """Sent again, cancelled, acknowledged: nothing is resolved anew."""
    for target in (TARGET, TCP_TARGET):
        bench = Bench()
        invite = bench.send(target=target)
        effects = [*bench.stack.drain(), *bench.pass_time(0.5)]
        effects += bench.answer(invite, 180)
        bench.stack.cancel(invite, bench.now)
        effects += [*bench.stack.drain(), *bench.answer(invite, 487)]
        sent_by = [(parse(effect.data).cseq_method, effect.flow) for effect in effects if isinstance(effect, Transmit)]
        again = ["INVITE"] if target is TARGET else []
        assert sent_by == [(method, invite.flow) for method in ("INVITE", *again, "CANCEL", "ACK")]
        assert invite.flow.remote == (target.host, target.port)


# CANCEL


@pytest.mark.rfc("3261 9.1 #7", "3261 9.1 #8", "3261 9.1 #9")
def test_a_cancel_waits_for_a_provisional_response() -> None:
    bench = Bench()
    invite = bench.send()
    bench.stack.drain()
    bench.stack.cancel(invite, bench.now, "SIP;cause=200")
    bench.stack.cancel(invite, bench.now, "SIP;cause=600")
    assert bench.stack.drain() == []
    assert shown(bench.answer(invite, 100)) == ["ResponseReceived", "CANCEL"]
    assert shown(bench.answer(invite, 180)) == ["ResponseReceived"]


@pytest.mark.rfc("3261 9.1 #7")
def test_a_cancel_goes_at_once_when_the_phone_rings() -> None:
    bench = Bench()
    invite = bench.send()
    bench.stack.drain()
    bench.answer(invite, 180)
    bench.stack.cancel(invite, bench.now, "SIP;cause=200")
    cancel = sent(bench.stack.drain())[0]
    assert isinstance(cancel, Request)
    assert (cancel.branch, cancel.text("Reason"), cancel.cseq_method) == (
        invite.request.branch,
        "SIP;cause=200",
        "CANCEL",
    )
    assert shown(bench.receive(reply(cancel, 200))) == ["ResponseReceived"]
    assert shown(bench.answer(invite, 487)) == ["ACK", "ResponseReceived"]


@pytest.mark.rfc("3261 9.1 #12", "3261 9.1 #13")
def test_a_cancelled_invite_that_gets_no_answer_ends() -> None:
    bench = Bench()
    invite = bench.send()
    bench.answer(invite, 180)
    bench.pass_time(60.0)
    bench.stack.cancel(invite, bench.now)
    bench.stack.drain()
    ended = [effect for effect in bench.pass_time(32.0) if isinstance(effect, Ended)]
    assert (invite, "timeout") in [(effect.transaction, effect.cause) for effect in ended]
    assert bench.left() == 0


@pytest.mark.rfc("3261 9.1 #8")
def test_a_cancel_that_never_could_go_ends_with_timer_b() -> None:
    bench = Bench()
    invite = bench.send()
    bench.stack.cancel(invite, bench.now)
    bench.stack.drain()
    assert "CANCEL" not in shown(bench.pass_time(20.0))
    assert shown(bench.pass_time(12.0))[-1] == "Ended timeout"
    assert bench.left() == 0


@pytest.mark.rfc("3261 9.1 #7", "3261 9.1 #10")
@pytest.mark.parametrize("status", [200, 486])
def test_a_final_response_needs_no_cancel(status: int) -> None:
    for cancelled_before in (True, False):
        bench = Bench()
        invite = bench.send()
        bench.stack.drain()
        if cancelled_before:
            bench.stack.cancel(invite, bench.now)
        effects = bench.answer(invite, status)
        bench.stack.cancel(invite, bench.now)
        assert "CANCEL" not in shown(effects + bench.stack.drain())


@pytest.mark.rfc("3261 9.1 #1")
def test_nothing_but_an_invite_is_cancelled() -> None:
    bench = Bench()
    transaction = bench.send("OPTIONS")
    bench.answer(transaction, 100)
    bench.stack.drain()
    bench.stack.cancel(transaction, bench.now)
    assert bench.stack.drain() == []


@pytest.mark.rfc("3261 9.2 #3")
def test_a_cancel_that_comes_is_answered_and_told() -> None:
    bench = Bench()
    invite = bench.accept(incoming())
    answer, cancelled = bench.receive(incoming("CANCEL", Reason="SIP;cause=200"))
    assert isinstance(answer, Transmit)
    assert isinstance(cancelled, Cancelled)
    assert (cancelled.transaction, cancelled.request.text("Reason")) == (invite, "SIP;cause=200")
    ok = parse(answer.data)
    assert (isinstance(ok, Response) and ok.status, ok.to_tag) == (200, invite.to_tag)
    assert shown(bench.receive(incoming("CANCEL"))) == ["200"]


@pytest.mark.rfc("3261 9.2 #3")
def test_the_answer_to_a_cancel_bears_the_tag_of_the_invites_response() -> None:
    bench = Bench()
    invite = bench.accept(incoming())
    bench.respond(invite, 180)
    answer = sent(bench.receive(incoming("CANCEL")))[0]
    assert answer.to_tag == "b"


@pytest.mark.parametrize("status", [200, 486])
def test_a_cancel_after_the_final_response_changes_nothing(status: int) -> None:
    bench = Bench()
    invite = bench.accept(incoming())
    bench.respond(invite, status)
    state = invite.state
    assert shown(bench.receive(incoming("CANCEL"))) == ["200"]
    assert invite.state is state


@pytest.mark.rfc("3261 8.2.2.3 #4")
def test_what_a_cancel_and_the_ack_to_a_failure_require_does_not_matter() -> None:
    bench = Bench()
    invite = bench.accept(incoming())
    magic = {"Require": "magic", "Proxy-Require": "wand"}
    answer, cancelled = bench.receive(incoming("CANCEL", **magic))
    assert (shown([answer]), isinstance(cancelled, Cancelled)) == (["200"], True)
    bench.respond(invite, 487)
    assert bench.receive(incoming("ACK", **magic)) == []
    assert invite.state is State.CONFIRMED


def test_a_second_cancel_by_another_branch_is_told_once() -> None:
    bench = Bench()
    bench.accept(incoming())
    bench.receive(incoming("CANCEL"))
    bench.pass_time(40.0)
    assert shown(bench.receive(incoming("CANCEL"))) == ["200"]


def test_a_cancel_for_nothing_is_the_roles() -> None:
    bench = Bench()
    assert bench.offered(incoming("CANCEL")).request.method == "CANCEL"


# Timers


def test_a_role_has_timers_of_its_own() -> None:
    bench = Bench()
    stack = bench.stack
    assert stack.next_deadline() is None
    first = stack.start_timer(3.0, "me", "late", bench.now)
    stack.start_timer(2.0, "you", "early", bench.now)
    assert stack.next_deadline() == 2.0
    stack.cancel_timer(first)
    fired = bench.pass_time(10.0)
    assert [(effect.user, effect.event) for effect in fired if isinstance(effect, TimerFired)] == [("you", "early")]
    assert (stack.next_deadline(), bench.left()) == (None, 0)


def test_timers_fire_in_the_order_of_their_deadlines() -> None:
    bench = Bench()
    for seconds in (3.0, 1.0, 2.0, 1.0):
        bench.stack.start_timer(seconds, seconds, "x", bench.now)
    fired = bench.pass_time(5.0)
    assert [effect.user for effect in fired if isinstance(effect, TimerFired)] == [1.0, 1.0, 2.0, 3.0]


def test_a_machine_goes_on_by_its_timers() -> None:
    bench = Bench()
    bench.send("OPTIONS")
    bench.stack.drain()
    assert bench.stack.next_deadline() == 0.5
    assert shown(bench.pass_time(0.5)) == ["OPTIONS"]
    assert bench.stack.next_deadline() == 1.5


# The whole


def test_a_role_may_call_the_engine_while_it_drains() -> None:
    bench = Bench()
    bench.stack.receive(incoming("OPTIONS").request().serialize(), UDP, bench.now)
    seen = []
    effects = bench.stack.drain()
    while effects:
        for effect in effects:
            seen.append(effect)
            if isinstance(effect, RequestReceived):
                transaction = bench.stack.accept(effect.request, effect.flow, bench.now)
                bench.stack.respond(transaction, reply(effect.request, 200, None, "b").response(), bench.now)
        effects = bench.stack.drain()
    assert shown(seen) == ["RequestReceived", "200"]


def run(seed: int) -> list[bytes]:
    """A little of everything, and all octets that left."""
    bench = Bench(seed)
    octets: list[bytes] = []
    effects: list[Effect] = []
    for number in range(5):
        invite = bench.send()
        bench.send("OPTIONS", TCP_TARGET)
        effects += bench.answer(invite, 180)
        bench.stack.cancel(invite, bench.now)
        effects += bench.stack.drain()
        transaction = bench.accept(incoming(via=f"{VIA}{number}"))
        effects += bench.receive(incoming("CANCEL", via=f"{VIA}{number}"))
        effects += bench.respond(transaction, 487)
        effects += bench.pass_time(number * 7.0)
    octets += [effect.data for effect in effects if isinstance(effect, Transmit)]
    return octets


def test_a_seeded_run_repeats_exactly() -> None:
    first = run(7)
    assert len(first) > 30
    assert run(7) == first
    assert run(8) != first
