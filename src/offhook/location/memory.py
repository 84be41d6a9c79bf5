"""Bindings in memory.

An address-of-record's bindings are packed into one bytes object. A million bindings take about 450 MB, and, as the
collector tracks neither bytes nor a dict of them, they never make it pause (measured with bindings as objects: 0.3 s
for each full collection of a million).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from marshal import dumps, loads
from typing import Final, cast

from offhook.clock import Moment
from offhook.location.binding import Binding, BindingRow
from offhook.location.listing import listed
from offhook.location.update import Update

__all__ = ["MemoryLocation"]

SWEEP_SECONDS: Final = 10
"""How wide the spans of time are by which bindings wait for their end."""
SWEEP_AT_ONCE: Final = 500
"""How many addresses-of-record one call looks at: about a millisecond."""
SWEEP_PAUSE: Final = 0.05

_EMPTY: Final = b""

Forgotten = Callable[[str, list[Binding]], None]


class MemoryLocation:
    """A location service in memory alone.

    `forgotten` is told of each address-of-record whose bindings `sweep` took away for being expired, and of which.
    """

    __slots__ = ("_bindings", "_due", "_forgotten", "_packed")

    def __init__(self, forgotten: Forgotten | None = None) -> None:
        self._packed: dict[str, bytes] = {}
        # One entry for each address-of-record, in the span in which the first of its bindings is expected to end. It
        # is put there once and looked at when the span is over; a refresh in between does not touch it. The empty
        # bytes stay in `_packed` until then, so that an entry is never made twice.
        self._due: dict[int, dict[str, None]] = {}
        self._bindings = 0
        self._forgotten = forgotten

    def lookup_now(self, aor: str, now: Moment) -> list[Binding]:
        """The bindings of an address-of-record."""
        packed = self._packed.get(aor)
        return _living(packed, now.wall) if packed else []

    async def lookup(self, aor: str, now: Moment) -> list[Binding]:
        """The same as `lookup_now`."""
        return self.lookup_now(aor, now)

    def save(self, update: Update, now: Moment) -> list[Binding]:
        """Change the bindings of an address-of-record. Raises ProtocolError and changes nothing then."""
        aor = update.aor
        held = self.held(aor)
        bindings = update.apply([binding for binding in held if binding.expires > now.wall])
        self._put(aor, bindings, len(held))
        return bindings

    def held(self, aor: str) -> list[Binding]:
        """All bindings of an address-of-record, those that have expired too."""
        packed = self._packed.get(aor)
        return _unpacked(packed) if packed else []

    def put(self, aor: str, bindings: list[Binding]) -> None:
        """Let an address-of-record have these bindings, for another service that decides and keeps this in memory."""
        self._put(aor, bindings, len(self.held(aor)))

    def _put(self, aor: str, bindings: list[Binding], before: int) -> None:
        if aor not in self._packed:
            if not bindings:
                return
            self._wait(aor, bindings)
        self._packed[aor] = dumps([binding.row() for binding in bindings]) if bindings else _EMPTY
        self._bindings += len(bindings) - before

    def _wait(self, aor: str, bindings: list[Binding]) -> None:
        span = int(min([binding.expires for binding in bindings])) // SWEEP_SECONDS
        due = self._due.get(span)
        if due is None:
            self._due[span] = {aor: None}
        else:
            due[aor] = None

    def sweep(self, now: Moment) -> float:
        """Forget what has expired in the spans that are over; a part of it at a time."""
        over = int(now.wall) // SWEEP_SECONDS
        left = SWEEP_AT_ONCE
        while self._due:
            span = min(self._due)
            if span >= over:
                break
            due = self._due[span]
            while due and left:
                aor, _nothing = due.popitem()
                self._sweep_one(aor, now.wall)
                left -= 1
            if due:
                return SWEEP_PAUSE
            del self._due[span]
        return float(SWEEP_SECONDS)

    def _sweep_one(self, aor: str, wall: float) -> None:
        bindings = self.held(aor)
        living = [binding for binding in bindings if binding.expires > wall]
        if living:
            self._wait(aor, living)
            if len(living) < len(bindings):
                self._packed[aor] = dumps([binding.row() for binding in living])
        else:
            self._packed.pop(aor, None)
        self._bindings -= len(bindings) - len(living)
        if self._forgotten is not None and len(living) < len(bindings):
            self._forgotten(aor, [binding for binding in bindings if binding.expires <= wall])

    async def count(self) -> int:
        """How many bindings there are."""
        return self._bindings

    def all(self, now: Moment) -> AsyncIterator[tuple[str, list[Binding]]]:
        """Every address-of-record with its bindings; those that come and go meanwhile may be there or not."""
        return listed(self._living(now))

    def _living(self, now: Moment) -> Iterator[tuple[str, list[Binding]]]:
        for aor in tuple(self._packed):
            bindings = self.lookup_now(aor, now)
            if bindings:
                yield aor, bindings


def _unpacked(packed: bytes) -> list[Binding]:
    return [Binding(*row) for row in cast("list[BindingRow]", loads(packed))]


def _living(packed: bytes, wall: float) -> list[Binding]:
    return [Binding(*row) for row in cast("list[BindingRow]", loads(packed)) if row[3] > wall]
