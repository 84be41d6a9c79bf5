"""tel URIs, by RFC 3966."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.tel import TelUri, parse_tel
from offhook.sip.uri import parse_uri


def test_a_global_number() -> None:
    uri = parse_tel("+1-(201)-555.0123;ext=5-6;isub=12%2034;Foo=Bar;flag")
    assert uri.number == "+1-(201)-555.0123"
    assert uri.is_global
    assert uri.digits == "+12015550123"
    assert (uri.ext, uri.isub, uri.phone_context) == ("5-6", "12 34", None)
    assert uri.params == {"ext": "5-6", "isub": "12 34", "foo": "Bar", "flag": None}
    assert uri.scheme == "tel"
    assert str(uri) == "tel:+1-(201)-555.0123;ext=5-6;isub=12%2034;Foo=Bar;flag"
    assert repr(parse_tel("+1")) == "TelUri('tel:+1')"
    assert uri.aor() == "tel:+12015550123"


def test_a_local_number() -> None:
    uri = parse_tel("7042-AB;phone-context=Example.com")
    assert not uri.is_global
    assert uri.digits == "7042ab"
    assert uri.phone_context == "Example.com"
    assert uri.aor() == "tel:7042ab;phone-context=example.com"
    assert parse_tel("863-1234;phone-context=+1-914-555").aor() == "tel:8631234;phone-context=+1914555"
    # What is escaped in it must not become a parameter of its own, nor end a line.
    assert parse_tel("7042;phone-context=a%3Bext=5%0A").aor() == "tel:7042;phone-context=a%3Bext%3D5%0A"


@pytest.mark.parametrize("text", ["911", "*21#", "#31#", "0"])
def test_a_local_number_without_context_is_understood(text: str) -> None:
    assert parse_tel(text).digits == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # RFC 3966 section 4
        ("tel:+1-201-555-0123", "tel:+1(201)5550123"),
        ("tel:7042;phone-context=example.com", "TEL:70.42;PHONE-CONTEXT=EXAMPLE.COM"),
        ("tel:863-1234;phone-context=+1-914-555", "tel:8631234;phone-context=+1914.555"),
        ("tel:+1;ext=1-2;isub=3", "tel:+1;isub=3;ext=12"),
        ("tel:1a;phone-context=x", "tel:1A;phone-context=x"),
        ("tel:+1;x=%61", "tel:+1;X=A"),
    ],
)
def test_equal(one: str, other: str) -> None:
    assert parse_uri(one) == parse_uri(other)
    assert hash(parse_uri(one)) == hash(parse_uri(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tel:+12015550123", "tel:12015550123"),
        ("tel:+12015550123", "tel:+12015550124"),
        ("tel:7042;phone-context=example.com", "tel:7042"),
        ("tel:7042;phone-context=example.com", "tel:7042;phone-context=example.org"),
        ("tel:+1", "tel:+1;ext=5"),
        ("tel:+1;ext=5", "tel:+1;isub=5"),
        ("tel:+1;x", "tel:+1;x=1"),
    ],
)
def test_unequal(one: str, other: str) -> None:
    assert parse_uri(one) != parse_uri(other)


@pytest.mark.parametrize(
    "text",
    [
        "", "+", "+-", "-", "()", "+abc", "+1a", "1 2", "+1;", "+1;;x", "x", "+1;ext=1;EXT=2", "1+2", "+1\n", "+1?x=y",
        "+1@b", "٣",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_tel(text)


def test_copies() -> None:
    uri = parse_tel("+1;ext=5;isub=6")
    assert str(uri.with_param("EXT", "7 8")) == "tel:+1;isub=6;EXT=7%208"
    assert str(uri.without_param("ext")) == "tel:+1;isub=6"
    assert str(uri) == "tel:+1;ext=5;isub=6"
    assert TelUri("+1") == parse_tel("+1")
