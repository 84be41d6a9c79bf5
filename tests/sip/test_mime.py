"""Bodies of several parts, by RFC 2046 5.1, RFC 5621 and RFC 3204."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import InvalidState, ParseError, ProtocolError
from offhook.sip.headers.content import MediaType, parse_media_type
from offhook.sip.mime import MAX_DEPTH, MAX_PARTS, BodyPart, Multipart, body_of, parse_multipart, processed
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from tests.sip.messages import INVITE, OPTIONS, SDP, seconds_of, with_more

TORTURE = Path(__file__).parents[1] / "data" / "torture"
MIXED = MediaType("multipart", "mixed", {"boundary": "b1"})
ISUP = bytes.fromhex("01004900000302000704900800102020a010602005061501")


def parts_of(body: bytes, media_type: MediaType = MIXED) -> list[bytes]:
    return [part.content for part in parse_multipart(body, media_type).parts]


def plain(content: bytes, content_type: str = "text/plain", disposition: str | None = None) -> BodyPart:
    return BodyPart.build(content, content_type, disposition)


# Reading


def test_the_example_of_rfc_2046() -> None:
    body = (
        b"This is the preamble.\r\n\r\n--simple boundary\r\n\r\nThis is implicitly typed plain US-ASCII text.\r\n"
        b"It does NOT end with a linebreak.\r\n--simple boundary\r\nContent-type: text/plain; charset=us-ascii\r\n\r\n"
        b"This is explicitly typed plain US-ASCII text.\r\nIt DOES end with a linebreak.\r\n\r\n"
        b"--simple boundary--\r\n\r\nThis is the epilogue.  It is also to be ignored."
    )
    multipart = parse_multipart(body, parse_media_type('multipart/mixed; boundary="simple boundary"'))
    one, other = multipart.parts
    assert one.content.endswith(b"It does NOT end with a linebreak.")
    assert other.content.endswith(b"with a linebreak.\r\n")
    assert (one.media_type.essence, one.lines) == ("text/plain", [])
    assert other.media_type.charset == "us-ascii"
    assert multipart.preamble == b"This is the preamble.\r\n"
    assert multipart.epilogue == b"\r\n\r\nThis is the epilogue.  It is also to be ignored."
    assert multipart.closed
    assert multipart.serialize() == body
    assert multipart.content_type == 'multipart/mixed;boundary="simple boundary"'


def test_the_binary_torture_message() -> None:
    """RFC 4475 3.1.1.11."""
    message = parse((TORTURE / "rfc4475" / "mpart01.dat").read_bytes())
    body = body_of(message)
    assert body.is_multipart
    multipart = body.multipart()
    text, signature = multipart.parts
    assert (text.content, text.media_type.essence) == (b"Hello", "text/plain")
    assert signature.media_type.essence == "application/octet-stream"
    assert b"\x00" in signature.content
    assert signature.decoded_content() == signature.content
    assert message.body.endswith(signature.content + b"\r\n--7a9cbec02ceef655--\r\n")
    assert multipart.serialize() == message.body


def test_isup_within_a_message() -> None:
    """RFC 3204's use: session description and ISUP side by side, both untouched."""
    build = Multipart.build(
        [
            plain(SDP, "application/sdp"),
            plain(ISUP, "application/ISUP;version=nxv3;base=etsi121", "signal;handling=optional"),
        ]
    )
    message = Draft.of(parse(OPTIONS)).body(build.serialize(), build.content_type).finish()
    description, isup = body_of(parse(message.serialize())).multipart().parts
    assert (description.content, isup.content) == (SDP, ISUP)
    assert isup.media_type.essence == "application/isup"
    assert isup.media_type.params == {"version": "nxv3", "base": "etsi121"}
    assert (isup.disposition.token, isup.disposition.handling) == ("signal", "optional")
    assert (description.disposition.token, description.disposition.handling) == ("session", "required")


