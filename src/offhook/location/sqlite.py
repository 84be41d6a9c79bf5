"""Bindings that outlive the process: an image in memory, and every change on disk before it is seen.

A change is computed from the image, written, and put into the image only after its COMMIT. So the image never holds
what the disk does not, and a failed write needs no undoing. Changes of one address-of-record wait for one another;
those of different ones share commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, Self

import apsw
import structlog

from offhook.clock import Moment
from offhook.errors import LimitExceeded, SipError
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.outage import Outage
from offhook.location.update import Update
from offhook.storage.schema import Schema
from offhook.storage.sqlite import Database, Value

__all__ = ["LOCATION_SCHEMA", "SqliteLocation"]

# Columns of type ANY hold what came from the wire: text, or, where it is no proper Unicode, its octets.
LOCATION_SCHEMA: Final = Schema(
    "location",
    [
        """
        CREATE TABLE binding (
            aor TEXT NOT NULL,
            contact ANY NOT NULL,
            instance ANY NOT NULL,
            reg_id INTEGER NOT NULL,
            params ANY NOT NULL,
            q REAL,
            expires REAL NOT NULL,
            call_id ANY NOT NULL,
            cseq INTEGER NOT NULL,
            branch ANY NOT NULL,
            path ANY NOT NULL,
            flow ANY NOT NULL,
            over_flow INTEGER NOT NULL,
            user_agent ANY NOT NULL,
            PRIMARY KEY (aor, contact, instance, reg_id)
        ) STRICT, WITHOUT ROWID
        """
    ],
)
"""The schema that the database has to be opened with."""

MAX_WAITING: Final = 32
"""How many changes of one address-of-record may wait."""
RETRY_SECONDS: Final = 10.0
"""How long nothing is forgotten on disk after that has failed: then the whole table is gone through."""

_COLUMNS: Final = (
    "contact, instance, reg_id, params, q, expires, call_id, cseq, branch, path, flow, over_flow, user_agent"
)
_WRITE: Final = f"INSERT OR REPLACE INTO binding (aor, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_REMOVE: Final = "DELETE FROM binding WHERE aor = ? AND contact = ? AND instance = ? AND reg_id = ?"
_FORGET: Final = f"{_REMOVE} AND expires <= ?"
_FORGET_ALL: Final = "DELETE FROM binding WHERE expires <= ?"
_READ: Final = f"SELECT aor, {_COLUMNS} FROM binding WHERE expires > ? ORDER BY aor, expires"

_log = structlog.get_logger("offhook.location")

_Statement = tuple[str, tuple[Value, ...]]


class _Change:
    """An update that waits, and who waits for it."""

    __slots__ = ("future", "now", "update")

    def __init__(self, update: Update, now: Moment, future: asyncio.Future[list[Binding]]) -> None:
        self.update = update
        self.now = now
        self.future = future


class SqliteLocation:
    """A location service that is kept in an SQLite file. Use it from the event loop of its database.

    What `save` has given survives the death of the process and of the machine. One process at a time may have the
    bindings of a file in use.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._image = MemoryLocation(self._expired)
        self._loop = asyncio.get_running_loop()
        # The changes of each address-of-record in their order; the first of them is being written.
        self._changes: dict[str, deque[_Change]] = {}
        self._to_forget: list[_Statement] = []
        # Whether there may be more in the file that has expired: from before the start, or after a failure.
        self._forgets_all = True
        self._forgets_at = float("-inf")
        self._outage = Outage(_log, "expired bindings stay in the file", "expired bindings leave the file again")

    @classmethod
    async def open(cls, database: Database, now: Moment) -> Self:
        """The service with all that the database holds and has not expired by `now.wall`.

        `database` was opened with `LOCATION_SCHEMA`. Nothing is written, so that a server starts on a full disk too.
        Raises StorageError.
        """
        service = cls(database)
        await database.transact(partial(_restore, service._image, now.wall))
        return service

    def lookup_now(self, aor: str, now: Moment) -> list[Binding]:
        """The bindings of an address-of-record, all of them on disk."""
        return self._image.lookup_now(aor, now)

    async def lookup(self, aor: str, now: Moment) -> list[Binding]:
        """The same as `lookup_now`."""
        return self._image.lookup_now(aor, now)

    def save(self, update: Update, now: Moment) -> asyncio.Future[list[Binding]]:
        """Change the bindings of an address-of-record; done once the change is on disk.

        Raises, or the future does, ProtocolError for what `Update.apply` refuses, StorageError when the file failed,
        and LimitExceeded when too many changes wait; nothing of the change is kept then.
        """
        change = _Change(update, now, self._loop.create_future())
        waiting = self._changes.get(update.aor)
        if waiting is None:
            self._changes[update.aor] = deque((change,))
            self._go_on(update.aor)
        elif len(waiting) > MAX_WAITING:
            raise LimitExceeded(f"{len(waiting)} changes of {update.aor} wait for the disk")
        else:
            waiting.append(change)
        return change.future

    def _go_on(self, aor: str) -> None:
        """Write the first of the changes that wait, and answer those before it for which there is nothing to write."""
        changes = self._changes[aor]
        while changes:
            change = changes[0]
            held = self._image.held(aor)
            try:
                bindings = change.update.apply([binding for binding in held if binding.expires > change.now.wall])
                statements = _difference(aor, held, bindings)
                if statements:
                    self._write(statements).add_done_callback(partial(self._written, aor, bindings))
                    return
            except SipError as error:
                _finish(change.future, error)
            else:
                _finish(change.future, bindings)
            changes.popleft()
        del self._changes[aor]

    def _write(self, statements: list[_Statement]) -> asyncio.Future[Any]:
        if len(statements) == 1:
            return self._database.write(*statements[0])
        return self._database.transact(partial(_execute, statements))

    def _written(self, aor: str, bindings: list[Binding], written: asyncio.Future[Any]) -> None:
        change = self._changes[aor].popleft()
        error = written.exception()
        if error is None:
            self._image.put(aor, bindings)
        _finish(change.future, bindings if error is None else error)
        self._go_on(aor)

    def sweep(self, now: Moment) -> float:
        """Forget what has expired, in memory at once and on disk soon; the seconds after which to call again."""
        delay = self._image.sweep(now)
        statements, self._to_forget = self._to_forget, []
        if self._forgets_all:
            if now.monotonic < self._forgets_at:
                return delay
            self._forgets_all = False
            statements = [(_FORGET_ALL, (now.wall,))]
        if statements:
            try:
                self._database.transact(partial(_execute, statements)).add_done_callback(partial(self._forgotten, now))
            except SipError as error:
                self._remain(error, now)
        return delay

    def _forgotten(self, now: Moment, written: asyncio.Future[None]) -> None:
        error = written.exception()
        if isinstance(error, Exception):
            self._remain(error, now)
        else:
            self._outage.worked(now)

    def _remain(self, error: Exception, now: Moment) -> None:
        self._forgets_all = True
        self._forgets_at = now.monotonic + RETRY_SECONDS
        self._outage.failed(error, now)

    def _expired(self, aor: str, bindings: list[Binding]) -> None:
        # A refresh may be on its way to the disk: it writes a later end, which this must not touch.
        self._to_forget += [(_FORGET, (aor, *_key(binding), binding.expires)) for binding in bindings]

    async def count(self) -> int:
        """How many bindings there are."""
        return await self._image.count()

    def all(self, now: Moment) -> AsyncIterator[tuple[str, list[Binding]]]:
        """Every address-of-record with its bindings; those that come and go meanwhile may be there or not."""
        return self._image.all(now)


