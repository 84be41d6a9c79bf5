"""Layouts: the same headers in the same order are looked at once, and read the same each time."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip import layout
from offhook.sip.layout import MOST_REMEMBERED, Layout, layout_of
from offhook.sip.lines import NO_FIELD, key_of_line, mark_of
from offhook.sip.parser import parse
from tests.sip.messages import OPTIONS, with_more

FIELDS = (
    b"Via: SIP/2.0/UDP a;branch=z9hG4bK1",
    b"From: <sip:a@b>;tag=1",
    b"To: <sip:c@d>",
    b"Call-ID: 1",
    b"CSeq: 1 X",
)


def _layout(*fields: bytes) -> Layout:
    return layout_of("".join([mark_of(field) for field in fields]), [b"", *fields])


def test_the_place_of_what_routing_reads() -> None:
    found = _layout(b"Subject: x", *FIELDS, b"l: 0", b"Max-Forwards: 70")
    assert found.keys == ["", "subject", "via", "from", "to", "call-id", "cseq", "content-length", "max-forwards"]
    places = (found.via, found.from_, found.to, found.call_id, found.cseq, found.content_length, found.max_forwards)
    assert places == (2, 3, 4, 5, 6, 7, 8)
    assert found.whole
    assert (found.repeated, found.via_fields) == ("", 1)


def test_the_topmost_counts_and_what_must_not_be_repeated_is_named() -> None:
    found = _layout(FIELDS[0], FIELDS[0], b"To: <sip:a@b>", b"t: <sip:c@d>")
    assert (found.via, found.to, found.via_fields) == (1, 3, 2)
    assert found.repeated == "To"
    assert not found.whole
    assert found.call_id == 0


def test_the_same_order_gives_the_same_layout() -> None:
    assert _layout(*FIELDS) is _layout(b"v: SIP/2.0/TCP b;branch=2", *FIELDS[1:])
    assert _layout(*FIELDS) is not _layout(*reversed(FIELDS))


def test_unknown_headers_have_keys_of_their_own() -> None:
    for name in ("X-One", "X-Two"):
        message = parse(with_more(OPTIONS, f"{name}: 1".encode()))
        assert message.has(name)
        assert message.keys.count(name.lower()) == 1


def test_unknown_headers_of_the_same_names_give_the_same_layout() -> None:
    found = _layout(*FIELDS, b"X-One: 1", b"no field", b"X-Two: 2")
    assert found.keys[-3:] == ["x-one", NO_FIELD, "x-two"]
    assert _layout(*FIELDS, b"X-One: 7", b"nor this", b"X-Two:") is found
    for others in (
        (b"X-Two: 1", b"no field", b"X-One: 2"),
        (b"no field", b"X-One: 1", b"X-Two: 2"),
        (b"X-One: 1", b": no name", b"X-Two: 2"),
        (b"X-One: 1", b"no\r\n field", b"X-Two : 2"),
    ):
        other = _layout(*FIELDS, *others)
        assert other is not found
        assert other.keys[-3:] == [key_of_line(line) for line in others]


def test_a_flood_of_names_stays_bounded() -> None:
    kept = layout._layouts_by_names
    kept.clear()
    for number in range(MOST_REMEMBERED + 10):
        _layout(b"X-%d: 1" % number)
    assert len(kept) == 10
    _layout(b"X-%s: 1" % (b"1" * 520))
    _layout(*[b"X: x"] * 65)
    assert len(kept) == 10


def test_a_flood_of_layouts_stays_bounded() -> None:
    kept = layout._layouts  # what is compiled cannot be given another one
    kept.clear()
    for number in range(MOST_REMEMBERED + 10):
        _layout(*[b"Subject: x" if digit == "1" else FIELDS[0] for digit in f"{number:b}"])
    assert len(kept) == 10
    _layout(*[b"Subject: x"] * 65)
    assert len(kept) == 10


def test_a_message_that_is_kept_does_not_change_with_another_of_its_layout() -> None:
    first, second = parse(OPTIONS), parse(OPTIONS)
    assert first.keys is second.keys
    with pytest.raises(ParseError):
        parse(with_more(OPTIONS, b"Call-ID: twice"))
    assert first.keys == parse(OPTIONS).keys
