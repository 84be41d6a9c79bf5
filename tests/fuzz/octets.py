"""Mutations of octets, whatever they mean: the same `Random` makes the same ones on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Final

__all__ = ["MARKS", "NUMBERS", "Mutation", "Mutator", "amplified", "span"]

Mutation = Callable[[Random, bytes], bytes]

NUMBERS: Final = (
    *(b"0", b"-1", b"00", b"1", b"255", b"256", b"65535", b"65536", b"2147483647", b"2147483648", b"4294967295"),
    *(b"4294967296", b"18446744073709551616", b"9" * 40, b"1e9", b"0x10", b"+1", b"1.5", b"\xd9\xa1", b"\xb2", b""),
)
MARKS: Final = (
    *(b",", b";", b":", b"<", b">", b'"', b"(", b")", b"\\", b"=", b"@", b"%", b"/", b"?", b"&", b"[", b"]", b"*"),
    *(b" ", b"\t", b"\0", b"\x7f", b"\xff", b"\xc3\xa9", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x80\xa8"),
    *(b"%00", b"%zz", b"%25", b"\\\0", b'\\"', b"<>", b"()", b'""', b";;", b",,"),
)
"""What grammars of text are made of, and what is near it."""

ROUNDS: Final = (1, 1, 1, 2, 2, 3, 5)


def span(random: Random, data: bytes, longest: int) -> tuple[int, int]:
    """The bounds of a piece."""
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.randrange(1, longest + 1))


def flip(random: Random, data: bytes) -> bytes:
    if not data:
        return b"\0"
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def cut(random: Random, data: bytes) -> bytes:
    start, end = span(random, data, 40)
    return data[:start] + data[end:]


def double(random: Random, data: bytes) -> bytes:
    start, end = span(random, data, 60)
    return data[:end] + data[start:end] + data[end:]


def truncate(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def number(random: Random, data: bytes) -> bytes:
    """Put another number in the place of one."""
    places = [at for at, octet in enumerate(data) if 48 <= octet <= 57]
    if not places:
        return data
    start = end = random.choice(places)
    while end < len(data) and 48 <= data[end] <= 57:
        end += 1
    return data[:start] + random.choice(NUMBERS) + data[end:]


def change_case(random: Random, data: bytes) -> bytes:
    start, end = span(random, data, 30)
    return data[:start] + data[start:end].swapcase() + data[end:]


def word(random: Random, data: bytes) -> bytes:
    """Put another number of 8, 16 or 32 bits somewhere, as binary formats have them."""
    size = random.choice((1, 2, 2, 4))
    top = 1 << 8 * size
    value = random.choice((0, 1, 2, 3, 4, 0x7F, 0x80, 0xFF, top // 2 - 1, top // 2, top - 1, random.randrange(top)))
    at = random.randrange(len(data) + 1)
    return data[:at] + (value % top).to_bytes(size, "big") + data[at + size :]


def amplified(random: Random, data: bytes, largest: int, marks: Sequence[bytes]) -> bytes:
    """With a piece repeated until all is as large as an input may be, or a little larger."""
    own = data[slice(*span(random, data, 30))]
    piece = random.choice(marks) * random.randrange(1, 3) if marks and random.random() < 0.7 else own
    at = random.randrange(len(data) + 1)
    return data[:at] + piece * ((largest + 8 - len(data)) // max(1, len(piece))) + data[at:]


class Mutator:
    """Mutations of inputs like `seeds`, of which they take pieces; `marks` are put in; `more` knows their format.

    Without `marks` the format is a binary one.
    """

    def __init__(self, seeds: Callable[[], Sequence[bytes]], marks: Sequence[bytes], more: Sequence[Mutation]) -> None:
        self._seeds = seeds
        self.marks = marks
        self._moves: list[Mutation] = [flip, cut, double, truncate, self._splice, *more]
        if marks:
            self._moves += [self._insert, self._insert, self._overwrite, self._overwrite, number, number, change_case]
        else:
            self._moves += [flip, word, word, word]

    def __call__(self, random: Random, data: bytes) -> bytes:
        for _ in range(random.choice(ROUNDS)):
            data = random.choice(self._moves)(random, data)
        return data

    def _insert(self, random: Random, data: bytes) -> bytes:
        at = random.randrange(len(data) + 1)
        return data[:at] + random.choice(self.marks) + data[at:]

    def _overwrite(self, random: Random, data: bytes) -> bytes:
        mark = random.choice(self.marks)
        at = random.randrange(len(data) + 1)
        return data[:at] + mark + data[at + len(mark) :]

    def _splice(self, random: Random, data: bytes) -> bytes:
        other = random.choice(self._seeds())
        return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]