def _finish(future: asyncio.Future[list[Binding]], outcome: list[Binding] | BaseException) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)


# In the database's thread


def _execute(statements: Iterable[_Statement], connection: apsw.Connection) -> None:
    for sql, values in statements:
        connection.execute(sql, values)


def _restore(image: MemoryLocation, wall: float, connection: apsw.Connection) -> None:
    for aor, rows in groupby(connection.execute(_READ, (wall,)), itemgetter(0)):
        image.put(aor, [_binding(row) for row in rows])


# Rows


def _difference(aor: str, before: list[Binding], after: list[Binding]) -> list[_Statement]:
    """What has to be written to make one of the other. A binding that was not touched is the same object in both."""
    kept = {binding.key() for binding in after}
    gone = [binding for binding in before if binding.key() not in kept]
    old = {id(binding) for binding in before}
    statements: list[_Statement] = [(_REMOVE, (aor, *_key(binding))) for binding in gone]
    statements += [(_WRITE, _row(aor, binding)) for binding in after if id(binding) not in old]
    return statements


def _key(binding: Binding) -> tuple[Value, Value, int]:
    return _stored(binding.contact), _stored(binding.instance), binding.reg_id


def _row(aor: str, binding: Binding) -> tuple[Value, ...]:
    return (
        aor,
        *_key(binding),
        _stored(binding.params),
        binding.q,
        binding.expires,
        _stored(binding.call_id),
        binding.cseq,
        _stored(binding.branch),
        _stored("\n".join(binding.path)),
        _stored(binding.flow_text),
        binding.over_flow,
        _stored(binding.user_agent),
    )


def _binding(row: tuple[Any, ...]) -> Binding:
    _, contact, instance, reg_id, params, q, expires, call_id, cseq, branch, path, flow, over_flow, user_agent = row
    return Binding(
        _wire_text(contact),
        _wire_text(params),
        q,
        expires,
        _wire_text(call_id),
        cseq,
        _wire_text(branch),
        tuple(_wire_text(path).split("\n")) if path else (),
        _wire_text(flow),
        bool(over_flow),
        _wire_text(instance),
        reg_id,
        _wire_text(user_agent),
    )


def _stored(text: str) -> str | bytes:
    """Text of the wire as SQLite can hold it: where it is no proper Unicode, as its octets."""
    if text.isascii():
        return text
    octets = text.encode("utf-8", "surrogateescape")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets


def _wire_text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "surrogateescape")
