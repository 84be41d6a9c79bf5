from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from structlog.testing import capture_logs

from offhook.storage import slowness
from offhook.storage.slowness import Slowness

SLOW = "the disk is slow: what is to be kept waits for it"
OVER = "the disk keeps up again"


class Clock:
    """An event loop's time and timers, in virtual time."""

    def __init__(self) -> None:
        self.now = 5.0
        self.timers: list[tuple[float, Callable[[], None], Clock]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Clock:
        self.timers.append((self.now + delay, call, self))
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            self.now, call, _ = self.timers.pop(0)
            call()
        self.now = end


def said(*steps: tuple[float, int, int]) -> list[tuple[str, int]]:
    """What is said, with its seconds, when after each time so many are asked for and so many done."""
    clock = Clock()
    watch = Slowness("a.db", cast("asyncio.AbstractEventLoop", clock))
    with capture_logs() as logs:
        for seconds, asked, done in steps:
            clock.advance(seconds)
            for _ in range(asked):
                watch.asked()
            watch.done(done)
            assert len(clock.timers) <= 1
    watch.end()
    assert clock.timers == []
    assert {entry["path"] for entry in logs} <= {"a.db"}
    return [(entry["event"], entry["seconds"]) for entry in logs]


def test_all_names_exist() -> None:
    assert all(hasattr(slowness, name) for name in slowness.__all__)


def test_nothing_is_said_of_a_disk_that_keeps_up() -> None:
    assert said((0, 1, 0), *[(1.5, 1, 1)] * 30, (1.5, 0, 1), (100, 0, 0)) == []


def test_a_stall_is_said_once_while_it_lasts_and_when_it_is_over() -> None:
    assert said((0, 3, 0), (9, 5, 0), (0.5, 0, 8), (20, 0, 0)) == [(SLOW, 2), (OVER, 10)]


def test_a_long_stall_is_said_each_minute() -> None:
    assert said((0, 1, 0), (125, 0, 0)) == [(SLOW, 2), (SLOW, 62), (SLOW, 122)]


def test_a_backlog_that_moves_is_no_stall_until_it_does_not() -> None:
    moving = [(0.5, 2, 2)] * 20
    assert said((0, 3, 0), *moving) == []
    assert said((0, 3, 0), *moving, (4, 0, 0)) == [(SLOW, 2)]


def test_a_second_stall_is_said_anew() -> None:
    stall = ((0, 1, 0), (5, 0, 1), (5, 0, 0))
    assert [event for event, _ in said(*stall, *stall)] == [SLOW, OVER, SLOW, OVER]
