"""How much an engine takes on at once: what is turned away, what goes on, and that the counts come back to zero."""

from __future__ import annotations

import pytest

from offhook.flow import Flow
from offhook.sip.message import Request
from offhook.stack import FAILED
from offhook.transaction import capacity
from offhook.transaction.capacity import Capacity
from tests.engine import UDP, Bench, accepted, incoming, sent, shown


def via(number: int | str) -> str:
    return f"SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{number}"


def full(unanswered: int = 4, transactions: int = 100) -> Bench:
    """An engine with as many unanswered requests as it takes."""
    bench = Bench(capacity=Capacity(transactions, unanswered))
    for number in range(min(unanswered, transactions)):
        bench.accept(incoming(via=via(number)))
    return bench


def test_all_names_exist() -> None:
    assert all(hasattr(capacity, name) for name in capacity.__all__)


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "REGISTER", "FOO"])
@pytest.mark.parametrize(("unanswered", "transactions"), [(4, 100), (100, 4)])
def test_one_too_many_is_told_when_to_come_again(method: str, unanswered: int, transactions: int) -> None:
    bench = full(unanswered, transactions)
    turned_away: list[Request] = []
    bench.stack.on_turned_away = lambda request, flow, now: turned_away.append(request)
    (answer,) = sent(bench.receive(incoming(method, via("x"))))
    assert shown(bench.receive(incoming(method, via("x")))) == ["503"]
    assert 5 <= int((answer.octets("retry-after") or b"").decode()) <= 10
    assert len(bench.stack.transactions.servers) == 4
    assert (bench.stack.counters.turned_away, len(turned_away)) == (2, 2)


def test_not_all_come_again_at_once() -> None:
    bench = full()
    answers = [sent(bench.receive(incoming(via=via(number))))[0] for number in range(50, 90)]
    assert {answer.octets("retry-after") for answer in answers} == {str(n).encode() for n in range(5, 11)}


@pytest.mark.parametrize("method", ["INVITE", "BYE", "INFO", "UPDATE"])
def test_calls_that_exist_go_on(method: str) -> None:
    bench = full()
    within = {"To": "<sip:bob@192.0.2.1>;tag=b"}
    bench.accept(incoming(method, via(10), **within))
    # A quarter more, and that is all.
    assert shown(bench.receive(incoming(method, via(11), **within))) == ["503"]


def test_an_ack_and_a_cancel_are_never_turned_away() -> None:
    bench = full()
    within = {"To": "<sip:bob@192.0.2.1>;tag=b"}
    bench.accept(incoming("BYE", via(10), **within))
    assert shown(bench.receive(incoming("ACK", via(12), CSeq="1 ACK", **within))) == ["RequestReceived"]
    assert shown(bench.receive(incoming("CANCEL", via(0)))) == ["200", "Cancelled"]
    assert shown(bench.receive(incoming("CANCEL", via(13)))) == ["RequestReceived"]


def test_what_is_sent_again_is_not_counted_again() -> None:
    bench = full()
    assert bench.receive(incoming(via=via(0))) == []


def test_whoever_is_answered_makes_room() -> None:
    bench = Bench(capacity=Capacity(100, 1))
    first = bench.accept(incoming(via=via(0)))
    bench.respond(first, 180)
    assert shown(bench.receive(incoming(via=via(10)))) == ["503"]
    bench.respond(first, 486)
    assert shown(bench.receive(incoming(via=via(10)))) == ["RequestReceived"]


@pytest.mark.parametrize("flow", [UDP, accepted()], ids=["udp", "tcp"])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
@pytest.mark.parametrize("status", [200, 486, 0])
def test_the_count_comes_back_to_zero(flow: Flow, method: str, status: int) -> None:
    bench = Bench()
    bench.stack.flow_changed(flow, "connected", "", bench.now)
    transaction = bench.accept(incoming(method), flow)
    assert bench.stack.transactions.unanswered == 1
    if status:
        bench.respond(transaction, status)
        assert bench.stack.transactions.unanswered == 0
        if method == "INVITE" and status == 200:
            bench.respond(transaction, 200)
    bench.stack.flow_changed(flow, FAILED, "gone", bench.now)
    bench.pass_time(40)
    left = 1 if method == "INVITE" and not status else 0  # an INVITE waits for its user
    assert bench.stack.transactions.unanswered == left
    assert len(bench.stack.transactions.servers) == left


def test_the_half_of_those_who_show_no_password() -> None:
    bench = Bench(capacity=Capacity(100, 4))
    bench.accept(incoming(via=via(0)))
    assert not bench.stack.capacity.is_half_full(bench.stack.transactions)
    bench.accept(incoming(via=via(1)))
    assert bench.stack.capacity.is_half_full(bench.stack.transactions)
    assert Capacity(4, 100).is_half_full(bench.stack.transactions)


@pytest.mark.parametrize("wrong", [(0, 1), (1, 0)])
def test_nothing_at_all_is_no_capacity(wrong: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Capacity(*wrong)
