"""Free text and names of products."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.headers.text import Products, parse_products, parse_text


@pytest.mark.parametrize("text", ["", "Need more boxes", "a, b; (c", "\u5927\u505c\u96fb", "\udcff", "a\tb"])
def test_texts(text: str) -> None:
    assert parse_text(text) == text


@pytest.mark.parametrize("text", ["a\r", "a\nb", "\x00", "\x1b[2J", "\x7f"])
def test_texts_with_control_characters(text: str) -> None:
    with pytest.raises(ParseError):
        parse_text(text)
    with pytest.raises(ParseError):
        parse_products(text)


@pytest.mark.parametrize(
    ("text", "products", "comments"),
    [
        # RFC 3261 20.35 and 20.41
        ("HomeServer v2", (("HomeServer", None), ("v2", None)), ()),
        ("Softphone Beta1.5", (("Softphone", None), ("Beta1.5", None)), ()),
        ("Kamailio (5.6.3 (x86_64/linux))", (("Kamailio", None),), ("5.6.3 (x86_64/linux)",)),
        ("baresip v1.0.0 (x86_64/linux)", (("baresip", None), ("v1.0.0", None)), ("x86_64/linux",)),
        ("Linphonec/4.4 (belle-sip/4.4)", (("Linphonec", "4.4"),), ("belle-sip/4.4",)),
        ("A / 1.0 B", (("A", "1.0"), ("B", None)), ()),
        ("FPBX-15.0.16(16.6.2)", (("FPBX-15.0.16", None),), ("16.6.2",)),
        ("AVM FRITZ!Box 7490 113.06.83", (("AVM", None), ("FRITZ!Box", None), ("7490", None), ("113.06.83", None)), ()),
        # No grammar at all
        ("Cisco-SIPGateway/IOS-12.x/b", (("Cisco-SIPGateway/IOS-12.x/b", None),), ()),
        ("a@b (c", (("a@b", None), ("(", None), ("c", None)), ()),
        ("", (), ()),
        ("(only (a) \\)comment)", (), ("only (a) )comment",)),
    ],
)
def test_products(text: str, products: tuple[tuple[str, str | None], ...], comments: tuple[str, ...]) -> None:
    value = parse_products(text)
    assert (value.products, value.comments) == (products, comments)
    assert str(value) == text
    assert value == Products(text)


def test_what_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="control"):
        str(Products("a\r\nVia: b"))


@given(st.text(st.sampled_from("a/( )\\1\t@")))
def test_any_product_is_taken_apart(text: str) -> None:
    value = parse_products(text)
    taken = "".join([*(name + (version or "") for name, version in value.products), *value.comments])
    assert set(taken) <= set(text)
    assert set("a1@") & set(text) == set("a1@") & set(taken)


def test_taking_apart_takes_no_long() -> None:
    for piece in ("(", "( ", "a/", "\\(", "a ", "()"):
        assert parse_products(piece * 32768).products is not None
