"""Streams cut into messages: a byte at a time, keep-alives, bounds, and what cannot be cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.framing import PING, PONG, StreamFramer
from offhook.sip.parser import Limits, parse
from tests.sip.messages import INVITE, OPTIONS, RINGING, SDP, seconds_of, with_line, with_more

LF = OPTIONS.replace(b"\r\n", b"\n")
MESSAGES = [INVITE, OPTIONS, RINGING, LF, with_line(INVITE, b"Content-Length", b"l :\r\n  %d " % len(SDP))]


def fed(data: bytes, size: int, framer: StreamFramer | None = None) -> list[bytes]:
    framer = StreamFramer() if framer is None else framer
    found: list[bytes] = []
    for start in range(0, len(data), size):
        found += framer.receive(data[start : start + size])
    return found


@pytest.mark.rfc("3261 18.3 #4")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100000])
def test_messages_come_whole_however_they_are_cut(size: int) -> None:
    framer = StreamFramer()
    assert fed(b"".join(MESSAGES) * 3, size, framer) == MESSAGES * 3
    assert framer.pending == 0
    assert framer.error is None


def test_what_is_missing_is_waited_for() -> None:
    framer = StreamFramer()
    assert framer.receive(INVITE[:-1]) == []
    assert framer.pending == len(INVITE) - 1
    assert framer.receive(INVITE[-1:] + OPTIONS[:10]) == [INVITE]
    assert framer.pending == 10


def test_a_message_without_content_length_has_no_body() -> None:
    data = with_line(OPTIONS, b"Content-Length")
    assert fed(data + OPTIONS, 5) == [data, OPTIONS]


def test_a_body_may_look_like_a_message() -> None:
    body = PING + OPTIONS + PING
    data = with_line(OPTIONS, b"Content-Length", b"Content-Length: %d" % len(body)) + body
    assert fed(data + RINGING, 1) == [data, RINGING]


@pytest.mark.rfc("3261 7.4.2 #1")
def test_a_chunked_body_is_none() -> None:
    """What HTTP calls a transfer encoding means nothing: Content-Length alone says where a message ends."""
    body = b"5\r\nhello\r\n0\r\n\r\n"
    for length in (len(body), 0):
        said = b"Content-Length: %d" % length
        data = with_line(OPTIONS, b"Content-Length", b"Transfer-Encoding: chunked", said) + body[:length]
        assert fed(data + RINGING, 3) == [data, RINGING]
        assert parse(data).body == body[:length]


@pytest.mark.rfc("3261 7.5")
def test_line_ends_between_messages_are_ignored() -> None:
    assert fed(b"\r\n" + OPTIONS + b"\r\n" + RINGING + b"\n" + INVITE, 1) == [OPTIONS, RINGING, INVITE]


@pytest.mark.rfc("3261 7.5")
@pytest.mark.parametrize("ends", [b"\r", b"\r\n", b"\r\n\r"])
def test_line_ends_alone_are_no_unfinished_message(ends: bytes) -> None:
    framer = StreamFramer()
    assert framer.receive(OPTIONS + ends) == [OPTIONS]
    assert framer.pending == 0
    assert framer.receive(RINGING[:1]) == []
    assert framer.pending == 1
    assert framer.receive(RINGING[1:]) == [RINGING]


@pytest.mark.rfc("5626 4.4.1")
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 1000])
def test_pings_are_items_of_their_own(size: int) -> None:
    assert fed(PING + OPTIONS + PING + PING + RINGING, size) == [PING, OPTIONS, PING, PING, RINGING]


@pytest.mark.rfc("5626 4.4.1")
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_pong_is_one_where_it_is_awaited(size: int) -> None:
    framer = StreamFramer()
    framer.awaiting_pong = True
    assert fed(PONG + OPTIONS + PONG + RINGING, size, framer) == [PONG, OPTIONS, RINGING]
    assert framer.awaiting_pong is False


def test_a_pong_comes_at_once() -> None:
    framer = StreamFramer()
    framer.awaiting_pong = True
    assert framer.receive(b"\r") == []
    assert framer.receive(b"\n") == [PONG]
    assert framer.receive(PONG) == []
    assert framer.receive(PONG) == [PING]


# What cannot be cut


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (with_line(INVITE, b"Content-Length", b"Content-Length: -999"), 400),
        (with_line(INVITE, b"Content-Length", b"Content-Length: x"), 400),
        (with_line(INVITE, b"Content-Length", b"Content-Length:"), 400),
        (with_more(INVITE, b"l: 5"), 400),
        (with_line(INVITE, b"Content-Length", b"Content-Length: 65536"), 513),
        (with_line(INVITE, b"Content-Length", b"Content-Length: 999999999999"), 513),
        (with_more(OPTIONS, b"X: " + b"y" * 65536), 513),
        (b"x" * 70000, 513),
    ],
)
@pytest.mark.parametrize("size", [1000, 100000])
def test_a_broken_message_ends_the_stream_and_can_be_answered(data: bytes, status: int, size: int) -> None:
    """RFC 4475 3.1.2.3 and 3.3.9: 400, then the connection is closed."""
    framer = StreamFramer()
    items = fed(RINGING + data + OPTIONS, size, framer)
    assert items[0] == RINGING
    assert len(items) == 2
    assert framer.error is not None
    assert framer.error.status == status
    assert framer.pending == 0
    with pytest.raises(ParseError) as caught:
        parse(items[1])
    assert caught.value.status == status
    if data.startswith(b"INVITE"):
        assert caught.value.salvage is not None
        assert caught.value.salvage.call_id == b"1-123@127.0.0.1"
    assert framer.receive(OPTIONS) == []


def test_what_is_held_is_bounded() -> None:
    framer = StreamFramer(Limits(octets=1000))
    for _ in range(50):
        framer.receive(b"y" * 100)
        assert framer.pending <= 1000
    assert framer.error is not None
    framer = StreamFramer(Limits(octets=len(INVITE)))
    assert framer.receive(INVITE) == [INVITE]
    framer = StreamFramer(Limits(octets=len(INVITE) - 1))
    framer.receive(INVITE)
    assert framer.error is not None


def test_a_fold_cannot_hide_a_length() -> None:
    """The framer and the parser must see the same body, or a stranger smuggles messages past one of them."""
    for line in (
        b"Content-Length:\r\n 5",
        b"L\t:5\t",
        b"content-LENGTH:  5",
        b"X: y\r\n Content-Length: 9\r\nContent-Length: 5",
    ):
        data = with_line(OPTIONS, b"Content-Length", line) + b"hello"
        (item,) = fed(data, 1)
        assert item == data
        assert parse(item).body == b"hello"


# Against the parser


@given(
    st.lists(st.sampled_from([*MESSAGES, PING, PONG]), max_size=6),
    st.lists(st.integers(1, 400), min_size=1, max_size=20),
)
def test_any_cuts_give_the_same_items(items: list[bytes], sizes: list[int]) -> None:
    data = b"".join(items)
    expected = fed(data, len(data) + 1)
    framer = StreamFramer()
    found: list[bytes] = []
    position = turn = 0
    while position < len(data):
        size = sizes[turn % len(sizes)]
        found += framer.receive(data[position : position + size])
        position += size
        turn += 1
    assert found == expected
    assert [item for item in found if item != PING] == [item for item in items if item not in (PING, PONG)]


@given(st.lists(st.sampled_from([*MESSAGES, PING, b"\r", b"\n", b"l:5\n\nab"]), max_size=12), st.integers(1, 4))
def test_a_part_at_a_time_gives_the_same_items(pieces: list[bytes], most: int) -> None:
    data = b"".join(pieces)
    framer = StreamFramer()
    found = framer.receive(data, 0)
    assert found == []
    while items := framer.receive(b"", most):
        assert len(items) <= most
        found += items
    assert found == fed(data, len(data) + 1)


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b" ", b":", b"l", b"Content-Length", b"5", b"X", b"hello"])))
def test_rubbish_does_no_harm(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    whole = StreamFramer(Limits(octets=40))
    single = StreamFramer(Limits(octets=40))
    items, others = fed(data, 1000, whole), fed(data, 1, single)
    assert (whole.error is None) == (single.error is None)
    if whole.error is not None:
        # How much of a broken message is there depends on when it shows.
        assert items.pop()[:41] == others.pop()[:41]
    assert items == others
    assert whole.pending == single.pending <= 41


# Time


def cpu_of_feeding(data: bytes, size: int) -> float:
    return seconds_of(lambda: fed(data, size))


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n" * 32000,
        b"\n" * 65000,
        b"\r" * 65000,
        b"\r\n\r" * 22000,
        b"\r\r\n" * 22000,
        with_more(OPTIONS, *([b"X: y"] * 10000)),
        with_more(OPTIONS, b"X: y", *([b" "] * 15000)),
        with_more(OPTIONS, *([b"l"] * 10000)),
        with_more(OPTIONS, b"l" + b" " * 60000),
        with_line(OPTIONS, b"Content-Length", b"Content-Length: " + b" " * 60000),
    ],
)
def test_hostile_streams_take_no_time(data: bytes) -> None:
    assert cpu_of_feeding(data, 65536) < 0.1


def test_a_byte_at_a_time_is_linear() -> None:
    short = with_more(OPTIONS, b"X: " + b"y" * 7000)
    long = with_more(OPTIONS, b"X: " + b"y" * 56000)
    assert cpu_of_feeding(long, 1) < 24 * cpu_of_feeding(short, 1)
