from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.trace import printable as module
from offhook.trace.printable import printable


def test_all_names_exist() -> None:
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("žluťoučký 日本 👍", "žluťoučký 日本 👍"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("a\r\nb\tc", "a\\x0d\\x0ab\\x09c"),
        ("\x7f\x9b", "\\x7f\\x9b"),
        (b"\xff\xc3\xa9".decode("utf-8", "surrogateescape"), "\\xffé"),
        ("\ud800", "\\ud800"),
        ("\u202eevil", "\\u202eevil"),
        ("\u2028", "\\u2028"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_a_terminal_would_act_on_is_escaped(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_line_ends_and_tabs_may_stay() -> None:
    assert printable("a\tb\n\rc\x1b", lines=True) == "a\tb\n\\x0dc\\x1b"


@given(st.binary(max_size=200), st.booleans())
def test_any_octets_come_out_as_harmless_text(data: bytes, lines: bool) -> None:
    text = printable(data.decode("utf-8", "surrogateescape"), lines)
    text.encode("utf-8")
    assert json.loads(json.dumps(text)) == text
    kept = {"\n", "\t"} if lines else set()
    assert not [letter for letter in text if unicodedata.category(letter) in ("Cc", "Cs") and letter not in kept]


@given(st.text(max_size=50))
def test_what_was_made_printable_stays_so(text: str) -> None:
    assert printable(printable(text)) == printable(text)
