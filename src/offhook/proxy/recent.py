"""What was noted lately, in bounded memory."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Recent"]

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
