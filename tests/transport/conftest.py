"""Every test of this folder that needs an event loop runs on asyncio's own and on uvloop's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import pytest_asyncio
import uvloop

from offhook.transport.driver import Driver
from offhook.transport.listener import Listener
from tests.transport.certificates import Authority
from tests.transport.fake_dns import FakeDns
from tests.transport.support import Recorder, Tapped, started


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture
async def name_server() -> AsyncIterator[FakeDns]:
    """A name server of our own on loopback."""
    server = FakeDns()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def authority() -> Authority:
    """A certificate authority."""
    return Authority("Test Authority")


class Drivers:
    """Makes drivers and closes them in the end."""

    def __init__(self) -> None:
        self.all: list[Driver[Recorder]] = []

    async def __call__(self, *listeners: Listener, tap: Tapped | None = None, **options: object) -> Driver[Recorder]:
        driver = await started(*listeners, tap=tap, **options)
        self.all.append(driver)
        return driver


@pytest_asyncio.fixture
async def drivers() -> AsyncIterator[Drivers]:
    """`await drivers(listener, ...)` starts one."""
    made = Drivers()
    yield made
    for driver in made.all:
        await driver.close()
