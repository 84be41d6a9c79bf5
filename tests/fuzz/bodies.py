"""Bodies of several parts (RFC 2046 5.1, RFC 5621): a Content-Type, an empty line, and the octets."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Final

from offhook.errors import ParseError, ProtocolError
from offhook.sip.mime import MAX_DEPTH, MAX_PARTS, BodyPart, Multipart, processed
from tests.fuzz.messages import bare_line_ends, corpus, drop_line, swap_lines
from tests.fuzz.octets import MARKS
from tests.fuzz.target import Target, documented
from tests.fuzz.timing import OF_A_CHECK, stopwatch

__all__ = ["BODIES"]

HEAD: Final = b"multipart/mixed;boundary=a\r\n\r\n"


def nested(depth: int) -> BodyPart:
    if depth == 0:
        return BodyPart.build(b"v=0\r\n", "application/sdp", "session;handling=optional", [("Content-ID", "<1@a>")])
    multipart = Multipart.build([nested(depth - 1)] * 2, ("mixed", "alternative", "related")[depth % 3])
    return BodyPart.build(multipart.serialize(), multipart.content_type, "render;handling=required")


@cache
def seeds() -> tuple[bytes, ...]:
    """Those of the corpus, and some of our own: nested, encoded, unclosed, with line ends that are LF alone."""
    found = [
        HEAD + b"--a\r\n\r\nx\r\n--a--\r\n",
        HEAD + b"preamble\n--a\nContent-Type: text/plain\n\nx\n--a \n--a--\nepilogue",
        HEAD + b"--a\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--a\r\ncontent-transfer-encoding: "
        b"quoted-printable\r\n\r\n=41=\r\n=zz\r\n--a--",
        HEAD + b"--a\r\nc: text/x\r\nContent-Disposition: icon;handling=optional\r\n x=y\r\n\r\nunclosed",
        b'multipart/alternative;boundary="=_a b"\r\n\r\n--=_a b\r\n\r\n1\r\n--=_a b\r\n\r\n2\r\n--=_a b--\r\n',
        *(part.text("Content-Type").encode() + b"\r\n\r\n" + part.content for part in map(nested, (1, 2, 3))),  # type: ignore[union-attr]
    ]
    for message in corpus():
        head, _, body = message.partition(b"\r\n\r\n")
        found += [
            line.partition(b":")[2].strip() + b"\r\n\r\n" + body
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-type: multipart")
        ]
    return tuple(found)


def check_body(data: bytes) -> bool:
    """Whether a body can be read to its innermost parts; what was read can be written anew and says the same."""
    kind, _, content = data.partition(b"\r\n\r\n")
    part = BodyPart([b"Content-Type: " + kind], ["content-type"], content)
    try:
        leaves = read(part, 0)
        with suppress(ProtocolError):
            chosen = stopwatch.within(lambda: processed(part, lambda each: each.disposition.token != "icon"))
            assert len(chosen) <= leaves
    except ParseError as error:
        documented(error, 400, 415, 513)
        return False
    return True


def read(part: BodyPart, depth: int) -> int:
    """How many parts without parts there are."""
    str((part.media_type, part.disposition, part.content_id))
    for key in part.keys:
        with suppress(ParseError):
            part.header(key)
    try:
        part.decoded_content()
    except ParseError as error:
        documented(error, 400, 415)
    if not part.is_multipart or depth > MAX_DEPTH:
        return 1
    multipart = stopwatch.within(part.multipart)
    assert multipart.serialize() == part.content
    assert 0 < len(multipart.parts) <= MAX_PARTS
    anew = Multipart.build(multipart.parts, "mixed")
    whole = BodyPart.build(anew.serialize(), anew.content_type).multipart()
    assert whole.closed
    found = [(inner.keys, inner.content) for inner in whole.parts]
    assert found == [(inner.keys, inner.content) for inner in multipart.parts]
    return sum(read(inner, depth + 1) for inner in multipart.parts)


BODIES: Final = Target(
    "bodies",
    seeds,
    check_body,
    marks=(*MARKS, b"\r\n", b"\n", b"\r", b"--a", b"\r\n--a\r\n", b"--", b"\r\n\r\n", b"multipart/mixed", b"boundary="),
    more=(drop_line, swap_lines, bare_line_ends),
    largest=65536,
    most=OF_A_CHECK,
)
