"""Lines that are remembered: the same message as from lines that nobody has seen."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.lines import (
    LINES,
    MARKS,
    MOST_REMEMBERED,
    NO_FIELD,
    UNKNOWN_MARK,
    VIA_MARK,
    SplitAnew,
    checked_key,
    content_length,
    key_of_line,
    mark_of,
)
from offhook.sip.parser import parse
from tests.sip.messages import INVITE, OPTIONS, RINGING, with_more


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    MARKS.clear()
    LINES.clear()


def test_what_routing_needs_of_a_line() -> None:
    via = LINES[b"v: SIP/2.0/UDP h:5070;branch=z9hG4bK1"].via
    assert via is not None
    assert (via.host, via.port, via.branch) == ("h", 5070, b"z9hG4bK1")
    assert LINES[b"CSeq:  7 INVITE "].cseq == (7, "INVITE")
    assert LINES[b"i:a@b"].text == "a@b"
    assert LINES[b"From: <sip:a@b>;tag=1"].text == "1"
    assert LINES[b"To: <sip:a@b>"].text is None
    assert LINES[b"Content-Length : 12"].number == 12


@pytest.mark.parametrize(
    "octets", [b"Via: SIP", b"CSeq: x INVITE", b"Call-ID:", b"Call-ID: a b", b"From: <sip:a", b"To: <sip:a", b"l: -1"]
)
def test_an_unsound_line_is_read_all_the_same(octets: bytes) -> None:
    assert not LINES[octets].sound
    assert octets in LINES


def test_the_mark_is_that_of_the_header_however_it_is_written() -> None:
    assert {MARKS[b"Via: x"], MARKS[b"v:"], MARKS[b"VIA : y"], mark_of(b"via:\r\n x")} == {VIA_MARK}
    assert MARKS[b"Subject: x"] == MARKS[b"s: y"]
    assert len({MARKS[b"Subject: x"], MARKS[b"Contact: x"], MARKS[b"X-Unknown: x"], VIA_MARK}) == 4


@pytest.mark.parametrize("octets", [b"no colon", b"", b": no name", b"two words: x", b"Via"])
def test_what_is_no_field_means_nothing(octets: bytes) -> None:
    assert MARKS[octets] == UNKNOWN_MARK
    assert octets not in MARKS
    assert key_of_line(octets) == NO_FIELD
    with pytest.raises(ParseError):
        checked_key(octets)


@pytest.mark.parametrize("octets", [b" folded", b"\tfolded: too", b"Subject: a\nb", b"Subject: a\rb", b"Subject: \0"])
def test_what_is_to_be_split_anew_is_told_apart(octets: bytes) -> None:
    with pytest.raises(SplitAnew):
        _ = MARKS[octets]


def test_only_registered_headers_of_usual_length_are_remembered() -> None:
    for octets in (b"X-Unknown: 1", b"Subject: " + 300 * b"x", b"Subject: x"):
        _ = MARKS[octets]
    assert list(MARKS) == [b"Subject: x"]
    _ = LINES[b"Call-ID: " + 300 * b"x"], LINES[b"Call-ID: x"]
    assert list(LINES) == [b"Call-ID: x"]


def test_a_flood_of_lines_stays_bounded() -> None:
    for number in range(MOST_REMEMBERED + 10):
        _ = MARKS[b"Call-ID: %d" % number], LINES[b"Call-ID: %d" % number]
    assert (len(MARKS), len(LINES)) == (10, 10)


@pytest.mark.parametrize("data", [INVITE, OPTIONS, RINGING])
def test_a_second_message_reads_as_the_first(data: bytes) -> None:
    first = parse(data)
    values = [first.headers(key) for key in first.keys[1:]]
    MARKS.clear()
    LINES.clear()
    for again in (parse(data), parse(data)):
        assert (again.keys, again.lines, again.body) == (first.keys, first.lines, first.body)
        assert (again.call_id, again.cseq_number, again.cseq_method) == (
            first.call_id,
            first.cseq_number,
            first.cseq_method,
        )
        assert (again.from_tag, again.to_tag, again.branch) == (first.from_tag, first.to_tag, first.branch)
        assert [again.headers(key) for key in again.keys[1:]] == values


def test_a_remembered_line_may_be_continued_by_the_next_message() -> None:
    """The octets of a field include its folds: the line alone says something else."""
    parse(with_more(OPTIONS, b"Subject: one"))
    folded = parse(with_more(OPTIONS, b"Subject: one\r\n two"))
    assert folded.text("Subject") == "one two"
    assert parse(with_more(OPTIONS, b"Subject: one")).text("Subject") == "one"


def test_a_stamp_does_not_change_what_is_remembered() -> None:
    data = OPTIONS.replace(b"branch=", b"rport;branch=", 1)
    for port in (1, 2):
        request = parse(data)
        assert not request.top_via.params
        request.stamp_via("192.0.2.9", port)  # type: ignore[union-attr]
        assert b"rport=%d" % port in request.serialize()


@pytest.mark.parametrize("value", [b"", b" ", b"1.5", b"-1", b"+1", b"\xb2", b"9" * 16])
def test_content_length_is_digits_alone(value: bytes) -> None:
    with pytest.raises(ParseError):
        content_length(value)
    assert content_length(b" 12\t") == 12
