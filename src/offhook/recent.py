"""What was noted lately, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["ForAWhile", "Recent"]

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """A table of two generations: what was noted before the younger one began to fill up is forgotten.

    It holds at least the last `most` notes, and at most twice as many.
    """

    __slots__ = ("_most", "_older", "_younger")

    def __init__(self, most: int) -> None:
        self._most = most
        self._younger: dict[Key, Value] = {}
        self._older: dict[Key, Value] = {}

    def __len__(self) -> int:
        return len(self._younger) + len(self._older)

    def note(self, key: Key, value: Value) -> None:
        """Remember a value under a key."""
        if len(self._younger) >= self._most:
            self._older = self._younger
            self._younger = {}
        self._younger[key] = value

    def get(self, key: Key) -> Value | None:
        """What was noted under a key, or None."""
        found = self._younger.get(key)
        return self._older.get(key) if found is None else found


class ForAWhile(Generic[Key, Value]):
    """A table that holds each note for `seconds`, but never more than the last `most`."""

    __slots__ = ("_most", "_notes", "_seconds")

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        # With the monotonic second at which each is forgotten, in the order of these. A plain dict would look for its
        # first key among all that were taken out before it.
        self._notes: OrderedDict[Key, tuple[Value, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._notes)

    def note(self, key: Key, value: Value, now: float) -> None:
        """Remember a value under a key, in the place of what was noted there; `now` in monotonic seconds."""
        notes = self._notes
        notes.pop(key, None)
        while notes:
            oldest = next(iter(notes))
            if notes[oldest][1] > now and len(notes) < self._most:
                break
            notes.popitem(last=False)
        notes[key] = (value, now + self._seconds)

    def get(self, key: Key, now: float) -> Value | None:
        """What was noted under a key, or None."""
        note = self._notes.get(key)
        return None if note is None or note[1] <= now else note[0]
