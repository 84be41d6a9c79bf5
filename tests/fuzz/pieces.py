"""Octets as a stream brings them, in pieces of any size."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Final
from zlib import crc32

from offhook.sip.framing import StreamFramer
from tests.fuzz.timing import MOST_SECONDS, stopwatch

__all__ = ["framed"]

SECONDS_A_PIECE: Final = 2e-5


def framed(data: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    """What comes out of a stream: the same in pieces of one of the sizes, about, as out of the whole at once."""
    whole = StreamFramer()
    expected = whole.receive(data)
    pieces = _pieces(data, sizes)
    framer, items = stopwatch.within(
        lambda: _frame(pieces), MOST_SECONDS * max(1, len(expected)) + len(pieces) * SECONDS_A_PIECE
    )
    assert (framer.error is None) == (whole.error is None)
    assert framer.pending == whole.pending or framer.error is not None
    if whole.error is None:
        assert items == expected
        return items
    # How much there is of a message that cannot be framed depends on when it shows.
    assert items[:-1] == expected[:-1]
    assert items[-1][:1000] == expected[-1][:1000]
    return items[:-1]


def _frame(pieces: list[bytes]) -> tuple[StreamFramer, list[bytes]]:
    framer = StreamFramer()
    return framer, [item for piece in pieces for item in framer.receive(piece)]


def _pieces(data: bytes, sizes: tuple[int, ...]) -> list[bytes]:
    random = Random(crc32(data))
    largest = random.choice(sizes)
    if largest == 1:
        return [bytes([octet]) for octet in data]
    cuts = sorted(random.choices(range(len(data) + 1), k=2 * len(data) // largest))
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]
