"""Layouts: the same headers in the same order are looked at once, and read the same each time."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip import layout
from offhook.sip.layout import MOST_REMEMBERED, NO_FIELD, Layout, RecentLayouts, checked_key, layout_of
from offhook.sip.parser import parse
from tests.sip.messages import OPTIONS, with_more

START = b"OPTIONS sip:a@b SIP/2.0"
FIELDS = (
    b"Via: SIP/2.0/UDP a;branch=z9hG4bK1",
    b"From: <sip:a@b>;tag=1",
    b"To: <sip:c@d>",
    b"Call-ID: 1",
    b"CSeq: 1 X",
)


def _layout(*fields: bytes) -> Layout:
    return layout_of([START, *fields])


def _found(recent: RecentLayouts, *fields: bytes, octets: int | None = None) -> Layout | None:
    lines = [START, *fields]
    return recent.find(lines, len(b"\r\n".join(lines)) if octets is None else octets)


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


def test_the_key_is_that_of_the_header_however_it_is_written() -> None:
    assert _layout(b"Via: x", b"v:", b"VIA : y", b"via:\r\n x", b"s: y").keys[1:] == ["via"] * 4 + ["subject"]


@pytest.mark.parametrize("octets", [b"no colon", b"", b": no name", b"two words: x", b"Via"])
def test_what_is_no_field_means_nothing(octets: bytes) -> None:
    assert _layout(*FIELDS, octets).keys[-1] == NO_FIELD
    with pytest.raises(ParseError):
        checked_key(octets)


def test_the_same_names_in_the_same_order_give_the_same_layout() -> None:
    assert _layout(*FIELDS) is _layout(b"Via: SIP/2.0/TCP b;branch=2", *FIELDS[1:])
    assert _layout(*FIELDS) is not _layout(*reversed(FIELDS))


def test_unknown_headers_have_keys_of_their_own() -> None:
    for name in ("X-One", "X-Two"):
        message = parse(with_more(OPTIONS, f"{name}: 1".encode()))
        assert message.has(name)
        assert message.keys.count(name.lower()) == 1


def test_a_layout_of_lately_is_known_by_the_names() -> None:
    recent = RecentLayouts()
    found = _found(recent, *FIELDS, b"X-One: 1")
    assert found is not None
    assert _found(recent, *[field + b"x" for field in FIELDS], b"X-One:") is found
    for other in (b"X-Two: 1", b"X-One : 1", b"x-one: 1", b": no name"):
        different = _found(recent, *FIELDS, other)
        assert different is not None
        assert different is not found
        assert different.keys == _layout(*FIELDS, other).keys


def test_a_line_without_a_colon_is_never_taken_for_another() -> None:
    recent = RecentLayouts()
    found = _found(recent, *FIELDS, b"no colon")
    assert found is not None
    assert found.keys[-1] == NO_FIELD
    again = _found(recent, *FIELDS, b"Subject: x")
    assert again is not None
    assert again.keys[-1] == "subject"


@pytest.mark.parametrize("octets", [b" folded", b"\tfolded: too", b"\x01: x"])
def test_a_line_that_continues_the_one_above_is_for_others(octets: bytes) -> None:
    assert _found(RecentLayouts(), *FIELDS, octets) is None


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("missing", [1, -1])
def test_lines_that_do_not_all_end_with_crlf_are_for_others(missing: int, known: bool) -> None:
    recent = RecentLayouts()
    lines = [START, *FIELDS]
    if known:
        assert _found(recent, *FIELDS) is not None
    assert _found(recent, *FIELDS, octets=len(b"\r\n".join(lines)) - missing) is None


def test_a_flood_of_layouts_stays_bounded() -> None:
    kept = layout._layouts  # what is compiled cannot be given another one
    kept.clear()
    recent = RecentLayouts()
    for number in range(MOST_REMEMBERED + 10):
        found = _found(recent, *[b"Subject: x" if digit == "1" else FIELDS[0] for digit in f"{number:b}"])
        assert found is not None
    assert len(kept) == 10
    assert max([len(alike) for alike in recent._by_lines.values()]) <= 8
    _layout(b"X-%s: 1" % (b"1" * 1024))
    _layout(*[b"Subject: x"] * 129)
    assert len(kept) == 10


def test_what_is_too_long_to_be_remembered_is_found_out_each_time() -> None:
    recent = RecentLayouts()
    name = b"X-%s: 1" % (b"1" * 1024)
    found = _found(recent, *FIELDS, name)
    assert found is not None
    assert found is not _found(recent, *FIELDS, name)
    assert recent._by_lines == {}


def test_a_message_that_is_kept_does_not_change_with_another_of_its_layout() -> None:
    first, second = parse(OPTIONS), parse(OPTIONS)
    assert first.keys is second.keys
    with pytest.raises(ParseError):
        parse(with_more(OPTIONS, b"Call-ID: twice"))
    assert first.keys == parse(OPTIONS).keys
