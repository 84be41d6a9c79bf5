"""Lines that are remembered: the same message as from lines that nobody has seen."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.lines import LINES, MOST_REMEMBERED, content_length, line_of
from offhook.sip.parser import parse
from tests.sip.messages import INVITE, OPTIONS, RINGING, with_more


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    LINES.clear()


def test_what_routing_needs_of_a_line() -> None:
    via = line_of(b"v: SIP/2.0/UDP h:5070;branch=z9hG4bK1", "via").via
    assert via is not None
    assert (via.host, via.port, via.branch) == ("h", 5070, b"z9hG4bK1")
    assert line_of(b"CSeq:  7 INVITE ", "cseq").cseq == (7, "INVITE")
    assert line_of(b"i:a@b", "call-id").text == "a@b"
    assert line_of(b"From: <sip:a@b>;tag=1", "from").text == "1"
    assert line_of(b"To: <sip:a@b>", "to").text is None
    assert line_of(b"Content-Length : 12", "content-length").number == 12
    assert line_of(b"Max-Forwards:70", "max-forwards").number == 70


@pytest.mark.parametrize(("commas", "number"), [(0, 1), (2, 3)])
def test_a_via_line_has_no_more_values_than_its_commas_say(commas: int, number: int) -> None:
    line = line_of(b"Via: SIP/2.0/UDP a;branch=z9hG4bK1" + commas * b", SIP/2.0/UDP b", "via")
    assert line.number == number


@pytest.mark.parametrize(
    ("octets", "key"),
    [
        (b"Via: SIP", "via"),
        (b"CSeq: x INVITE", "cseq"),
        (b"Call-ID:", "call-id"),
        (b"Call-ID: a b", "call-id"),
        (b"From: <sip:a", "from"),
        (b"To: <sip:a", "to"),
        (b"l: -1", "content-length"),
        (b"Max-Forwards: 256", "max-forwards"),
    ],
)
def test_an_unsound_line_is_read_all_the_same(octets: bytes, key: str) -> None:
    assert not line_of(octets, key).sound
    assert line_of(octets, key) is LINES[octets]


def test_only_lines_of_usual_length_are_remembered() -> None:
    assert line_of(b"Call-ID: " + 300 * b"x", "call-id").text == 300 * "x"
    assert line_of(b"Call-ID: x", "call-id").text == "x"
    assert list(LINES) == [b"Call-ID: x"]


def test_a_flood_of_lines_stays_bounded() -> None:
    for number in range(MOST_REMEMBERED + 10):
        line_of(b"Call-ID: %d" % number, "call-id")
    assert len(LINES) == 10


@pytest.mark.parametrize("data", [INVITE, OPTIONS, RINGING])
def test_a_second_message_reads_as_the_first(data: bytes) -> None:
    first = parse(data)
    values = [first.headers(key) for key in first.keys[1:]]
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
