from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from offhook.clock import Moment
from offhook.location.base import Later
from offhook.location.binding import Binding
from offhook.location.later import AwaitLater
from tests.location.bindings import at, bound


class Driver:
    """Lets a role act, as a driver does."""

    def __init__(self) -> None:
        self.calls = 0
        self.outcomes: list[object] = []

    def call(self, act: Callable[[Moment], None]) -> None:
        self.calls += 1
        act(at(self.calls))

    def done(self, outcome: object, now: Moment) -> None:
        assert now.monotonic == self.calls
        self.outcomes.append(outcome)


def test_it_is_what_the_roles_ask_for() -> None:
    of_bindings: Later = AwaitLater(Driver().call)
    of_anything: Callable[[Awaitable[object], Callable[[object, Moment], None]], None] = AwaitLater(Driver().call)
    assert callable(of_bindings)
    assert callable(of_anything)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_future_is_waited_for_without_a_task() -> None:
    driver = Driver()
    future: asyncio.Future[list[Binding]] = asyncio.get_running_loop().create_future()
    tasks = asyncio.all_tasks()
    AwaitLater(driver.call)(future, driver.done)
    assert asyncio.all_tasks() == tasks
    await settle()
    assert driver.outcomes == []
    bindings = [bound()]
    future.set_result(bindings)
    await settle()
    assert driver.outcomes == [bindings]


@pytest.mark.parametrize("outcome", [[], [bound()], ValueError("no")])
async def test_a_coroutine_is_run(outcome: list[Binding] | Exception) -> None:
    async def look_up() -> list[Binding]:
        await asyncio.sleep(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    driver = Driver()
    AwaitLater(driver.call)(look_up(), driver.done)
    await settle()
    assert driver.outcomes == [outcome]
    assert driver.calls == 1


async def test_what_was_given_up_is_told_to_nobody() -> None:
    driver = Driver()
    future: asyncio.Future[list[Binding]] = asyncio.get_running_loop().create_future()
    later = AwaitLater(driver.call)
    later(future, driver.done)
    future.cancel()
    await settle()
    assert driver.calls == 0
