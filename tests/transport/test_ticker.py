"""Ticks that share a timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from offhook import clock
from offhook.transport.ticker import GRID, Ticker

EARLY = 0.0011


class Ticks:
    """Who is called, and when."""

    def __init__(self) -> None:
        self.ticker = Ticker()
        self.called: list[tuple[str, float]] = []
        self.changed = asyncio.Event()

    def start(self, name: str, deadline: float, after: Callable[[], None] | None = None) -> None:
        def tick() -> None:
            self.called.append((name, clock.now().monotonic))
            self.changed.set()
            if after is not None:
                after()

        self.ticker.start(deadline, tick)

    async def wait_for(self, count: int) -> list[str]:
        async with asyncio.timeout(20):
            while len(self.called) < count:
                self.changed.clear()
                await self.changed.wait()
        return [name for name, _ in self.called]


async def test_none_is_called_before_its_time_and_all_in_their_order() -> None:
    ticks = Ticks()
    now = clock.now().monotonic
    deadlines = {"c": now + 0.03, "a": now + 0.01, "b": now + 0.02}
    for name, deadline in deadlines.items():
        ticks.start(name, deadline)
    assert await ticks.wait_for(3) == ["a", "b", "c"]
    assert all(at >= deadlines[name] - EARLY for name, at in ticks.called)


async def test_what_falls_close_together_takes_one_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = Ticks()
    loop = asyncio.get_running_loop()
    delays: list[float] = []
    call_later = loop.call_later

    def counted(delay: float, callback: Callable[..., None], *arguments: Any, **more: Any) -> asyncio.TimerHandle:
        if getattr(callback, "__self__", None) is ticks.ticker:
            delays.append(delay)
        return call_later(delay, callback, *arguments, **more)

    monkeypatch.setattr(loop, "call_later", counted)
    start = (int(clock.now().monotonic / GRID) + 4) * GRID
    for number in range(100):
        ticks.start(str(number), start + GRID * (number + 1) / 101)
    await ticks.wait_for(100)
    # One more where the loop woke too early.
    assert len(delays) <= 2


async def test_one_that_starts_itself_again_goes_on() -> None:
    ticks = Ticks()
    begun = clock.now().monotonic

    def again() -> None:
        number = len(ticks.called)
        if number < 5:
            ticks.start(str(number), begun + 0.02 * number, again)

    ticks.start("0", begun, again)
    assert await ticks.wait_for(5) == ["0", "1", "2", "3", "4"]
    assert ticks.called[-1][1] >= begun + 0.08 - EARLY


async def test_one_whose_time_is_past_is_called_and_keeps_nobody_waiting() -> None:
    ticks = Ticks()
    late = clock.now().monotonic - 1

    def again() -> None:
        if len(ticks.called) < 50:
            ticks.start("late", late, again)

    ticks.start("late", late, again)
    handed = asyncio.get_running_loop().create_task(asyncio.sleep(0, "others go on"))
    assert await handed == "others go on"
    assert len(ticks.called) < 50
    await ticks.wait_for(50)


async def test_a_fault_of_one_silences_no_other(caplog: pytest.LogCaptureFixture) -> None:
    ticks = Ticks()

    def fail() -> None:
        raise RuntimeError("a fault")

    now = clock.now().monotonic
    ticks.start("broken", now, fail)
    ticks.start("sound", now)
    assert await ticks.wait_for(2) == ["broken", "sound"]
    assert "a tick failed" in caplog.text
