from __future__ import annotations

import structlog
from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.location import outage
from offhook.location.outage import Outage

FULL = OSError("the disk is full")


def at(seconds: float) -> Moment:
    return Moment(100.0 + seconds, 1e9)


def test_all_names_exist() -> None:
    assert all(hasattr(outage, name) for name in outage.__all__)


def told(*events: tuple[float, bool]) -> list[tuple[str, int, int]]:
    """What is written when at these seconds something works or does not: the event, its count and its seconds."""
    with capture_logs() as logs:
        service = Outage(structlog.get_logger(), "it fails", "it works")
        for seconds, works in events:
            if works:
                service.worked(at(seconds))
            else:
                service.failed(FULL, at(seconds), call_id="a@b")
    for entry in logs:
        if entry["event"] == "it fails":
            assert (entry["error"], entry["call_id"], entry["log_level"]) == ("the disk is full", "a@b", "error")
    return [(entry["event"], entry.get("failed", 1), entry.get("seconds", 0)) for entry in logs]


def test_nothing_is_said_of_what_works() -> None:
    assert told((0, True), (1, True)) == []


def test_failures_are_said_when_they_begin_once_a_minute_and_when_they_are_over() -> None:
    failures = [(float(second), False) for second in range(130)]
    assert told(*failures, (135, True), (136, True)) == [
        ("it fails", 1, 0),
        ("it fails", 61, 60),
        ("it fails", 121, 120),
        ("it works", 130, 135),
    ]


def test_what_fails_now_and_then_does_not_fill_the_log() -> None:
    mixed = [(second / 2, second % 2 == 0) for second in range(100)]
    assert told(*mixed) == [("it fails", 1, 0)]


def test_a_second_outage_is_another() -> None:
    assert [event for event, *_ in told((0, False), (10, True), (11, False), (20, True))] == [
        *("it fails", "it works"),
        *("it fails", "it works"),
    ]
