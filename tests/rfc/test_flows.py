"""Every message of the example flows of RFC 3261, 3665, 3666 and 5359: judged, read, and held against tshark."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from offhook.errors import ParseError
from offhook.sip.checks import OK, judge, read_all
from offhook.sip.framing import StreamFramer
from offhook.sip.headers import registry
from offhook.sip.headers.value import HeaderValue
from offhook.sip.message import Request, Response
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from offhook.sip.uri import parse_uri

DATA: Final = Path(__file__).parents[1] / "data" / "flows"
COUNTS: Final = {"rfc3261": (16, 7), "rfc3665": (178, 176), "rfc3666": (175, 166), "rfc5359": (324, 190)}
Row = dict[str, object]


def rows(rfc: str) -> list[Row]:
    lines = (DATA / rfc / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def octets(rfc: str, row: Row) -> bytes:
    return (DATA / rfc / str(row["file"])).read_bytes()


ROWS: Final = {rfc: rows(rfc) for rfc in COUNTS}
VALID: Final = [(rfc, row) for rfc, found in ROWS.items() for row in found if row["expect"] == "valid"]
LENIENT: Final = [(rfc, row) for rfc, found in ROWS.items() for row in found if row["expect"] == "lenient"]
each_valid = pytest.mark.parametrize(("rfc", "row"), VALID, ids=[f"{rfc}-{row['id']}" for rfc, row in VALID])
each_lenient = pytest.mark.parametrize(("rfc", "row"), LENIENT, ids=[f"{rfc}-{row['id']}" for rfc, row in LENIENT])


@pytest.mark.parametrize("rfc", COUNTS)
def test_all_messages_are_there(rfc: str) -> None:
    assert (len(ROWS[rfc]), len([row for row in ROWS[rfc] if row["expect"] == "valid"])) == COUNTS[rfc]


@each_valid
def test_valid_messages_are_ok(rfc: str, row: Row) -> None:
    judgement = judge(octets(rfc, row))
    assert judgement.verdict == OK, judgement


@each_lenient
def test_misprints_do_no_harm(rfc: str, row: Row) -> None:
    data = octets(rfc, row)
    assert judge(data).verdict in ("ok", "invalid", "malformed")
    with suppress(ParseError):
        assert data.startswith(parse(data).serialize())


@each_valid
def test_what_nobody_changed_comes_back_byte_for_byte(rfc: str, row: Row) -> None:
    data = octets(rfc, row)
    message = parse(data)
    read_all(message)
    assert data.startswith(message.serialize())
    assert Draft.of(message).finish().serialize().startswith(data[: data.index(b"\r\n\r\n")])


@each_valid
def test_values_are_the_same_when_written_and_read_again(rfc: str, row: Row) -> None:
    message = parse(octets(rfc, row))
    for key in dict.fromkeys(message.keys[1:]):
        known = registry.row(key)
        if known is None:
            continue
        for value in message.headers(key):
            if isinstance(value, HeaderValue):
                assert known.parse(value.serialize()) == value, known.name


@each_valid
def test_tshark_reads_the_same(rfc: str, row: Row) -> None:
    message = parse(octets(rfc, row))
    expected = row["tshark"]
    assert isinstance(expected, dict)
    if not expected:
        assert b"sip:" not in message.lines[0], "tshark takes a Request-URI without scheme for no SIP"
        return
    if isinstance(message, Request):
        assert expected["sip.Method"] == [message.method]
        assert expected["sip.r-uri"] == [message.request_uri]
        assert str(parse_uri(message.request_uri)) == str(message.uri)
    else:
        assert isinstance(message, Response)
        assert expected["sip.Status-Code"] == [str(message.status)]
    assert expected["sip.Call-ID"] == [message.call_id]
    assert expected["sip.CSeq.seq"] == [str(message.cseq_number)]
    assert expected["sip.CSeq.method"] == [message.cseq_method]
    for name, tag in (("sip.from.tag", message.from_tag), ("sip.to.tag", message.to_tag)):
        assert expected.get(name, [None]) == [tag]
    if "sip.Max-Forwards" in expected:
        assert expected["sip.Max-Forwards"] == [str(message.number("Max-Forwards"))]
    assert [str(via.transport) for via in message.vias] == expected["sip.Via.transport"]


@pytest.mark.parametrize("rfc", COUNTS)
@pytest.mark.parametrize("size", [1, 1460])
def test_a_whole_flow_over_a_stream(rfc: str, size: int) -> None:
    messages = [parse(octets(rfc, row)) for row in ROWS[rfc] if row["expect"] == "valid"]
    # Over a stream Content-Length is a MUST (RFC 3261 18.3), and two of the RFCs' messages have none.
    whole = [Draft.of(message).finish().serialize() for message in messages]
    data = b"".join(whole)
    framer = StreamFramer()
    found = [item for start in range(0, len(data), size) for item in framer.receive(data[start : start + size])]
    assert found == whole
