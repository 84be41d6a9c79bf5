from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.location.base import address_of_record
from offhook.registrar import aor
from offhook.registrar.aor import aor_of
from offhook.sip.headers.address import parse_name_addr
from offhook.sip.headers.grammar import unfold
from offhook.sip.uri import SipUri


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"<sip:alice@example.com>", "sip:alice@example.com"),
        (b"<sips:alice@EXAMPLE.com>;tag=1", "sip:alice@example.com"),
        (b'"Alice" <sip:alice@example.com>;tag=a.b', "sip:alice@example.com"),
        (b"sip:alice@example.com;tag=1", "sip:alice@example.com"),
        (b'"A \\" B"\r\n <sip:%61lice@example.com:5060;x>;tag=1;y', "sip:alice@example.com"),
        (b"<tel:+15550100>", ""),
    ],
)
def test_the_address_of_record(value: bytes, expected: str) -> None:
    assert aor_of(value) == expected


@pytest.mark.parametrize("value", [None, b"", b"<sip:a@>", b"<sip:alice@example.com", b"<sip:a@h>;tag=1;tag=2", b"*"])
def test_what_is_no_address(value: bytes | None) -> None:
    with pytest.raises(ParseError):
        aor_of(value)


names = st.sampled_from(["", "Alice ", '"Alice" ', '"A;<>"', '"\\"" ', "a b ", '"', "A", '"x"  '])
uris = st.from_regex(r"sips?:([a-z0-9.%+!~*-]{0,6}@)?[A-Za-z0-9.-]{0,8}(:5060)?(;x)?", fullmatch=True)
params = st.sampled_from(["", ";tag=1", ";tag=", ";tag", ";tag=a;tag=b", " ;tag=1", ";x", ";tag=a=b", ">", ";tag=1 "])


@example("", "sip:a@b", "\n")
@example("", "sip:a@b..c", "")
@given(names, uris, params)
def test_the_quick_way_says_what_the_grammar_says(name: str, uri: str, params: str) -> None:
    value = f"{name}<{uri}>{params}".encode()
    try:
        expected = address_of_record(sip(value))
    except ParseError:
        with pytest.raises(ParseError):
            aor_of(value)
    else:
        assert aor_of(value) == expected


def sip(value: bytes) -> SipUri:
    uri = parse_name_addr(unfold(value.decode())).uri
    assert isinstance(uri, SipUri)
    return uri


def test_all_names_exist() -> None:
    assert all(hasattr(aor, name) for name in aor.__all__)
