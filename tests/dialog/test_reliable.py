"""Reliable provisional responses at both ends (RFC 3262 3, 4)."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.dialog.reliable import ProvisionalOrder, ReliableResponses, Sequence
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft, reply
from offhook.transaction.table import TransactionTable
from offhook.transaction.timers import TimerValues
from tests.dialog.messages import request, response

START = Moment(0.0, 0.0)


class Bench:
    """The responses to one INVITE with their own clock."""

    def __init__(self, first: int = 7) -> None:
        self.table = TransactionTable(TimerValues())
        self.sent: list[tuple[float, int, int | None]] = []
        self.given_up: list[float] = []
        self.settled: list[float] = []
        self.invite = request()
        self.responses = ReliableResponses(self.table, self.invite, first, self.send, self.give_up, self.settle)

    def send(self, response: Response, now: Moment) -> None:
        assert response.tokens("Require") == ["100rel"]
        self.sent.append((now.monotonic, response.status, response.number("RSeq")))

    def give_up(self, now: Moment) -> None:
        self.given_up.append(now.monotonic)

    def settle(self, now: Moment) -> None:
        self.settled.append(now.monotonic)

    def draft(self, status: int) -> Draft:
        return reply(self.invite, status, None, "mine")

    def run(self, until: float = 100.0) -> None:
        timers = self.table.timers
        deadline = timers.next_deadline()
        while deadline is not None and deadline <= until:
            now = Moment(deadline, deadline)
            due = timers.take_due(now)
            assert due is not None
            due[0].fire(due[1], None, now)  # type: ignore[attr-defined]
            deadline = timers.next_deadline()


def prack(rack: str) -> Request:
    return request("PRACK", cseq=314160, headers=(("RAck", rack),))


def test_a_response_is_sent_until_its_prack() -> None:
    bench = Bench()
    bench.responses.add(bench.draft(183), False, START)
    bench.run(until=2.0)
    assert bench.sent == [(0.0, 183, 7), (0.5, 183, 7), (1.5, 183, 7)]
    assert bench.responses.matches(prack("7 314159 INVITE"))
    bench.responses.acknowledge(Moment(2.0, 2.0))
    bench.run()
    assert len(bench.sent) == 3
    assert bench.settled == [2.0]
    assert len(bench.table.timers) == 0
    # A PRACK for what is acknowledged already.
    assert not bench.responses.matches(prack("7 314159 INVITE"))


@pytest.mark.parametrize("rack", ["8 314159 INVITE", "7 314160 INVITE", "7 314159 UPDATE", "6 314159 INVITE"])
def test_a_prack_has_to_name_the_response(rack: str) -> None:
    bench = Bench()
    bench.responses.add(bench.draft(180), False, START)
    assert not bench.responses.matches(prack(rack))


def test_a_prack_without_rack_or_before_any_response_matches_nothing() -> None:
    bench = Bench()
    assert not bench.responses.matches(prack("7 314159 INVITE"))
    bench.responses.acknowledge(START)
    bench.responses.add(bench.draft(180), False, START)
    assert not bench.responses.matches(request("PRACK", headers=()))
    assert bench.settled == []


def test_the_next_one_waits_and_bears_the_next_number() -> None:
    bench = Bench()
    bench.responses.add(bench.draft(180), False, START)
    bench.responses.add(bench.draft(183), False, START)
    bench.responses.add(bench.draft(182), False, START)
    assert bench.sent == [(0.0, 180, 7)]
    bench.responses.acknowledge(Moment(0.1, 0.1))
    assert bench.sent == [(0.0, 180, 7), (0.1, 183, 8)]
    assert bench.responses.matches(prack("8 314159 INVITE"))
    bench.responses.acknowledge(Moment(0.2, 0.2))
    assert bench.settled == []
    bench.responses.acknowledge(Moment(0.3, 0.3))
    assert bench.settled == [0.3]


@pytest.mark.rfc("3262 5")
def test_only_a_session_description_holds_back_the_2xx() -> None:
    bench = Bench()
    responses = bench.responses
    held_back: list[bool] = []
    for step in ("180", "183 with SDP", "PRACK", "PRACK", "180"):
        if step == "PRACK":
            responses.acknowledge(START)
        else:
            responses.add(bench.draft(int(step[:3])), step.endswith("SDP"), START)
        held_back.append(responses.holds_back_success)
    assert held_back == [False, True, True, False, False]


def test_without_a_prack_it_gives_up_after_64_t1() -> None:
    bench = Bench()
    bench.responses.add(bench.draft(180), False, START)
    bench.responses.add(bench.draft(183), False, START)
    bench.run()
    assert bench.given_up == [32.0]
    assert {number for _, _, number in bench.sent} == {7}


def test_after_a_final_response_nothing_is_sent_but_a_late_prack_matches() -> None:
    bench = Bench()
    bench.responses.add(bench.draft(180), False, START)
    bench.responses.add(bench.draft(183), False, START)
    bench.responses.stop(Moment(0.1, 0.1))
    bench.run()
    assert len(bench.sent) == 1
    assert bench.given_up == []
    assert bench.responses.matches(prack("7 314159 INVITE"))
    bench.responses.acknowledge(Moment(0.2, 0.2))
    assert len(bench.sent) == 1


@pytest.mark.parametrize(("random", "number"), [(0, 1), (2**31 - 2, 2**31 - 1), (2**31 - 1, 1)])
def test_the_first_number_lies_between_1_and_2_to_the_31(random: int, number: int) -> None:
    assert ReliableResponses.first_number(random) == number


def provisional(status: int, *headers: tuple[str, str]) -> Response:
    return response(status, headers)


@pytest.mark.parametrize(
    ("received", "reliable"),
    [
        (provisional(183, ("Require", "foo, 100REL"), ("RSeq", "1")), True),
        (provisional(183, ("Require", "100rel")), False),
        (provisional(183, ("RSeq", "1")), False),
        (provisional(100, ("Require", "100rel"), ("RSeq", "1")), False),
        (provisional(200, ("Require", "100rel"), ("RSeq", "1")), False),
    ],
)
@pytest.mark.rfc("3262 4")
def test_which_responses_ask_for_a_prack(received: Response, reliable: bool) -> None:
    assert ProvisionalOrder.is_reliable(received) is reliable


@pytest.mark.rfc("3262 4")
def test_the_first_number_counts_and_the_next_is_one_higher() -> None:
    order = ProvisionalOrder()
    taken = [order.take(provisional(183, ("RSeq", str(number)))) for number in (988789, 988789, 988791, 988790, 988791)]
    assert taken == [Sequence.NEXT, Sequence.REPEATED, Sequence.OUT_OF_ORDER, Sequence.NEXT, Sequence.NEXT]
    assert order.take(provisional(183, ("RSeq", "1"))) is Sequence.REPEATED
