"""What every thread of the storage does: open, be asked, report to the loop, end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from queue import SimpleQueue
from threading import Event, get_ident
from typing import Any

import apsw
import pytest

from offhook.errors import SipError
from offhook.storage import thread
from offhook.storage.errors import StorageError, StorageFault
from offhook.storage.thread import Inbox, Job, StorageThread


def test_all_names_exist() -> None:
    assert all(hasattr(thread, name) for name in thread.__all__)


class Counting(StorageThread):
    """Gives each job the number of its turn."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.turns = 0
        self.looks = 0
        self.looked = Event()

    def open(self) -> apsw.Connection:
        if self.path.endswith("none"):
            raise StorageError("there is none", fault=StorageFault.UNREACHABLE, path=self.path)
        return apsw.Connection(self.path)

    def do(self, jobs: list[Job]) -> None:
        self.turns += 1
        for job in jobs:
            job.result = self.turns

    def look(self) -> None:
        self.looks += 1
        if self.looks == 3:
            self.looked.set()


class Started:
    """A thread that was started, and what it has said."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.inbox: Inbox = SimpleQueue()
        self.opened: list[Exception | None] = []
        self.done: list[list[Job]] = []
        self.said_by: set[int] = set()
        self.ready, self.told, self.closed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.thread = Counting(
            str(path),
            loop or asyncio.get_running_loop(),
            self.inbox,
            on_opened=self.on_opened,
            on_done=self.on_done,
            on_closed=self.closed.set,
        )
        self.thread.start()

    def on_opened(self, error: Exception | None) -> None:
        self.opened.append(error)
        self.said_by.add(get_ident())
        self.ready.set()

    def on_done(self, jobs: list[Job]) -> None:
        self.done.append(jobs)
        self.told.set()


def job() -> Job:
    return Job(lambda connection: None, asyncio.get_running_loop().create_future(), is_single=True)


async def test_what_waits_together_is_done_together_and_in_its_order(tmp_path: Path) -> None:
    started = Started(tmp_path / "db")
    await asyncio.wait_for(started.ready.wait(), 10)
    assert started.said_by == {get_ident()}, "it speaks in the loop"
    first, second, third = job(), job(), job()
    started.inbox.put([first, second])
    await asyncio.wait_for(started.told.wait(), 10)
    started.inbox.put([third])
    started.inbox.put(None)
    await asyncio.wait_for(started.closed.wait(), 10)
    assert started.opened == [None]
    assert started.done == [[first, second], [third]]
    assert [one.result for one in (first, second, third)] == [1, 1, 2]


async def test_it_looks_around_while_nobody_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread, "WATCH_SECONDS", 0.01)
    started = Started(tmp_path / "db")
    await asyncio.to_thread(started.thread.looked.wait, 10)
    assert started.thread.looked.is_set()
    started.inbox.put(None)
    await asyncio.wait_for(started.closed.wait(), 10)


async def test_what_cannot_be_opened_is_said_and_ends_the_thread(tmp_path: Path) -> None:
    started = Started(tmp_path / "none")
    await asyncio.wait_for(started.ready.wait(), 10)
    assert isinstance(started.opened[0], SipError)
    await asyncio.to_thread(started.thread.join, 10)
    assert not started.closed.is_set()


async def test_a_loop_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    started = Started(tmp_path / "db", loop)
    started.inbox.put(None)
    await asyncio.to_thread(started.thread.join, 10)
    assert not started.thread.is_alive()
    assert started.opened == []


async def test_what_a_job_raised_is_told_in_words(tmp_path: Path) -> None:
    started = Started(tmp_path / "db")
    await asyncio.wait_for(started.ready.wait(), 10)
    full = started.thread.translated(apsw.FullError("full"))
    assert isinstance(full, StorageError)
    assert full.fault is StorageFault.FULL
    assert isinstance(started.thread.translated(StopIteration()), RuntimeError), "no future can carry the other"
    own = KeyError("own")
    assert started.thread.translated(own) is own
    started.inbox.put(None)
    await asyncio.wait_for(started.closed.wait(), 10)
