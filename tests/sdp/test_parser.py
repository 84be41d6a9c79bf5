from __future__ import annotations

import re
import struct
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sdp import SessionDescription, parse
from offhook.sdp.attributes import Attribute
from offhook.sdp.codec import codecs_of
from offhook.sdp.offer import make_offer
from tests.sdp.agents import OPUS, PCMU, agent, audio
from tests.sdp.descriptions import bodies

BODIES = bodies()
HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
MALFORMED_SAMPLES = (b"", b"\r\n", b"\x00", b"v", b"v=", b"v=0", b"=", b"\xff=\xff", b"v=0\r\no=", b"<xml/>")


@pytest.mark.parametrize(("source", "body"), BODIES, ids=[source for source, _ in BODIES])
def test_example_bodies_come_back_byte_for_byte(source: str, body: bytes) -> None:
    for text in (body, body.replace(b"\r\n", b"\n"), body.removesuffix(b"\r\n"), body.removesuffix(b"\n")):
        assert parse(text).serialize() == text


def test_the_second_body_of_rfc_5118() -> None:
    body = dict(BODIES)["rfc5118/mult-ip-in-sdp.sip"]
    session = parse(body)
    addresses = [session.connection_of(media) for media in session.media]
    assert [address and address.serialize() for address in addresses] == ["IN IP4 192.0.2.1", "IN IP6 2001:db8::1"]


@pytest.mark.parametrize(
    "garbage", [b"\r\n", b"\n\n", b"\x00\x00", b"--boundary--\r\n", b"\r\n \r\nBye", b"==", b"\xff"]
)
def test_what_stands_behind_the_last_line_is_kept_and_means_nothing(garbage: bytes) -> None:
    session = parse(HEAD + b"m=audio 9 RTP/AVP 0\r\n" + garbage)
    assert session.trailer.encode("utf-8", "surrogateescape") == garbage
    assert session.serialize().endswith(b"\r\n" + garbage)
    assert session.media[0].lines == parse(HEAD + b"m=audio 9 RTP/AVP 0\r\n").media[0].lines


def test_octets_that_are_no_utf_8_come_back() -> None:
    text = HEAD + b"a=x:\xff\xfe\xc3\xa4\r\n"
    session = parse(text)
    assert session.serialize() == text
    assert session.attribute_values("x") == ("\udcff\udcfeä",)


def test_unknown_attributes_stay_in_their_places() -> None:
    text = HEAD + b"a=zzz\r\na=\r\na=y y:1\r\nm=audio 9 RTP/AVP 0\r\na=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n"
    session = parse(text)
    assert [attribute.name for attribute in session.attributes] == ["zzz", "", "y y"]
    changed = session.with_attribute(Attribute("zzz", "1"))
    assert changed.serialize() == text.replace(b"a=zzz", b"a=zzz:1")


@pytest.mark.parametrize(
    ("text", "offset", "clause"),
    [
        (b"", None, "RFC 8866 5"),
        (b"\r\n" + HEAD, 0, "RFC 8866 5"),
        (b" " + HEAD, 0, "RFC 8866 5"),
        (HEAD.replace(b"v=0\r\n", b""), 2, "RFC 8866 5"),
        (HEAD + b"\r\na=x\r\n", 63, "RFC 8866 5"),
        (HEAD + b"garbage\r\na=x\r\n", 63, "RFC 8866 5"),
        (HEAD + b"y=1\r\n", 65, "RFC 8866 5"),
        (HEAD + b"A=x\r\n", 65, "RFC 8866 5"),
        (HEAD + b"a=x\x00y\r\n", 65, "RFC 8866 9 (byte-string)"),
        (HEAD + b"a=x\ry\r\n", 65, "RFC 8866 9 (byte-string)"),
        (HEAD + HEAD, 65, "RFC 8866 9"),
        (HEAD + b"m=audio x RTP/AVP 0\r\n", 65, "RFC 8866 5.14"),
        (HEAD + b"i=\xc3\xa4\r\nm=audio x RTP/AVP 0\r\n", 71, "RFC 8866 5.14"),
        (HEAD.replace(b"c=IN IP4 192.0.2.1\r\n", b"") + b"m=audio 9 RTP/AVP 0\r\n", 45, "RFC 8866 5.7"),
        (HEAD.replace(b"\r\n", b"\r"), 2, "RFC 8866 9 (byte-string)"),
    ],
)
def test_malformed_descriptions(text: bytes, offset: int | None, clause: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert (caught.value.offset, caught.value.clause, caught.value.status) == (offset, clause, 400)


def test_a_rejected_stream_needs_no_connection() -> None:
    text = b"v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nt=0 0\nm=audio 0 RTP/AVP 0\nm=audio 9 RTP/AVP 0\nc=IN IP4 192.0.2.1\n"
    assert len(parse(text).media) == 2


def test_bounds() -> None:
    media = HEAD + b"m=audio 0 RTP/AVP 0\r\n" * 3
    assert len(parse(media, max_octets=len(media), max_lines=9, max_media=3).media) == 3
    for bounds in ({"max_octets": len(media) - 1}, {"max_lines": 8}, {"max_media": 2}):
        with pytest.raises(ParseError) as caught:
            parse(media, **bounds)
        assert caught.value.status == 413


@pytest.mark.parametrize(
    "text",
    [
        HEAD + b"a=x\r\n" * 12000,
        HEAD + b"m=audio 9 RTP/AVP" + b" 0" * 30000 + b"\r\n",
        HEAD + b"a=" + b"x" * 65000,
        HEAD + b"\n" * 65000,
        HEAD + b"r=" + b"1 " * 30000,
        HEAD + b"z=" + b"1 " * 30000,
        b"v=0\r\no=" + b" " * 65000,
        HEAD + b"m=audio 9 RTP/AVP 0\r\n" * 255 + b"a=rtpmap:0 X/8000\r\n" * 1000,
    ],
)
def test_no_text_takes_long(text: bytes) -> None:
    start = time.process_time()
    try:
        session = parse(text, max_lines=65536)
    except ParseError:
        pass
    else:
        assert session.serialize() == text
        assert all(len(codecs_of(media)) <= 128 for media in session.media)
    assert time.process_time() - start < 1


def check(data: bytes) -> None:
    """Whatever it is: a description that comes back byte for byte, or ParseError."""
    try:
        session = parse(data)
    except ParseError as error:
        fault = error
    else:
        check_description(session, data)
        return
    assert fault.status in (400, 413)
    assert fault.offset is None or 0 <= fault.offset <= len(data)


def check_description(session: SessionDescription, data: bytes) -> None:
    assert session.serialize() == data
    read_all(session)
    # A change, undone, changes nothing.
    name = "x-there-and-back"
    if session.attribute(name) is None and session.lines[-1].end:
        assert session.with_attribute(Attribute(name)).without_attribute(name).serialize() == data


def read_all(session: SessionDescription) -> None:
    for media in session.media:
        codecs_of(media)
        session.connection_of(media)
        session.direction_of(media)
        session.attribute_of(media, "ptime")


@given(st.binary(max_size=200))
def test_arbitrary_octets(data: bytes) -> None:
    check(data)


LINES = st.builds(
    lambda letter, value, end: letter + b"=" + value + end,
    st.sampled_from([bytes([letter]) for letter in b"vosiuepcbtrzkamx"]),
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"0", b"0 0", b"- 1 1 IN IP4 192.0.2.1", b"IN IP4 192.0.2.1", b"audio 9 RTP/AVP 0 8 96"]),
        st.sampled_from([b"rtpmap:96 X/8000", b"fmtp:96 0-15", b"sendonly", b"ptime:20", b"AS:64", b"7d 1h 0 25h"]),
    ),
    st.sampled_from([b"\r\n", b"\n", b""]),
)


