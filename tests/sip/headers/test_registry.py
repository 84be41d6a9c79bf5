"""The registry of headers, and what every row of it owes: ParseError alone, round trips, linear time."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import InvalidState, ParseError
from offhook.sip.headers import registry
from offhook.sip.headers.address import Contact, NameAddr
from offhook.sip.headers.cseq import CSeq
from offhook.sip.headers.registry import (
    LIST,
    MULTIPLE,
    SINGLE,
    HeaderRow,
    key_named,
    key_of,
    register,
    row,
    rows,
    spelled,
)
from offhook.sip.headers.via import Via
from offhook.sip.uri import SipUri, parse_uri
from tests.fuzz.header_values import check_text

DATA = Path(__file__).parents[2] / "data" / "headers"

# The headers that the platform must know, and their compact forms by their own RFCs.
NAMES = [
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events", "Authentication-Info",
    "Authorization", "Call-ID", "Call-Info", "Contact", "Content-Disposition", "Content-Encoding", "Content-Language",
    "Content-Length", "Content-Type", "CSeq", "Date", "Encryption", "Error-Info", "Event", "Expires", "From",
    "In-Reply-To", "Max-Breadth", "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE", "Organization", "Path",
    "P-Asserted-Identity", "P-Preferred-Identity", "Priority", "Privacy", "Proxy-Authenticate", "Proxy-Authorization",
    "Proxy-Require", "RAck", "Reason", "Record-Route", "Refer-To", "Referred-By", "Replaces", "Reply-To", "Require",
    "Retry-After", "Route", "RSeq", "Server", "Service-Route", "Session-Expires", "SIP-ETag", "SIP-If-Match",
    "Subject", "Subscription-State", "Supported", "Timestamp", "To", "Unsupported", "User-Agent", "Via", "Warning",
    "WWW-Authenticate",
]  # fmt: skip
COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
}


def records(name: str) -> list[dict[str, object]]:
    with (DATA / name).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


FIELDS = [(str(record["header"]), str(record["text"])) for record in records("fields.jsonl")]
TEXTS = sorted({text for _, text in FIELDS})

# Whatever the rows look for, more often than letters.
ALPHABET = st.one_of(
    st.sampled_from(';,:"\\<>()[]=/@?%.- \t*\r\n'), st.sampled_from("aZ019sipT"), st.characters(), st.just("\udcff")
)


@pytest.fixture
def own_row() -> Generator[None]:
    keys, named = dict(registry.KEYS), dict(registry._NAMED)
    known, compact = dict(registry._ROWS), dict(registry._COMPACT)
    yield
    registry.KEYS.clear()
    registry.KEYS.update(keys)
    registry._NAMED.clear()
    registry._NAMED.update(named)
    registry._ROWS.clear()
    registry._ROWS.update(known)
    registry._COMPACT.clear()
    registry._COMPACT.update(compact)


@pytest.mark.parametrize("name", NAMES)
def test_every_header_has_its_row(name: str) -> None:
    known = row(name.lower())
    assert known is not None
    assert known.name == name
    assert known.source.startswith("RFC ")
    assert spelled(name.lower()) == name


@pytest.mark.rfc("3261 7.3.3 #1")
@pytest.mark.parametrize(("compact", "name"), COMPACT.items())
def test_compact_forms(compact: str, name: str) -> None:
    assert key_of(compact.encode()) == name.lower()
    assert key_of(compact.upper().encode()) == name.lower()
    known = row(name.lower())
    assert known is not None
    assert known.compact == compact


@pytest.mark.parametrize(
    ("name", "key"), [("Via", "via"), ("VIA", "via"), ("v", "via"), ("X-Nobody-Knows", "x-nobody-knows")]
)
def test_keys_of_names_in_programs(name: str, key: str) -> None:
    assert key_named(name) == key


def test_no_other_compact_forms() -> None:
    assert {known.compact: known.name for known in rows() if known.compact is not None} == COMPACT


@pytest.mark.parametrize("spelling", [b"call-id", b"CALL-ID", b"CaLL-Id", b"Call-ID \t", b"i", b"I  "])
def test_keys_of_spellings(spelling: bytes) -> None:
    assert key_of(spelling) == "call-id"


@pytest.mark.parametrize("name", [b"", b" ", b"Call ID", b"Na:me", b"\xff", b"C\xc3\xa4"])
def test_names_that_are_no_tokens(name: bytes) -> None:
    with pytest.raises(ParseError):
        key_of(name)


def test_an_unknown_header_keeps_its_name() -> None:
    assert key_of(b"X-Nobody-Knows") == "x-nobody-knows"
    assert row("x-nobody-knows") is None
    assert spelled("x-nobody-knows") == "x-nobody-knows"


@pytest.mark.usefixtures("own_row")
def test_the_table_of_spellings_is_bounded() -> None:
    for number in range(3 * registry.MAX_SPELLINGS):
        spelling = bytes(
            [char ^ 0x20 if number >> bit & 1 else char for bit, char in enumerate(b"authentication-info")]
        )
        assert key_of(spelling.replace(b"\r", b"-")) == "authentication-info"
    assert len(registry.KEYS) <= registry.MAX_SPELLINGS


class Colour:
    """A value of a header that this package does not know."""

    __slots__ = ("red",)

    def __init__(self, red: int) -> None:
        self.red = red

    def __str__(self) -> str:
        return f"{self.red:02x}"


def parse_colour(text: str) -> Colour:
    try:
        return Colour(int(text, 16))
    except ValueError:
        raise ParseError("no colour", clause="the paint shop") from None


@pytest.mark.usefixtures("own_row")
def test_a_program_registers_its_own_header() -> None:
    register(HeaderRow("X-Colour", "!", parse_colour, LIST, "the paint shop"))
    assert key_of(b"x-COLOUR") == "x-colour"
    assert key_of(b"X-Colour") == "x-colour"
    known = row("x-colour")
    assert known is not None
    assert [str(value) for value in known.decode("ff , 0a")] == ["ff", "0a"]
    with pytest.raises(ParseError, match="no colour"):
        known.decode("ff, red")


def test_no_header_takes_the_name_of_another() -> None:
    with pytest.raises(InvalidState, match="v means Via already"):
        register(HeaderRow("X-Variety", "v", str.upper, SINGLE, "the tasting room"))
    assert row("x-variety") is None
    assert key_of(b"v") == "via"


@pytest.mark.parametrize(("name", "compact"), [("X Bad", None), ("X-É", None), ("", None), ("X-A", "a b")])
def test_a_name_that_cannot_stand_in_a_message_is_no_header(name: str, compact: str | None) -> None:
    with pytest.raises(InvalidState, match="is no name of a header"):
        register(HeaderRow(name, compact, str.upper, LIST, "the tasting room"))


def test_a_kind_that_is_none_is_told() -> None:
    with pytest.raises(InvalidState, match="'lists' is no kind of header"):
        register(HeaderRow("X-Kind", None, str.upper, "lists", "the tasting room"))
    assert row("x-kind") is None


@pytest.mark.parametrize("kind", [LIST, SINGLE])
def test_what_a_parser_of_a_program_cannot_read_is_a_parse_error(kind: str) -> None:
    known = HeaderRow("X-Ticket", None, int, kind, "house rules 1")
    assert known.decode("42") == [42]
    with pytest.raises(ParseError) as caught:
        known.decode("many")
    assert (caught.value.header, caught.value.clause) == ("X-Ticket", "house rules 1")
    assert "'many'" in caught.value.reason


@pytest.mark.usefixtures("own_row")
def test_a_program_replaces_a_row() -> None:
    register(HeaderRow("Subject", "s", str.upper, SINGLE, "the shouting office"))
    known = row("subject")
    assert known is not None
    assert known.decode("hello") == ["HELLO"]


@pytest.mark.rfc("3261 7.3.1 #2", "3261 20.7 #1", "3261 20.28 #1")
def test_kinds() -> None:
    def decoded(key: str, text: str) -> list[object]:
        known = row(key)
        assert known is not None
        return known.decode(text)

    assert decoded("supported", "100rel , timer") == ["100rel", "timer"]
    assert decoded("supported", "") == []
    assert decoded("subject", "one, two") == ["one, two"]
    assert decoded("subject", "") == [""]
    credentials = decoded("authorization", 'Digest username="a", realm="b"')
    assert [str(value) for value in credentials] == ['Digest username="a", realm="b"']
    kinds = {known.name for known in rows() if known.kind == MULTIPLE}
    # RFC 3261 7.3.1: these four are not lists, whatever their commas look like.
    assert kinds == {"Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate"}


def test_lists_that_may_be_empty() -> None:
    optional = {known.name for known in rows() if known.optional}
    # RFC 3261 25.1 writes these in brackets; RFC 7315 5 does so with P-Associated-URI.
    assert optional == {"Accept", "Accept-Encoding", "Accept-Language", "Allow", "Supported", "P-Associated-URI"}
    for known in rows():
        if known.kind == LIST and not known.optional:
            with pytest.raises(ParseError) as caught:
                known.decode("")
            assert caught.value.header == known.name


@pytest.mark.parametrize("name", ["Via", "Contact", "Route", "Require", "Warning"])
def test_empty_elements(name: str) -> None:
    """RFC 2543 C allowed them; those of Via and Route are counted by everybody on the way."""
    good = {"Via": "SIP/2.0/UDP 192.0.2.15", "Contact": "<sip:a@b>", "Route": "<sip:a;lr>", "Warning": '399 a "b"'}
    value = good.get(name, "100rel")
    known = row(name.lower())
    assert known is not None
    assert len(known.decode(f"{value}, {value}")) == 2
    for text in (f"{value},,{value}", f",{value}", f"{value}, "):
        if known.exact:
            with pytest.raises(ParseError):
                known.decode(text)
        else:
            assert set(map(str, known.decode(text))) == {value}
    # RFC 4475 3.1.2.1: separators without anything between make a message invalid.
    for text in (f"{value};;,;,,", ",", ", ,"):
        with pytest.raises(ParseError):
            known.decode(text)


@pytest.mark.parametrize("name", ["Supported", "Allow", "Accept", "Accept-Language"])
def test_empty_elements_of_lists_that_may_be_empty(name: str) -> None:
    """RFC 2543 C.1 allowed null elements in every list, and "Allow: INVITE, ACK," is still met."""
    known = row(name.lower())
    assert known is not None
    value = "a/b" if name == "Accept" else "a"
    assert len(known.decode(f",{value}, ,{value},")) == 2
    assert known.decode(",") == []


@pytest.mark.parametrize(("name", "text"), FIELDS)
def test_fields_of_real_messages(name: str, text: str) -> None:
    known = row(key_of(name.encode()))
    if known is None:
        return
    values = known.decode(text)
    assert values
    for value in values:
        assert known.parse(str(value)) == value


@pytest.mark.parametrize("record", records("tshark.jsonl"), ids=lambda record: f"{record['source']} {record['header']}")
def test_what_tshark_reads(record: dict[str, object]) -> None:
    texts = record["texts"]
    assert isinstance(texts, list)
    assert read(str(record["header"]), texts) == {
        key: value for key, value in record.items() if key not in ("source", "header", "texts")
    }


def read(header: str, texts: list[str]) -> dict[str, object]:
    """The values that tshark gives too, in its own form."""
    if header == "Request-URI":
        uri = parse_uri(texts[0])
        assert isinstance(uri, SipUri)
        return present(user=uri.user, host=uri.host)
    known = row(header.lower())
    assert known is not None
    values = [value for text in texts for value in known.decode(text)]
    first = values[0]
    if isinstance(first, CSeq):
        return {"number": first.number, "method": first.method}
    if isinstance(first, Via):
        vias = [value for value in values if isinstance(value, Via)]
        return {
            "transports": [via.transport for via in vias],
            "addresses": [via.host.strip("[]") for via in vias],
            "ports": [str(via.port) for via in vias if via.port is not None],
            "branches": [via.branch for via in vias],
        }
    if isinstance(first, Contact):
        return {"uris": [str(value.uri) for value in values if isinstance(value, Contact)]}
    assert isinstance(first, NameAddr)
    if isinstance(first.uri, SipUri):
        return present(tag=first.tag, user=first.uri.user, host=first.uri.host)
    return present(tag=first.tag)


def present(**facts: str | None) -> dict[str, object]:
    return {key: value for key, value in facts.items() if value is not None}


@given(st.text(ALPHABET, max_size=40))
def test_any_text(text: str) -> None:
    for known in rows():
        check_text(known, text)


@given(st.data())
def test_broken_fields(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TEXTS))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 8)))
    text = text[:start] + data.draw(st.text(ALPHABET, max_size=4)) + text[end:]
    for known in rows():
        check_text(known, text)


def test_a_field_has_a_bounded_number_of_values() -> None:
    known = row("supported")
    assert known is not None
    assert len(known.decode(",".join(["a"] * registry.MAX_VALUES))) == registry.MAX_VALUES
    with pytest.raises(ParseError, match="more than 4096 values"):
        known.decode(",".join(["a"] * (registry.MAX_VALUES + 1)))


PIECES = [
    ",", ";", '"', "(", ")", "<", ">", "\\", " ", "\t", "=", "%", "%4", "@", ":", "[", ".", "0", "a", "\n", "\n ",
    "()", '""', "<>", '\\"', "( ", '"\\', ";a", ";a=", ";a=b", ',a="', ", a=b", "a.", "a,", "a/", " (", "(\\",
]  # fmt: skip
STARTS = [
    "", "<sip:a@b>", "sip:", "<sip:a", '"', "SIP/2.0/UDP a", "1 ", "Digest ", "a", "(", "a/b", "399 a ", "<sip:a@b>;a=",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_no_input_takes_long(piece: str) -> None:
    """64 KiB of whatever might make a scanner go back and back again: a tenth of a second would be quadratic."""
    text = piece * (65536 // len(piece))
    grammars = {(known.parse, known.kind): known for known in rows()}
    for start in STARTS:
        for known in grammars.values():
            began = time.process_time()
            check_text(known, start + text)
            taken = time.process_time() - began
            assert taken < 1.0, (known.name, start, taken)