@pytest.mark.parametrize(
    ("body", "contents"),
    [
        (b"--b1\r\n\r\none\r\n--b1\r\n\r\ntwo\r\n--b1--", [b"one", b"two"]),
        (b"--b1  \t\r\n\r\none\r\n--b1 \r\n\r\ntwo\r\n--b1-- \r\n", [b"one", b"two"]),
        (b"--b1\n\none\n--b1\n\ntwo\n--b1--\n", [b"one", b"two"]),
        (b"\r\n--b1\r\n\r\none\r\n--b1--", [b"one"]),
        (b"--b1\r\nContent-Type: a/b\r\n--b1--", [b""]),
        (b"--b1\r\nContent-Type: a/b\r\n\r\n--b1--", [b""]),
        (b"--b1\r\nContent-Type: a/b\r\n\r\n\r\n--b1--", [b""]),
        (b"--b1\r\n\r\n--b1--", [b""]),
        (b"--b1\r\n--b1\r\n--b1--", [b"", b""]),
        (b"--b1\r\n\r\n\r\n\r\n--b1--", [b"\r\n"]),
        (
            b"--b1\r\n\r\nx--b1\r\n --b1\r\n--b1x\r\n--b1-\r\n--b1--x\r\n--b1--",
            [b"x--b1\r\n --b1\r\n--b1x\r\n--b1-\r\n--b1--x"],
        ),
        (b"--b1\r\n\r\n\x00\xff\r\x00\r\n--b1--", [b"\x00\xff\r\x00"]),
        (b"--b1\r\n\r\none\r\n--b1--\r\n--b1\r\n\r\nin the epilogue\r\n--b1--", [b"one"]),
    ],
)
def test_boundaries(body: bytes, contents: list[bytes]) -> None:
    multipart = parse_multipart(body, MIXED)
    assert [part.content for part in multipart.parts] == contents
    assert multipart.closed
    assert multipart.serialize() == body


@pytest.mark.parametrize(
    ("body", "contents"),
    [
        (b"--b1\r\n\r\none", [b"one"]),
        (b"--b1\r\n\r\none\r\n--b1\r\n\r\ntwo\r\n", [b"one", b"two\r\n"]),
        (b"--b1", [b""]),
    ],
)
def test_the_last_boundary_may_be_missing(body: bytes, contents: list[bytes]) -> None:
    multipart = parse_multipart(body, MIXED)
    assert [part.content for part in multipart.parts] == contents
    assert not multipart.closed