@given(st.lists(LINES, max_size=12), st.booleans())
def test_lines_in_any_order(lines: list[bytes], head: bool) -> None:
    check((HEAD if head else b"") + b"".join(lines))


@given(st.data())
def test_mutated_bodies(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from([body for _, body in BODIES])))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        length = data.draw(st.integers(0, 3))
        body[place : place + length] = data.draw(st.binary(max_size=3))
        if not body:
            break
    check(bytes(body))


@pytest.mark.parametrize("text", MALFORMED_SAMPLES)
def test_samples_that_are_no_description(text: bytes) -> None:
    with pytest.raises(ParseError):
        parse(text)


def capture(path: Path, payloads: list[bytes]) -> None:
    """A capture of upper-layer PDUs that names the dissector "sdp" for each."""
    tags = struct.pack(">HH4sHH", 12, 4, b"sdp\0", 0, 0)
    records = [
        struct.pack("<IIII", 0, 0, len(tags) + len(text), len(tags) + len(text)) + tags + text for text in payloads
    ]
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 252) + b"".join(records))


@pytest.mark.interop("tshark")
def test_tshark_reads_the_same(tmp_path: Path) -> None:
    """A foreign reader finds the same values in every example body and in an offer of ours."""
    fields = ("sdp.owner.sessionid", "sdp.owner.version", "sdp.media.media", "sdp.media.port", "sdp.media.proto")
    more = ("sdp.media", "sdp.connection_info.address", "sdp.mime.type", "sdp.sample_rate")
    # tshark gives up at the one misprinted t= line.
    known = [(source, body) for source, body in BODIES if b"t= 0 0" not in body]
    assert len(known) == len(BODIES) - 1
    known.append(
        ("our own", make_offer(agent(audio(4000, OPUS, PCMU), audio(5001), address="2001:db8::1")).serialize())
    )
    capture(tmp_path / "bodies.pcap", [body for _, body in known])
    command = ["tshark", "-r", str(tmp_path / "bodies.pcap"), "-T", "fields", "-E", "separator=|", "-E", "aggregator=;"]
    command += [part for field in (*fields, *more) for part in ("-e", field)]
    rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(rows) == len(known)
    for row, (source, body) in zip(rows, known, strict=True):
        session = parse(body)
        connections = [*session.connections, *(each for media in session.media for each in media.connections)]
        rtpmaps = [value for media in session.media for value in media.attribute_values("rtpmap") if "/" in value]
        expected = [
            [str(session.origin.session_id)],
            [str(session.origin.session_version)],
            [media.media for media in session.media],
            [str(media.port) for media in session.media],
            [media.proto for media in session.media],
            [media.field.serialize() for media in session.media],
            [connection.address for connection in connections],
            [re.split("[ /]", value)[1] for value in rtpmaps],
            [value.split("/")[1] for value in rtpmaps],
        ]
        seen = [column.split(";") if column else [] for column in row.split("|")]
        assert seen == expected, source
