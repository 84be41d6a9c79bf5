"""Messages that follow each other on a stream, in pieces of every size (RFC 3261 18.3)."""

from __future__ import annotations

from functools import cache, partial
from random import Random
from typing import Final

from offhook.transport.foreign import foreign_protocol
from tests.fuzz.judge import act_on
from tests.fuzz.messages import MESSAGE_MARKS, bare_line_ends, corpus, drop_line, fold, line, splice_lines, swap_values
from tests.fuzz.pieces import framed
from tests.fuzz.target import Target
from tests.fuzz.timing import stopwatch

__all__ = ["STREAMS"]

IN_A_STREAM: Final = 5
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
    items = framed(data, (1, 3, 40, 700, 9000) if len(data) < SHORT else (300, 9000))
    return sum(stopwatch.within(partial(act_on, item))[0] is not None for item in items) > 0


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
