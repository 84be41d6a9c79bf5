"""Messages that follow each other on a stream, in pieces of every size (RFC 3261 18.3)."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from itertools import pairwise
from random import Random
from typing import Final
from zlib import crc32

from offhook.errors import ParseError
from offhook.sip.framing import StreamFramer
from offhook.sip.parser import parse
from offhook.transport.foreign import foreign_protocol
from tests.fuzz.messages import MESSAGE_MARKS, bare_line_ends, corpus, drop_line, fold, line, splice_lines, swap_values
from tests.fuzz.target import Target
from tests.fuzz.timing import MOST_SECONDS, stopwatch

__all__ = ["STREAMS"]

IN_A_STREAM: Final = 5
SECONDS_A_PIECE: Final = 2e-5
EMPTY_LINES: Final = (b"", b"", b"\r\n", b"\r\n\r\n", b"\n")
SHORT: Final = 8000


@cache
def seeds() -> tuple[bytes, ...]:
    """Some messages each, with keep-alives between them (RFC 5626 4.4.1)."""
    random = Random(0)
    messages = corpus()
    return tuple(
        b"".join([random.choice(EMPTY_LINES) + random.choice(messages) for _ in range(random.randint(1, IN_A_STREAM))])
        for _ in range(len(messages))
    )


def check_stream(data: bytes) -> bool:
    """Whether something came out that can be read: the same in pieces as out of the whole at once."""
    foreign_protocol(data)
    whole = StreamFramer()
    expected = whole.receive(data)
    pieces = _pieces(data, Random(crc32(data)))
    framer, items = stopwatch.within(
        lambda: _frame(pieces), MOST_SECONDS * max(1, len(expected)) + len(pieces) * SECONDS_A_PIECE
    )
    assert (framer.error is None) == (whole.error is None)
    assert framer.pending == whole.pending or framer.error is not None
    if whole.error is not None:
        # How much there is of a message that cannot be framed depends on when it shows.
        assert expected.pop()[:1000] == items.pop()[:1000]
    assert items == expected
    read = 0
    for item in items:
        with suppress(ParseError):
            parse(item)
            read += 1
    return read > 0


def _frame(pieces: list[bytes]) -> tuple[StreamFramer, list[bytes]]:
    framer = StreamFramer()
    return framer, [item for piece in pieces for item in framer.receive(piece)]


def _pieces(data: bytes, random: Random) -> list[bytes]:
    largest = random.choice((1, 3, 40, 700, 9000) if len(data) < SHORT else (300, 9000))
    if largest == 1:
        return [bytes([octet]) for octet in data]
    cuts = sorted(random.choices(range(len(data) + 1), k=2 * len(data) // largest))
    return [data[start:end] for start, end in pairwise([0, *cuts, len(data)])]


STREAMS: Final = Target(
    "streams",
    seeds,
    check_stream,
    marks=MESSAGE_MARKS,
    more=(line, drop_line, swap_values, fold, bare_line_ends, splice_lines),
    largest=65536,
    # The framing has its own bound, one for each message.
    most=2.0,
)
