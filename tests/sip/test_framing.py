"""Messages out of a stream: framing, keep-alives, bounds (RFC 3261 7.5, 18.3; RFC 5626 3.5.1)."""

from __future__ import annotations

import pytest

from offhook.sip.framing import PING, PONG, StreamFramer
from offhook.sip.parser import Limits

HEAD = b"OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nContent-Length: %d\r\n\r\n"
ONE = HEAD % 3 + b"abc"
TWO = HEAD % 0


def test_messages_come_whole_whatever_the_pieces() -> None:
    data = ONE + TWO + ONE
    for size in (1, 2, 3, 7, 50, len(data)):
        framer = StreamFramer()
        found: list[bytes] = []
        for start in range(0, len(data), size):
            found += framer.receive(data[start : start + size])
        assert found == [ONE, TWO, ONE]
        assert framer.pending == 0


def test_a_ping_is_told_and_line_ends_before_a_message_are_not() -> None:
    framer = StreamFramer()
    assert framer.receive(PING) == [PING]
    assert framer.receive(b"\r\n" + ONE) == [ONE]
    assert framer.receive(PING + PING + ONE) == [PING, PING, ONE]


def test_a_pong_is_told_to_who_waits_for_one() -> None:
    framer = StreamFramer()
    framer.awaiting_pong = True
    assert framer.receive(b"\r") == []
    assert framer.receive(b"\n" + ONE) == [PONG, ONE]
    assert not framer.awaiting_pong


def test_a_message_without_content_length_has_no_body() -> None:
    framer = StreamFramer()
    bare = b"OPTIONS sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n"
    assert framer.receive(bare + ONE) == [bare, ONE]


@pytest.mark.parametrize(
    "fields",
    [b"Content-Length: 1\r\nl: 1", b"Content-Length: x", b"Content-Length: -1", b"l:", b"Content-Length: 99999999999"],
)
def test_what_cannot_be_framed_ends_the_stream(fields: bytes) -> None:
    framer = StreamFramer()
    found = framer.receive(ONE + b"OPTIONS sip:b@h SIP/2.0\r\n" + fields + b"\r\n\r\n")
    assert found[0] == ONE
    assert framer.error is not None
    assert framer.error.status in (400, 513)
    assert framer.receive(ONE) == []
    assert framer.pending == 0


def test_nothing_grows_beyond_the_limit() -> None:
    framer = StreamFramer(Limits(octets=1000))
    for _ in range(100):
        framer.receive(b"x" * 100)
    assert framer.error is not None
    assert framer.error.status == 513
    assert framer.pending == 0
