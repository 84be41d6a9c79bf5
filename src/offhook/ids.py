"""Identifiers as an argument: branches, tags, Call-IDs and other unguessable names.

Every identifier of an engine comes from one `IdSource`. It is a keyed stream of blake2b blocks: with a key from the
operating system its output cannot be guessed (RFC 3261 19.3 asks for 32 bits of randomness in a tag), with a key made
from a seed a run repeats exactly.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from string import ascii_letters, digits
from typing import Final

__all__ = ["MAGIC_COOKIE", "IdSource"]

MAGIC_COOKIE: Final = "z9hG4bK"
"""What a branch of RFC 3261 starts with (8.1.1.7)."""

ORIGIN_CHARACTERS: Final = frozenset(f"{ascii_letters}{digits}.!%*_+`'~")


class IdSource:
    """The source of identifiers for one engine.

    `origin` is (node, worker, boot) in writing; it stands in every branch and local tag, so that whichever worker
    sees a message knows whose it is. It must be of token characters (RFC 3261 25.1) other than ``-``; anything else
    raises ValueError.
    """

    __slots__ = ("_block", "_counter", "_key", "_position", "origin")

    def __init__(self, key: bytes | None = None, origin: str = "0") -> None:
        if not origin or not ORIGIN_CHARACTERS.issuperset(origin):
            raise ValueError(f"not a token without '-': {origin!r}")
        self._key = os.urandom(32) if key is None else blake2b(key, digest_size=32).digest()
        self._counter = 0
        self._block = ""
        self._position = 0
        self.origin = origin

    @classmethod
    def seeded(cls, seed: int | str, origin: str = "0") -> IdSource:
        """A source that gives the same identifiers for the same seed, for simulations and tests."""
        return cls(str(seed).encode("utf-8", "surrogateescape"), origin)

    def unique(self) -> str:
        """16 hexadecimal digits, 64 random bits."""
        if self._position >= len(self._block):
            self._counter += 1
            self._block = blake2b(self._counter.to_bytes(8, "big"), key=self._key).hexdigest()
            self._position = 0
        start = self._position
        self._position = start + 16
        return self._block[start : start + 16]

    def branch(self) -> str:
        """A branch parameter, unique across space and time (RFC 3261 8.1.1.7)."""
        return f"{MAGIC_COOKIE}-{self.origin}-{self.unique()}"

    def tag(self) -> str:
        """A From or To tag (RFC 3261 19.3)."""
        return f"{self.origin}-{self.unique()}"

    def call_id(self) -> str:
        """A Call-ID of 128 random bits, without a host (RFC 3261 8.1.1.4; it tells nothing about the machine)."""
        return self.unique() + self.unique()

    def number(self, bound: int) -> int:
        """A whole number from 0 up to, not including, `bound` (at most 2**53)."""
        return int(self.unique(), 16) % bound

    def fraction(self) -> float:
        """A number from 0.0 up to, not including, 1.0."""
        return self.number(1 << 53) / float(1 << 53)
