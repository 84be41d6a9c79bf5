"""%-escapes, by RFC 3261 19.1.4 and 25.1."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.sip.escapes import escape, normalize_escapes, unescape

UNSAFE = re.compile(r"[^a-z]")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("abc", "abc"),
        ("%61%62c", "abc"),
        ("%C3%B6", "ö"),
        ("%c3%b6", "ö"),
        ("%ff", "\udcff"),
        ("%00", "\0"),
        ("%2541", "%41"),
        ("%", "%"),
        ("100%", "100%"),
        ("%4", "%4"),
        ("%4g", "%4g"),
        ("%%41", "%A"),
    ],
)
def test_unescape(text: str, plain: str) -> None:
    assert unescape(text) == plain


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("%61", "a"),
        ("%3b%3F", "%3B%3F"),
        ("%40%2f%3a%26%3d%2b%24%2c", "%40%2F%3A%26%3D%2B%24%2C"),
        ("%21%7E", "!~"),
        ("%2541", "%2541"),
        (";", ";"),
        ("%c3%B6", "ö"),
    ],
)
def test_normalize(text: str, normal: str) -> None:
    assert normalize_escapes(text) == normal
    assert normalize_escapes(normal) == normal


def test_escape() -> None:
    assert escape("a b%\x00ö\udcff", UNSAFE) == "a%20b%25%00%C3%B6%FF"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_escaped_comes_back(text: str) -> None:
    assert unescape(escape(text, UNSAFE)) == text
    assert normalize_escapes(escape(text, UNSAFE)) == normalize_escapes(escape(text, re.compile("[^a-zA-Z]")))
