"""Parameters within URIs, by RFC 3261 19.1.1."""

from __future__ import annotations

import re

import pytest

from offhook.errors import ParseError
from offhook.sip.uri_parameters import URI_PARAMETERS, compared_params, decode_params, encode_param, remove_param


@pytest.mark.parametrize(
    "text",
    ["", ";lr", ";a=b", ";a=", ";a=b=c", ";a;b;c", ";%6cr", ";x=[::1]/:&+$", ";ftag=_t`~1'+%zz", ";ö=ü", ";a=b,c"],
)
def test_what_the_pattern_takes(text: str) -> None:
    assert re.fullmatch(URI_PARAMETERS, text)


@pytest.mark.parametrize("text", [";", "a", ";;", ";=", ";a;", ";a b", ";a=<", ";a=@", ";@", ";a=?", ";a\n", ';a="b"'])
def test_what_the_pattern_refuses(text: str) -> None:
    assert re.fullmatch(URI_PARAMETERS, text) is None


@pytest.mark.rfc("3261 19.1.1 #2")
def test_decode() -> None:
    assert decode_params("") == {}
    assert decode_params(";Transport=TCP;%6C%72;a=;b=c=d%3B") == {
        "transport": "TCP",
        "lr": None,
        "a": None,
        "b": "c=d;",
    }
    with pytest.raises(ParseError):
        decode_params(";a;A")


def test_compare() -> None:
    assert compared_params(";Transport=TCP;x=%41%3b") == {"transport": "tcp", "x": "a%3b"}


def test_encode() -> None:
    assert encode_param("lr", None) == ";lr"
    assert encode_param("a b", "c;d=e@f[1]") == ";a%20b=c%3Bd%3De%40f[1]"
    with pytest.raises(ValueError, match="name"):
        encode_param("", "x")


def test_remove() -> None:
    assert remove_param(";a=1;LR;%6Cr=2;b", "lr") == ";a=1;b"
    assert remove_param("", "lr") == ""
