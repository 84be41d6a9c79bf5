from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.media.rtcp.source_description import CNAME, NAME, SourceDescription, SourceDescriptionChunk


@pytest.mark.rfc("3550 6.5")
@pytest.mark.parametrize(
    ("cname", "octets"),
    [
        (b"a", "00000007 0101 61 00"),
        (b"ab", "00000007 0102 6162 00000000"),
        (b"abc", "00000007 0103 616263 000000"),
        (b"", "00000007 0100 0000"),
    ],
)
def test_a_chunk_ends_with_a_null_at_a_word(cname: bytes, octets: str) -> None:
    data = bytes.fromhex(octets.replace(" ", ""))
    description = SourceDescription((SourceDescriptionChunk(7, ((CNAME, cname),)),))
    assert description.serialize_body() == (1, data)
    (chunk,) = SourceDescription.parse(1, data).chunks
    assert (chunk.ssrc, chunk.items) == (7, ((CNAME, cname),))


def test_several_chunks_with_several_items() -> None:
    chunks = (
        SourceDescriptionChunk(1, ((CNAME, b"alice"), (NAME, "Älice".encode()))),
        SourceDescriptionChunk(2, ()),
        SourceDescriptionChunk(3, ((200, b"x" * 255),)),
    )
    count, body = SourceDescription(chunks).serialize_body()
    read = SourceDescription.parse(count, body).chunks
    assert [(chunk.ssrc, chunk.items) for chunk in read] == [(chunk.ssrc, chunk.items) for chunk in chunks]
    assert read[0].item(NAME) == "Älice".encode()
    assert read[1].item(NAME) is None


def test_missing_nulls_at_the_end_are_forgiven() -> None:
    (chunk,) = SourceDescription.parse(1, bytes.fromhex("000000070102") + b"ab").chunks
    assert chunk.items == ((CNAME, b"ab"),)


@pytest.mark.parametrize("body", ["", "000000", "0000000701", "00000007010261", "00000007 0101 61 00 0000"])
def test_a_short_description_is_refused(body: str) -> None:
    with pytest.raises(ParseError):
        SourceDescription.parse(2 if len(body) > 16 else 1, bytes.fromhex(body.replace(" ", "")))
