"""The disk of a simulated server: what was committed outlives the server, and commits take their time.

The database, the rows and the grouping of writes into transactions are the real ones; what is virtual is the time that
passes before a commit is done, and whether a crash comes before or after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue
from typing import Any, Final

import apsw

from offhook.clock import Moment
from offhook.ids import IdSource
from offhook.location.sqlite import LOCATION_SCHEMA, SqliteLocation
from offhook.storage.schema import migrate
from offhook.storage.sqlite import Value
from offhook.storage.thread import Job
from offhook.storage.writer import WriterThread
from offhook.testing.network import VirtualNetwork
from tests.simulation.loop import VirtualLoop

__all__ = ["Disk", "SimulatedDatabase"]

NAME: Final = "the simulated disk"
SLOWEST: Final = 3.0
"""Seconds for a commit at most; nearly all take some milliseconds."""


class Disk:
    """The file itself. `connection` stands for its content: nothing uncommitted is in there."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")

    def open(self, network: VirtualNetwork, loop: VirtualLoop, chance: IdSource) -> SimulatedDatabase:
        """What a server opens when it starts."""
        migrate(self.connection, NAME, [LOCATION_SCHEMA])
        return SimulatedDatabase(self.connection, network, loop, chance)

    def rows(self) -> int:
        """How many bindings are in the file."""
        [(count,)] = self.connection.execute("SELECT count(*) FROM binding")
        return int(str(count))


class SimulatedDatabase:
    """A `Database` in virtual time: writes that are asked for while one commits go into the next transaction."""

    def __init__(
        self, connection: apsw.Connection, network: VirtualNetwork, loop: VirtualLoop, chance: IdSource
    ) -> None:
        self._network = network
        self._loop = loop
        self._chance = chance
        self._writer = WriterThread(
            NAME,
            (LOCATION_SCHEMA,),
            loop.as_loop,
            SimpleQueue(),
            on_opened=_nothing,
            on_done=_nothing,
            on_change=_nothing,
            on_closed=_nothing,
        )
        self._writer.connection = connection
        self._waiting: list[Job] = []
        self._committing: list[Job] = []
        self._is_open = False
        self.on_commit: Callable[[], None] | None = None
        """Called once, while the next commit is being done."""

    def restore(self, now: Moment) -> SqliteLocation:
        """The bindings that the file holds, as a server reads them before it takes its first message."""
        database: Any = self
        opening = SqliteLocation.open(database, now)
        try:
            opening.send(None)
        except StopIteration as opened:
            self._is_open = True
            location: SqliteLocation = opened.value
            return location
        raise AssertionError("it waits for something else")

    def write(self, sql: str, bindings: Sequence[Value] = ()) -> asyncio.Future[int]:
        """Execute one statement durably."""
        return self._submit(partial(_change, sql, bindings), is_single=True)

    def transact(self, act: Callable[[apsw.Connection], Any]) -> asyncio.Future[Any]:
        """Keep all that `act` does, or nothing."""
        return self._submit(act, is_single=False)

    @property
    def pending(self) -> int:
        """How many writes nobody has been told the outcome of."""
        return len(self._committing) + len(self._waiting)

    def crash(self, orderly: bool) -> int:
        """The server has gone; returns how many writes were kept that nobody was told of.

        `orderly`: it has finished what it was asked for. Else what was being committed is kept whole or not at all.
        """
        kept = self._committing if orderly or self._chance.number(2) else []
        if orderly:
            kept = kept + self._waiting
        if kept:
            self._writer.do(kept)
        self._committing, self._waiting = [], []
        return len(kept)

    def _submit(self, act: Callable[[apsw.Connection], object], is_single: bool) -> asyncio.Future[Any]:
        job = Job(act, self._loop.create_future(), is_single)
        if not self._is_open:
            self._settle([job])
        else:
            self._waiting.append(job)
            if not self._committing:
                self._begin()
        return job.future

    def _begin(self) -> None:
        self._committing, self._waiting = self._waiting, []
        node = self._loop.node
        assert node is not None
        seconds = 0.001 + SLOWEST * self._chance.fraction() ** 12
        self._network.at(seconds, node, self._committed)
        if self.on_commit is not None:
            self._network.at(seconds / 2, node, self.on_commit)
            self.on_commit = None

    def _committed(self) -> None:
        jobs, self._committing = self._committing, []
        self._settle(jobs)
        if self._waiting:
            self._begin()

    def _settle(self, jobs: list[Job]) -> None:
        self._writer.do(jobs)
        for job in jobs:
            if job.error is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.error)


def _change(sql: str, bindings: Sequence[Value], connection: apsw.Connection) -> int:
    connection.execute(sql, bindings)
    return connection.changes()


def _nothing(*arguments: object) -> None:
    """Nobody has to be told."""
