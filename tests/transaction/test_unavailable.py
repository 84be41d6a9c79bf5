"""Servers that want no requests for a while."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.flow import Flow, Target
from offhook.sip.message import Response
from offhook.sip.serializer import new_response
from offhook.transaction.unavailable import DEAD, LONGEST, MOST_SERVERS, TRIAL, UnavailableServers

START = 1000.0


def at(seconds: float) -> Moment:
    return Moment(START + seconds, 0.0)


def target(host: str, transport: str = "UDP", port: int = 5060) -> Target:
    return Target(transport, host, port, "x", ("192.0.2.1", 5060), "192.0.2.1:5060")


def flow(host: str) -> Flow:
    return Flow("UDP", "x", ("192.0.2.1", 5060), (host, 5060))


def refusal(*after: str) -> Response:
    draft = new_response(503)
    for value in after:
        draft.add("Retry-After", value)
    return draft.response()


@pytest.mark.rfc("3261 21.5.4 #3")
def test_a_server_is_left_alone_as_long_as_it_says() -> None:
    servers = UnavailableServers()
    targets = [target("192.0.2.7"), target("192.0.2.8"), target("192.0.2.7", "TCP"), target("192.0.2.7", port=5070)]
    assert servers.without(targets, at(0)) == targets
    servers.note(refusal("30 (tea);duration=5"), flow("192.0.2.7"), at(0))
    assert servers.without(targets, at(29.9)) == targets[1:]
    assert servers.without(targets, at(30)) == targets
    assert servers.without(targets, at(0)) == targets


@pytest.mark.rfc("3261 21.5.4 #1")
@pytest.mark.parametrize("after", [(), ("later",), ("0",)])
def test_one_that_says_no_time_is_asked_again_at_once(after: tuple[str, ...]) -> None:
    servers = UnavailableServers()
    servers.note(refusal(*after), flow("192.0.2.7"), at(0))
    assert len(servers.without([target("192.0.2.7")], at(0))) == 1


def test_nobody_is_left_alone_for_hours() -> None:
    servers = UnavailableServers()
    servers.note(refusal("4294967295"), flow("192.0.2.7"), at(0))
    assert servers.without([target("192.0.2.7")], at(LONGEST - 1)) == []
    assert len(servers.without([target("192.0.2.7")], at(LONGEST + 1))) == 1


def test_the_list_that_is_given_stays_whole() -> None:
    servers = UnavailableServers()
    targets = [target("192.0.2.7")]
    servers.without(targets, at(0)).clear()
    assert len(targets) == 1


def test_no_more_than_so_many_are_noted_and_those_of_the_past_make_room() -> None:
    servers = UnavailableServers()
    for number in range(MOST_SERVERS):
        servers.note(refusal("10"), flow(f"h{number}"), at(0))
    servers.note(refusal("10"), flow("late"), at(5))
    assert len(servers.without([target("late")], at(5))) == 1
    servers.note(refusal("10"), flow("later"), at(11))
    assert servers.without([target("later")], at(11)) == []


# Those that have died (RFC 3263 4.3)


def test_a_dead_server_comes_after_all_others() -> None:
    servers = UnavailableServers()
    targets = [target("192.0.2.7"), target("192.0.2.8"), target("192.0.2.7", "TCP"), target("192.0.2.7", port=5070)]
    servers.failed(flow("192.0.2.7"), at(0))
    assert servers.without(targets, at(DEAD - 1)) == [*targets[1:], targets[0]]
    assert servers.dead_last(targets, at(DEAD - 1)) == [*targets[1:], targets[0]]


def test_a_dead_server_that_is_the_only_one_is_tried_all_the_same() -> None:
    servers = UnavailableServers()
    servers.failed(flow("192.0.2.7"), at(0))
    assert len(servers.without([target("192.0.2.7")], at(1))) == 1


def test_one_request_finds_out_whether_the_dead_live_again() -> None:
    servers = UnavailableServers()
    targets = [target("192.0.2.7"), target("192.0.2.8")]
    servers.failed(flow("192.0.2.7"), at(0))
    assert servers.dead_last(targets, at(DEAD)) == targets
    assert servers.dead_last(targets, at(DEAD + TRIAL - 1)) == targets[::-1]
    assert servers.dead_last(targets, at(DEAD + TRIAL)) == targets


def test_a_response_shows_that_a_server_lives() -> None:
    servers = UnavailableServers()
    targets = [target("192.0.2.7"), target("192.0.2.8")]
    servers.failed(flow("192.0.2.7"), at(0))
    servers.answered(flow("192.0.2.9"))
    assert servers.without(targets, at(1)) == targets[::-1]
    servers.answered(flow("192.0.2.7"))
    assert servers.without(targets, at(1)) == targets


def test_no_more_than_so_many_dead_are_known_and_those_of_the_past_make_room() -> None:
    servers = UnavailableServers()
    for number in range(MOST_SERVERS):
        servers.failed(flow(f"h{number}"), at(0))
    pair = [target("late"), target("living")]
    servers.failed(flow("late"), at(DEAD - 1))
    assert servers.dead_last(pair, at(DEAD - 1)) == pair
    servers.failed(flow("late"), at(DEAD))
    assert servers.dead_last(pair, at(DEAD)) == pair[::-1]


def test_who_wants_none_is_left_out_among_the_dead_too() -> None:
    servers = UnavailableServers()
    targets = [target("192.0.2.7"), target("192.0.2.8"), target("192.0.2.9")]
    servers.failed(flow("192.0.2.7"), at(0))
    servers.note(refusal("30"), flow("192.0.2.8"), at(0))
    assert servers.without(targets, at(1)) == [targets[2], targets[0]]
    assert servers.dead_last(targets, at(1)) == [*targets[1:], targets[0]]
