"""Tokens with and without parameters."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.headers.tokens import (
    ParamToken,
    WeightedToken,
    parse_mime_version,
    parse_param_token,
    parse_token,
    parse_weighted_token,
    split_param_token,
)


def test_tokens() -> None:
    assert parse_token("nothingSupportsThis") == "nothingSupportsThis"
    for text in ("", "a b", "a,b", "a;b", "ü", "a\n"):
        with pytest.raises(ParseError):
            parse_token(text)


def test_parameters() -> None:
    assert split_param_token('*  ; audio ; methods="INVITE,BYE" ;require') == (
        "*",
        {"audio": None, "methods": '"INVITE,BYE"', "require": None},
    )
    value = parse_param_token("true ;x=y")
    assert (value.token, value.params) == ("true", {"x": "y"})
    assert value == ParamToken("TRUE", {"x": "y"})
    assert value != ParamToken("true", {"x": "z"})
    assert str(ParamToken("a")) == "a"
    for text in ("", ";a", "a b", "a;;", "a;b;b", "a/b"):
        with pytest.raises(ParseError):
            parse_param_token(text)
    with pytest.raises(ValueError, match="token"):
        str(ParamToken("a\r\nb"))


def test_preferences() -> None:
    # RFC 3261 20.2 and 20.3
    assert parse_weighted_token("gzip").q == 1.0
    assert parse_weighted_token("identity;q=0.000").q == 0.0
    danish = parse_weighted_token("en-gb ; q = .8")
    assert (danish.token, danish.q, str(danish)) == ("en-gb", 0.8, "en-gb;q=0.8")
    assert parse_weighted_token("*;q=0.5") == WeightedToken("*", {"q": "0.5"})
    with pytest.raises(ParseError):
        parse_weighted_token("gzip;q=1.5")


@pytest.mark.parametrize(("text", "version"), [("1.0", "1.0"), ("1 . 0", "1.0"), ("12.34", "12.34")])
def test_mime_versions(text: str, version: str) -> None:
    assert parse_mime_version(text) == version


@pytest.mark.parametrize("text", ["", "1", "1.", ".0", "1.0.0", "a.b", "1.0 x", "1" * 99 + ".0", "٣.٣"])
def test_malformed_mime_versions(text: str) -> None:
    with pytest.raises(ParseError):
        parse_mime_version(text)
