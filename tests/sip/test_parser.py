"""`parse`: the start line, line ends, framing, the headers that routing needs, bounds, and what is salvaged."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import suppress

import pytest

from offhook.errors import ParseError, Salvage
from offhook.sip.checks import MALFORMED, judge
from offhook.sip.headers import registry
from offhook.sip.layout import NO_FIELD
from offhook.sip.lines import content_length
from offhook.sip.message import Request, Response
from offhook.sip.method import METHODS
from offhook.sip.parser import Limits, parse
from offhook.sip.serializer import Draft
from tests.sip.messages import (
    INVITE,
    OPTIONS,
    RINGING,
    SDP,
    request_of,
    response_of,
    seconds_of,
    with_line,
    with_more,
    with_start,
)


def refused(data: bytes, limits: Limits | None = None) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse(data) if limits is None else parse(data, limits)
    assert caught.value.reason
    assert isinstance(caught.value.salvage, Salvage)
    return caught.value


# The start line


@pytest.mark.parametrize("method", METHODS)
def test_known_methods(method: bytes) -> None:
    data = OPTIONS.replace(b"OPTIONS", method)
    request = request_of(data)
    assert request.method is METHODS[method]
    assert request.serialize() == data


@pytest.mark.parametrize(
    "method", [b"options", b"NEWMETHOD", b"RE%47IST%45R", b"!interesting-Method0123456789_*+`.%indeed'~"]
)
def test_extension_methods(method: bytes) -> None:
    assert request_of(OPTIONS.replace(b"OPTIONS", method)).method == method.decode()


@pytest.mark.rfc("3261 7.1 #1", "3261 7.1 #2")
@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"OPTIONS  sip:a@b SIP/2.0", 400),
        (b"OPTIONS sip:a@b  SIP/2.0", 400),
        (b" OPTIONS sip:a@b SIP/2.0", 400),
        (b"OPTIONS\tsip:a@b\tSIP/2.0", 400),
        (b"OPTIONS <sip:a@b> SIP/2.0", 400),
        (b'OPTIONS "sip:a@b" SIP/2.0', 400),
        (b"OPTIONS sip:a@b; lr SIP/2.0", 400),
        (b"OPTIONS sip:a\x01@b SIP/2.0", 400),
        (b"OPTIONS SIP/2.0", 400),
        (b"OPTIONS  SIP/2.0", 400),
        (b"OPTIONS sip:a@b", 400),
        (b"OPTIONS sip:a@b SIP/2.0x", 400),
        (b"OPTIONS sip:a@b SIP/2", 400),
        (b"OPTIONS sip:a@b HTTP/1.1", 400),
        (b"OPT/IONS sip:a@b SIP/2.0", 400),
        (b"OPT\xffIONS sip:a@b SIP/2.0", 400),
        (b"SIP/2.0", 400),
        (b"OPTIONS", 400),
        (b"", 400),
        (b"OPTIONS sip:a@b SIP/1.0", 505),
        (b"OPTIONS sip:a@b SIP/3.0", 505),
        (b"OPTIONS sip:a@b sip/7.0", 505),
        (b"OPTIONS sip:a@b SIP/2.00", 505),
        (b"OPTIONS sip:a@b SIP/20.0", 505),
    ],
)
def test_malformed_request_lines(start: bytes, status: int) -> None:
    error = refused(with_start(OPTIONS, start))
    assert error.status == status
    assert error.clause is not None


@pytest.mark.rfc("3261 7.1 #4")
@pytest.mark.parametrize("end", [b" SIP/2.0 ", b" SIP/2.0\t ", b" sip/2.0", b" Sip/2.0  "])
def test_a_request_line_is_mended(end: bytes) -> None:
    """RFC 4475 3.1.2.10: the blanks may be borne with, and never leave again."""
    data = with_start(OPTIONS, b"OPTIONS sip:a@b" + end)
    request = request_of(data)
    assert (request.method, request.request_uri) == ("OPTIONS", "sip:a@b")
    assert request.lines[0] == b"OPTIONS sip:a@b SIP/2.0"
    assert request.serialize() == with_start(OPTIONS, b"OPTIONS sip:a@b SIP/2.0")


@pytest.mark.parametrize(
    ("start", "status", "reason"),
    [
        (b"SIP/2.0 180 Ringing", 180, "Ringing"),
        (b"SIP/2.0 100 ", 100, ""),
        (b"SIP/2.0 100", 100, ""),
        (b"SIP/2.0 699 Odd", 699, "Odd"),
        (b"SIP/2.0 200  two  blanks ", 200, " two  blanks "),
        (b"SIP/2.0 200 \xd0\xbd\xd0\xbe \xff", 200, "но \udcff"),
    ],
)
def test_status_lines(start: bytes, status: int, reason: str) -> None:
    data = with_start(RINGING, start)
    response = response_of(data)
    assert (response.status, response.reason) == (status, reason)
    assert response.serialize() == data


@pytest.mark.rfc("3261 7.1 #4")
@pytest.mark.parametrize("version", [b"sip/2.0", b"Sip/2.0", b"sIP/2.0"])
def test_a_version_in_lower_case_is_understood_and_leaves_in_upper_case(version: bytes) -> None:
    response = response_of(with_start(RINGING, version + b" 699 Odd"))
    assert (response.status, response.reason) == (699, "Odd")
    assert response.serialize() == with_start(RINGING, b"SIP/2.0 699 Odd")
    assert Draft.of(response).response().lines[0] == b"SIP/2.0 699 Odd"


@pytest.mark.parametrize(
    "start",
    [
        b"SIP/2.0 4294967301 better not break the receiver",
        b"SIP/2.0 99 Too small",
        b"SIP/2.0 099 Too small",
        b"SIP/2.0 700 Too large",
        b"SIP/2.0 \xb2\xb2\xb2 No digits",
        b"SIP/2.0 2x0 OK",
        b"SIP/2.0  200 OK",
        b"SIP/2.0\t200 OK",
        b"SIP/2.0 ",
        b"SIP/2.1 200 OK",
        b"sip/2.1 200 OK",
        b"SIP/ 200 OK",
    ],
)
def test_malformed_status_lines(start: bytes) -> None:
    error = refused(with_start(RINGING, start))
    assert error.salvage is not None
    assert error.salvage.method is None


# Line ends


@pytest.mark.parametrize("data", [INVITE, OPTIONS, RINGING])
def test_lines_may_end_with_lf_alone(data: bytes) -> None:
    head, _, body = data.partition(b"\r\n\r\n")
    bare = head.replace(b"\r\n", b"\n") + b"\n\n" + body
    message = parse(bare)
    expected = parse(data)
    assert (message.lines, message.keys, message.body) == (expected.lines, expected.keys, expected.body)
    assert message.serialize() == bare


def test_line_ends_may_be_mixed() -> None:
    mixed = OPTIONS.replace(b"\r\nTo", b"\nTo").replace(b"\r\n\r\n", b"\n\r\n")
    assert parse(mixed).lines == parse(OPTIONS).lines
    assert parse(mixed).serialize() == mixed
    assert parse(OPTIONS.replace(b"\r\n\r\n", b"\r\n\n") + b"x").lines == parse(OPTIONS).lines


def test_an_empty_line_of_lf_ends_the_head_before_one_of_crlf() -> None:
    """Two readers must not see different heads."""
    data = with_line(OPTIONS, b"Content-Length").replace(b"\r\n\r\n", b"\n\nX: y\r\n\r\nbody")
    message = parse(data)
    assert message.body == b"X: y\r\n\r\nbody"
    assert not message.has("X")


@pytest.mark.rfc("3261 7.5")
@pytest.mark.parametrize("before", [b"\r\n", b"\r\n\r\n", b"\n", b"\n\r\n", b"\r\n" * 1000])
def test_line_ends_before_the_start_line_are_ignored(before: bytes) -> None:
    assert parse(before + OPTIONS).serialize() == OPTIONS


@pytest.mark.rfc("3261 7 #2")
@pytest.mark.parametrize(
    "data",
    [
        OPTIONS.replace(b"\r\nTo", b"\r\r\nTo"),
        OPTIONS.replace(b"\r\nTo", b"\n\rTo"),
        OPTIONS.replace(b"\r\n\r\n", b"\r\r\n\r\n"),
        OPTIONS.replace(b"70", b"7\x000"),
        with_more(OPTIONS, b'Contact: "\\\\\x00" <sip:a@b>'),
        OPTIONS[:-2],
        OPTIONS[:-4],
        b"",
        b"\r\n",
        b"\r\n\r\n",
        b"\0",
        b"\r",
        b"hello",
        b"hello\r\n\r\n",
    ],
)
def test_heads_that_cannot_be_split(data: bytes) -> None:
    assert refused(data).status == 400


@pytest.mark.parametrize("end", [b"\r", b"\n"])
def test_cr_and_lf_end_a_line_by_themselves(end: bytes) -> None:
    """RFC 2543 3: receivers MUST interpret them so. What is sent on has CRLF."""
    for data in (INVITE.replace(b"\r\n", end), INVITE.replace(b"\r\nTo", end + b"To")):
        body = data.partition(b"v=0")[2]
        request = request_of(data.replace(b"Content-Length: 129", b"Content-Length: %d" % (len(body) + 3)))
        assert request.lines[1:-1] == request_of(INVITE).lines[1:-1]
        assert request.body == b"v=0" + body
        assert end not in Draft.of(request).finish().serialize().partition(b"\r\n\r\n")[0].replace(b"\r\n", b"")


def test_line_ends_of_all_kinds_in_one_message() -> None:
    data = b"\n".join(OPTIONS.split(b"\r\n", 2)).replace(b"\r\nFrom", b"\rFrom").replace(b"70\r\n", b"70\r")
    folded = with_line(OPTIONS, b"From", b"From: Alice\r <sip:alice@atlanta.example.com>\n\t;tag=1928301774")
    assert request_of(data).lines == request_of(OPTIONS).lines
    assert request_of(folded).from_tag == "1928301774"


def test_nul_in_a_quoted_pair_is_text() -> None:
    """RFC 4475 3.1.1.2."""
    line = b'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:carol@chicago.example.com>'
    data = with_line(OPTIONS, b"To", line)
    request = request_of(data)
    assert request.to.display_name == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert request.serialize() == data


@pytest.mark.rfc("3261 7.3.1 #3")
def test_folded_lines_belong_to_their_field() -> None:
    data = with_more(
        with_line(OPTIONS, b"Via", b"Via: SIP/2.0/UDP a", b" ;branch=x", b"\t,", b" SIP/2.0/UDP b"),
        b"Subject: one",
        b" two: three",
        b"  ",
        b"X-Long:",
        *([b" y"] * 500),
    )
    request = request_of(data)
    assert request.serialize() == data
    assert [str(via) for via in request.vias] == ["SIP/2.0/UDP a;branch=x", "SIP/2.0/UDP b"]
    assert request.text("Subject") == "one two: three"
    assert request.text("X-Long") == " ".join(["y"] * 500)
    assert len(request.lines) == len(request.keys) == 10


@pytest.mark.parametrize(
    "line",
    [
        b"no colon here",
        b"Subject",
        b"Max-Forwards",
        b": no name",
        b"two words: x",
        b"caf\xe9: x",
        b'"x": y',
        b"x\x01: y",
    ],
)
@pytest.mark.parametrize("before", [[], [b"X-A: y"], [b"X-A: folded\r\n line"]])
def test_lines_that_are_no_header_fields_are_passed_over(line: bytes, before: list[bytes]) -> None:
    """RFC 3261 8.2.2 and 16.3 step 1: what nobody needs is ignored, and leaves as it came."""
    data = with_more(OPTIONS, *before, line)
    request = request_of(data)
    assert request.keys[-1] == NO_FIELD
    assert request.serialize() == data
    assert Draft.of(request).set("Max-Forwards", "69").finish().lines[-1] == line
    assert (judge(data).verdict, judge(data).clause) == (MALFORMED, "RFC 3261 7.3.1")


def test_white_space_before_the_first_field() -> None:
    assert refused(OPTIONS.replace(b"\r\nVia", b"\r\n Via")).clause == "RFC 3261 7.3.1"


@pytest.mark.parametrize("name", [b"Via ", b"VIA\t", b"v  ", b"vIa"])
def test_names_in_odd_forms(name: bytes) -> None:
    request = request_of(OPTIONS.replace(b"Via", name))
    assert request.keys[1] == "via"


def test_unknown_names_do_not_fill_the_memory() -> None:
    before = len(registry.KEYS)
    for number in range(3000):
        parse(with_more(OPTIONS, b"X-%d: y" % number))
    assert len(registry.KEYS) == before


# Framing


@pytest.mark.rfc("3261 18.3 #1")
def test_octets_behind_the_body_are_ignored() -> None:
    message = parse(INVITE + b"and more")
    assert message.body == SDP
    assert message.serialize() == INVITE
    assert not message.truncated


def test_without_content_length_the_body_reaches_to_the_end() -> None:
    """RFC 3261 18.3: so it is with datagrams."""
    data = with_line(INVITE, b"Content-Length")
    message = parse(data)
    assert (message.content_length, message.body, message.truncated) == (None, SDP, False)


def test_a_body_that_is_cut_short() -> None:
    message = parse(INVITE[:-5])
    assert message.truncated
    assert message.body == SDP[:-5]
    assert message.serialize() == INVITE[:-5]


@pytest.mark.parametrize("text", [b"0", b" 0 ", b"\r\n 0", b"0000000000000"])
def test_content_lengths(text: bytes) -> None:
    assert parse(with_line(OPTIONS, b"Content-Length", b"l:" + text)).content_length == 0
    assert content_length(text) == 0


@pytest.mark.parametrize(
    "text", [b"", b"-999", b"+5", b"5.0", b"5,5", b"5 5", b"0x5", b"\xb2", b"five", b"5;x=y", b"1" * 16, b"1" * 60000]
)
def test_malformed_content_lengths(text: bytes) -> None:
    error = refused(with_line(OPTIONS, b"Content-Length", b"Content-Length: " + text))
    assert (error.status, error.header) == (400, "Content-Length")


def test_content_length_stands_once() -> None:
    """RFC 4475 3.3.9."""
    for more in (b"Content-Length: 0", b"l: 0", b"L : 13"):
        assert refused(with_more(OPTIONS, more)).header == "Content-Length"


# The headers that routing needs


@pytest.mark.rfc("3261 8.1.1 #1", "3261 20 #5")
@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_what_must_be_there(name: str) -> None:
    line = name.encode()
    error = refused(with_line(OPTIONS, line))
    assert (error.status, error.header, error.reason) == (400, name, f"no {name}")
    for empty in (line + b":", line + b":  \r\n "):
        if name != "From":
            assert refused(with_line(OPTIONS, line, empty)).header == name


@pytest.mark.parametrize(
    "line", [b"From: <sip:a@b>;tag=1", b"f: <sip:a@b>", b"T: <sip:a@b>", b"i: x", b"CSEQ: 63104 OPTIONS"]
)
def test_what_must_not_stand_twice(line: bytes) -> None:
    """RFC 3261 7.3.1: only a list may go on in another field."""
    assert refused(with_more(OPTIONS, line)).reason.startswith("more than one")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", b"nonsense"),
        ("Via", b"SIP/2.0/UDP 192.0.2.15;;,;,,"),
        ("Via", b"SIP/2.0/UDP"),
        ("CSeq", b"OPTIONS 1"),
        ("CSeq", b"1"),
        ("CSeq", b"-1 OPTIONS"),
        ("CSeq", b"2147483648 OPTIONS"),
        ("CSeq", b"36893488147419103232 OPTIONS"),
        ("CSeq", b"1 OPT IONS"),
        ("To", b'"Mr. J. User <sip:j.user@example.com>'),
        ("To", b"<sip:j.user@example.com"),
        ("To", b"Watson, Thomas <sip:t.watson@example.org>"),
        ("Call-ID", b"two words"),
        ("Call-ID", b"folded\r\n id"),
        ("Call-ID", b"a\x07b"),
    ],
)
def test_malformed_routing_headers(name: str, value: bytes) -> None:
    error = refused(with_line(OPTIONS, name.encode(), name.encode() + b": " + value))
    assert (error.status, error.header) == (400, name)
    assert error.clause is not None


def test_other_headers_are_not_looked_into() -> None:
    request = request_of(with_more(OPTIONS, b"Contact: <", b"Date: x", b"Route: ;", b"From-Nowhere: \xff"))
    assert request.method == "OPTIONS"


# Bounds


def test_the_size_of_a_message_is_bounded() -> None:
    fill = with_more(OPTIONS, b"X: " + b"y" * (65536 - len(OPTIONS) - 5))
    assert len(fill) == 65536
    parse(fill)
    assert refused(fill.replace(b"X: ", b"X: y")).status == 513
    assert refused(with_line(INVITE, b"Content-Length", b"Content-Length: 65536")).status == 513
    assert refused(INVITE, Limits(octets=len(INVITE) - 1)).status == 513
    assert parse(INVITE, Limits(octets=len(INVITE))).body == SDP


def test_the_number_of_fields_is_bounded() -> None:
    filled = with_more(OPTIONS, *([b"X: y"] * (128 - 7)))
    assert len(parse(filled).lines) == 129
    assert refused(with_more(filled, b"X: y")).status == 513
    assert refused(OPTIONS, Limits(fields=6)).status == 513
    assert len(parse(OPTIONS, Limits(fields=7)).lines) == 8
    folded = with_more(filled, b" z", b"\tz")
    assert len(parse(folded).lines) == 129


@pytest.mark.parametrize("joined", [False, True])
def test_the_number_of_vias_is_bounded(joined: bool) -> None:
    def with_vias(count: int) -> bytes:
        values = [b'SIP/2.0/UDP h%d;branch=z9hG4bK%d;x="a,b"' % (number, number) for number in range(count)]
        lines = [b"Via: " + b", ".join(values)] if joined else [b"Via: " + value for value in values]
        return with_line(OPTIONS, b"Via", *lines)

    assert len(parse(with_vias(70)).vias) == 70
    error = refused(with_vias(71))
    assert (error.status, error.header) == (513, "Via")
    assert error.salvage is not None
    assert refused(with_vias(3), Limits(vias=2)).status == 513
    # One that cannot be read hides none.
    broken = with_vias(1).replace(b"Call-ID:", b"Via: x" + b", SIP/2.0/UDP a;branch=b" * 70 + b"\r\nCall-ID:", 1)
    assert refused(broken).status == 513


def test_nothing_is_held_of_what_is_refused() -> None:
    huge = with_more(OPTIONS, *([b"Z%d: " % n + b"y" * 300 for n in range(200)]))
    oversized = with_more(OPTIONS, b"X: " + b"y" * 70000)
    for data in (huge, oversized):
        refused(data)
        gc.collect()
        tracemalloc.start()
        for _ in range(20):
            refused(data)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert held < 16384


# What is salvaged


def salvage_of(data: bytes) -> Salvage:
    salvage = refused(data).salvage
    assert salvage is not None
    return salvage


def test_a_broken_request_is_salvaged_whole() -> None:
    salvage = salvage_of(with_line(INVITE, b"CSeq", b"CSeq: one INVITE"))
    assert salvage.method == "INVITE"
    assert salvage.via == (b"SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK-123-1-0",)
    assert salvage.from_ == b'"Alice" <sip:alice@example.com>;tag=123SIPpTag001'
    assert salvage.to == b"<sip:bob@example.com>"
    assert salvage.call_id == b"1-123@127.0.0.1"
    assert salvage.cseq == b"one INVITE"


@pytest.mark.parametrize(
    "breakage",
    [b"Content-Length: x", b"X: \0", b"X: a\r\r\nb", *[b"X: y" * 30000]],
)
def test_vias_are_salvaged_whatever_is_broken(breakage: bytes) -> None:
    data = with_line(INVITE, b"Via", b"v: SIP/2.0/UDP a;branch=x,", b" SIP/2.0/UDP b", b"VIA: SIP/2.0/UDP c")
    salvage = salvage_of(with_more(data, breakage))
    assert salvage.via == (b"SIP/2.0/UDP a;branch=x, SIP/2.0/UDP b", b"SIP/2.0/UDP c")
    assert salvage.call_id == b"1-123@127.0.0.1"


def test_the_first_of_several_is_salvaged() -> None:
    salvage = salvage_of(with_more(OPTIONS, b"To: <sip:other@example.net>", b"CSeq: 2 OPTIONS"))
    assert salvage.to == b"<sip:carol@chicago.example.com>"
    assert salvage.cseq == b"63104 OPTIONS"


def test_what_could_not_be_written_again_is_not_salvaged() -> None:
    salvage = salvage_of(OPTIONS.replace(b"a84b4c76e66710", b"a84b\x004c7"))
    assert salvage.call_id is None
    assert salvage.via == (b"SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bKhjhs8ass877",)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xff", b"hello", b"SIP/2.0 200 OK\r\nVia: x\r\n", b"\x16\x03\x01\x02\x00" * 50]
)
def test_nothing_is_salvaged_of_rubbish(data: bytes) -> None:
    salvage = salvage_of(data)
    assert salvage.from_ is salvage.to is salvage.call_id is salvage.cseq is None


def test_a_missing_end_is_salvaged_too() -> None:
    assert salvage_of(OPTIONS[:-2]).call_id == b"a84b4c76e66710"
    assert salvage_of(OPTIONS[:-2]).method == "OPTIONS"


# Time

HOSTILE = {
    "line ends": b"\n" * 65000,
    "carriage returns": b"\r" * 65000,
    "blanks": b" " * 65000,
    "colons": with_more(OPTIONS, b":" * 60000),
    "tiny fields": b"OPTIONS sip:a SIP/2.0\r\n" + b"a:\r\n" * 16000 + b"\r\n",
    "tiny fields of lf": b"OPTIONS sip:a SIP/2.0\n" + b"a:\n" * 21000 + b"\n",
    "folds": with_more(OPTIONS, b"X: y", *([b" "] * 20000)),
    "folds of lf": with_more(OPTIONS, b"X: y").replace(b"X: y\r\n", b"X: y" + b"\n " * 30000 + b"\r\n"),
    "commas": with_line(OPTIONS, b"Via", b"Via: SIP/2.0/UDP a" + b"," * 60000),
    "commas behind a quote": with_line(OPTIONS, b"Via", b'Via: SIP/2.0/UDP a;b="' + b"," * 60000),
    "quoted commas": with_line(OPTIONS, b"Via", b'Via: SIP/2.0/UDP a;b="' + b"," * 60000 + b'"'),
    "backslashes": with_line(OPTIONS, b"To", b'To: "' + b"\\" * 60001),
    "nul pairs": with_line(OPTIONS, b"To", b'To: "' + b"\\\0" * 30000 + b'" <sip:a>'),
    "parentheses": with_line(OPTIONS, b"Via", b"Via: SIP/2.0/UDP a " + b"(" * 60000),
    "parameters": with_line(OPTIONS, b"Via", b"Via: SIP/2.0/UDP a" + b";a" * 30000),
    "blanks in From": with_line(OPTIONS, b"To", b"To: " + b"a" + b" " * 60000 + b"b"),
    "labels": with_line(OPTIONS, b"Via", b"Via: SIP/2.0/UDP " + b"a." * 30000 + b"/"),
    "digits": with_line(OPTIONS, b"CSeq", b"CSeq: " + b"9" * 60000 + b" OPTIONS"),
    "zeros": with_line(OPTIONS, b"CSeq", b"CSeq: " + b"0" * 60000 + b" OPTIONS"),
    "version": with_start(OPTIONS, b"OPTIONS sip:a SIP/" + b"1" * 60000),
    "blanks in the start line": with_start(OPTIONS, b"OPTIONS" + b" " * 60000),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_hostile_messages_take_no_time(data: bytes) -> None:
    def act() -> None:
        with suppress(ParseError):
            parse(data)

    # 20 ms at most on a slow core; what goes back through the octets again and again needs seconds.
    assert seconds_of(act) < 0.1


def test_a_usual_message_is_parsed_in_a_few_splits() -> None:
    """Relative to what the machine at hand needs for splitting the same octets."""

    def parsing() -> None:
        for _ in range(200):
            parse(INVITE)

    def splitting() -> None:
        for _ in range(200):
            INVITE.split(b"\r\n")

    assert seconds_of(parsing, 20) < 60 * seconds_of(splitting, 20)


def test_types() -> None:
    assert type(parse(INVITE)) is Request
    assert type(parse(RINGING)) is Response
