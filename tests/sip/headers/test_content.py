"""Content-Type, Accept and Content-Disposition, by RFC 3261 20.1, 20.11 and 20.15."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.content import (
    ContentDisposition,
    MediaRange,
    MediaType,
    parse_content_disposition,
    parse_media_range,
    parse_media_type,
)


def test_media_types() -> None:
    media_type = parse_media_type('Multipart/Mixed ; Boundary="a b;c" ; charset=ISO-8859-4')
    assert (media_type.type, media_type.subtype, media_type.essence) == ("multipart", "mixed", "multipart/mixed")
    assert (media_type.boundary, media_type.charset) == ("a b;c", "iso-8859-4")
    assert str(media_type) == 'multipart/mixed;boundary="a b;c";charset=ISO-8859-4'
    assert parse_media_type(str(media_type)) == media_type
    plain = parse_media_type("application / sdp")
    assert (plain.essence, plain.boundary, plain.charset) == ("application/sdp", None, None)


def test_equality() -> None:
    assert parse_media_type("TEXT/plain;a=b;c=d") == parse_media_type("text/PLAIN;C=d;A=b")
    assert hash(MediaType("TEXT", "plain")) == hash(parse_media_type("text/plain"))
    assert parse_media_type("text/plain;a=b") != parse_media_type("text/plain;a=B")
    assert parse_media_type("text/plain") != parse_media_range("text/plain")


@pytest.mark.parametrize(
    "text", ["", "text", "text/", "/plain", "text/plain;;", "text/plain x", "te xt/plain", "a/b/c", "a/b\n"]
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_media_type(text)
    with pytest.raises(ParseError):
        parse_media_range(text)


def test_media_ranges() -> None:
    # RFC 3261 20.1
    sdp = parse_media_range("application/sdp;level=1")
    anything = parse_media_range("text/*;q=.5")
    assert (sdp.q, anything.q) == (1.0, 0.5)
    assert str(anything) == "text/*;q=0.5"
    assert sdp.includes(MediaType("application", "sdp"))
    assert not sdp.includes(MediaType("application", "xml"))
    assert anything.includes(MediaType("TEXT", "html"))
    assert not anything.includes(MediaType("image", "html"))
    assert parse_media_range("*/*").includes(MediaType("x", "y"))
    assert not parse_media_range("*/*;q=0").includes(MediaType("x", "y"))
    with pytest.raises(ParseError):
        parse_media_range("*/*;q=2")


def test_dispositions() -> None:
    # RFC 3261 20.11
    assert parse_content_disposition("session").handling == "required"
    disposition = parse_content_disposition("Alert ; handling=Optional ; x=y")
    assert (disposition.token, disposition.handling) == ("Alert", "optional")
    assert str(disposition) == "Alert;handling=Optional;x=y"
    assert disposition == ContentDisposition("alert", {"x": "y", "handling": "Optional"})
    with pytest.raises(ParseError):
        parse_content_disposition("")


def test_what_cannot_be_written() -> None:
    for value in (MediaType("a b", "c"), MediaType("a", ""), MediaRange("a", "b\r\n"), ContentDisposition("a b")):
        with pytest.raises(ValueError, match="is not a"):
            str(value)