@pytest.mark.parametrize("boundary", ["b.c", "a b", "'()+_,-./:=?", "x" * 70, "[", "=_part"])
def test_boundaries_with_odd_characters(boundary: str) -> None:
    media_type = parse_media_type(f'multipart/mixed;boundary="{boundary}"')
    body = f"--{boundary}\r\n\r\none\r\n--{boundary}--".encode()
    if boundary == "[":
        with pytest.raises(ParseError):
            parts_of(body, media_type)
    else:
        assert parts_of(body, media_type) == [b"one"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"text",
        b"--b2\r\n\r\none\r\n--b2--",
        b"--b1--",
        b"x--b1\r\n\r\none",
        b"--b1\r\nno colon\r\n\r\none\r\n--b1--",
        b"--b1\r\nA: \x00\r\n\r\none\r\n--b1--",
        b"--b1\r\nA: b\rc\r\n\r\none\r\n--b1--",
        b"--b1\r\nb c: d\r\n\r\none\r\n--b1--",
        b"--b1\r\n: d\r\n\r\none\r\n--b1--",
        b"--b1\r\n folded: d\r\n\r\none\r\n--b1--",
    ],
)
def test_what_is_no_multipart_body(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_multipart(body, MIXED)


@pytest.mark.parametrize(
    "media_type",
    [
        "multipart/mixed",
        'multipart/mixed;boundary=""',
        'multipart/mixed;boundary="x "',
        f"multipart/mixed;boundary={'x' * 71}",
    ],
)
def test_a_boundary_is_needed(media_type: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_multipart(b"--x\r\n\r\none", parse_media_type(media_type))
    assert caught.value.header == "Content-Type"


def test_the_number_of_parts_is_bounded() -> None:
    assert len(parts_of(b"--b1\r\n" * MAX_PARTS + b"--b1--")) == MAX_PARTS
    with pytest.raises(ParseError) as caught:
        parts_of(b"--b1\r\n" * (MAX_PARTS + 1) + b"--b1--")
    assert caught.value.status == 513


def test_header_fields_of_a_part() -> None:
    body = (
        b"--b1\r\nCONTENT-TYPE: Text/Plain;\r\n charset=UTF-8\r\nContent-ID:  <abc@example.com> \r\n"
        b"Content-Language: en\r\nX-Own: \xff\r\nContent-Disposition: render;handling=optional\r\n\r\nhi\r\n--b1--"
    )
    (part,) = parse_multipart(body, MIXED).parts
    assert part.media_type == parse_media_type("text/plain;charset=UTF-8")
    assert part.content_id == "abc@example.com"
    assert part.header("Content-Language") == "en"
    assert part.header("X-Own") == part.text("x-own") == "\udcff"
    assert part.header("Content-Encoding") is None
    assert part.disposition.handling == "optional"
    assert plain(b"").content_id is None
    with pytest.raises(ParseError):
        _ = plain(b"", "nonsense").media_type


@pytest.mark.parametrize(
    ("encoding", "content", "expected"),
    [
        ("base64", b"aGVs\r\nbG8=\r\n", b"hello"),
        ("BASE64", b"", b""),
        ("quoted-printable", b"caf=E9 =\r\nand", b"caf\xe9 and"),
        ("7bit", b"x", b"x"),
        ("8bit", b"\xff", b"\xff"),
        ("binary", b"\x00", b"\x00"),
    ],
)
def test_transfer_encodings(encoding: str, content: bytes, expected: bytes) -> None:
    part = BodyPart.build(content, "text/plain", fields=[("Content-Transfer-Encoding", encoding)])
    assert part.decoded_content() == expected
    assert part.content == content


@pytest.mark.parametrize(("encoding", "content"), [("base64", b"a"), ("uuencode", b"x"), ("", b"x")])
def test_transfer_encodings_that_fail(encoding: str, content: bytes) -> None:
    part = BodyPart.build(content, "text/plain", fields=[("Content-Transfer-Encoding", encoding)])
    if encoding:
        with pytest.raises(ParseError):
            part.decoded_content()
    else:
        assert part.decoded_content() == content


def test_the_body_of_a_message_is_a_part() -> None:
    message = parse(with_more(INVITE, b"Content-Disposition: session", b"MIME-Version: 1.0", b"e: identity"))
    part = body_of(message)
    assert (part.content, part.media_type.essence) == (SDP, "application/sdp")
    assert part.keys == ["content-type", "content-disposition", "mime-version", "content-encoding"]
    assert not part.is_multipart
    assert body_of(parse(OPTIONS)).media_type.essence == "text/plain"


# Building


def test_what_is_built_is_read_again() -> None:
    multipart = Multipart.build([plain(SDP, "application/sdp"), plain(ISUP, "application/ISUP")], "Mixed", "b1")
    assert multipart.serialize() == (
        b"--b1\r\nContent-Type: application/sdp\r\n\r\n%b\r\n"
        b"--b1\r\nContent-Type: application/ISUP\r\n\r\n%b\r\n--b1--\r\n" % (SDP, ISUP)
    )
    assert multipart.content_type == "multipart/mixed;boundary=b1"
    assert parts_of(multipart.serialize()) == [SDP, ISUP]


def test_a_boundary_is_chosen_that_no_part_contains() -> None:
    first = Multipart.build([plain(b"one")])
    again = Multipart.build([plain(b"one")])
    assert first.boundary == again.boundary
    inside = plain(b"one\r\n--" + first.boundary.encode() + b"\r\n")
    assert Multipart.build([inside]).boundary != first.boundary
    for subtype, boundary in (("mixed", first.boundary), ("mixed", "x "), ("mi xed", "x"), ("mixed", "é")):
        with pytest.raises(InvalidState):
            Multipart.build([inside], subtype, boundary)
    with pytest.raises(InvalidState):
        Multipart.build([])


def test_a_part_cannot_inject_a_field() -> None:
    for name, value in (("Content-ID", "x\r\nY: z"), ("a b", "x"), ("X", "\x00")):
        with pytest.raises(InvalidState):
            BodyPart.build(b"", "text/plain", fields=[(name, value)])


@given(
    st.lists(
        st.lists(st.sampled_from([b"--", b"b1", b"\r\n", b"\n", b"\r", b"x: y", b"\x00", b"part-"])).map(b"".join),
        min_size=1,
        max_size=4,
    )
)
def test_any_contents_survive(contents: list[bytes]) -> None:
    multipart = Multipart.build([plain(content) for content in contents])
    assert parts_of(multipart.serialize(), parse_media_type(multipart.content_type)) == contents


@given(
    st.lists(
        st.sampled_from(
            [b"--", b"b1", b"\r\n", b"\n", b" ", b"--b1\r\n", b"--b1--", b"x: y", b"\x00", b"Content-Type: "]
        )
    )
)
def test_rubbish_raises_parse_errors_alone(pieces: list[bytes]) -> None:
    body = b"".join(pieces)
    try:
        multipart = parse_multipart(body, MIXED)
    except ParseError:
        return
    assert multipart.serialize() == body
    for part in multipart.parts:
        with suppress(ParseError):
            assert part.disposition.handling
        with suppress(ParseError):
            part.decoded_content()
        with suppress(ParseError):
            part.multipart()


@pytest.mark.parametrize(
    "body",
    [
        b"--b1\r\n" * 10000,
        b"\r\n--b1" * 10000,
        b"--b1" + b" " * 60000 + b"x",
        b"--b1\r\n\r\n" + b"\r\n--b" * 12000,
        b"\n" * 65000,
        b"--b1\r\n" + b"a: b\r\n" * 10000 + b"\r\nx",
        b"--b1\r\na: b" + b"\r\n " * 20000 + b"\r\n\r\nx",
    ],
)
def test_hostile_bodies_take_no_time(body: bytes) -> None:
    def act() -> None:
        with suppress(ParseError):
            parse_multipart(body, MIXED)

    assert seconds_of(act) < 0.1


# Which parts count (RFC 5621)


def nested(subtype: str, *parts: BodyPart, disposition: str | None = None, boundary: str | None = None) -> BodyPart:
    multipart = Multipart.build(parts, subtype, boundary)
    return plain(multipart.serialize(), multipart.content_type, disposition)


SDP_PART = plain(SDP, "application/sdp")
ISUP_PART = plain(ISUP, "application/isup", "signal;handling=optional")
HTML = plain(b"<p>", "text/html")
TEXT = plain(b"hi")


def contents(part: BodyPart, *types: str) -> list[bytes]:
    return [found.content for found in processed(part, lambda leaf: leaf.media_type.essence in types)]


def test_a_body_of_one_part() -> None:
    assert contents(SDP_PART, "application/sdp") == [SDP]
    assert contents(ISUP_PART, "application/sdp") == []
    with pytest.raises(ProtocolError) as caught:
        contents(SDP_PART)
    assert caught.value.status == 415


@pytest.mark.rfc("5621 5")
def test_all_parts_of_mixed_count() -> None:
    assert contents(nested("mixed", SDP_PART, ISUP_PART, TEXT), "application/sdp", "text/plain") == [SDP, b"hi"]
    assert contents(nested("mixed", ISUP_PART), "text/plain") == []
    with pytest.raises(ProtocolError):
        contents(nested("mixed", SDP_PART, HTML), "application/sdp")
    optional = nested("mixed", SDP_PART, HTML, disposition="render;handling=optional")
    assert contents(optional, "application/sdp") == []


@pytest.mark.rfc("5621 4.2")
def test_unknown_subtypes_count_as_mixed() -> None:
    assert contents(nested("related", SDP_PART, TEXT), "application/sdp", "text/plain") == [SDP, b"hi"]
    assert contents(nested("x-odd", TEXT), "text/plain") == [b"hi"]


@pytest.mark.rfc("5621 6.1")
def test_the_last_alternative_that_is_understood_counts() -> None:
    choice = nested("alternative", TEXT, HTML, SDP_PART)
    assert contents(choice, "text/plain", "text/html") == [b"<p>"]
    assert contents(choice, "text/plain") == [b"hi"]
    with pytest.raises(ProtocolError):
        contents(choice, "image/png")
    assert contents(nested("alternative", TEXT, disposition="render;handling=optional"), "image/png") == []
    assert contents(nested("alternative", TEXT, ISUP_PART), "text/plain") == [b"hi"]


def test_alternatives_within_mixed_within_alternatives() -> None:
    inner = nested("mixed", nested("alternative", TEXT, HTML), SDP_PART)
    outer = nested("alternative", TEXT, inner)
    assert contents(outer, "text/plain", "application/sdp") == [b"hi", SDP]
    assert contents(outer, "text/plain") == [b"hi"]


def test_how_deep_bodies_may_stand_is_bounded() -> None:
    part = TEXT
    for depth in range(MAX_DEPTH + 1):
        if depth == MAX_DEPTH:
            assert contents(part, "text/plain") == [b"hi"]
        part = nested("mixed", part)
    with pytest.raises(ParseError):
        contents(part, "text/plain")
