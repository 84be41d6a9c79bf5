"""What counts as a keep-alive, and what it is answered with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import ParseError
from offhook.sip.parser import parse
from offhook.transport.keepalive import is_keep_alive, keep_alive_answer
from tests.transport.support import octets

STUN = bytes.fromhex("000100002112a442") + b"transactions"
CLASSIC_STUN = bytes.fromhex("00010000") + b"RFC 3489 has no cookie"[:16]


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0", b"\n", b"  ", STUN, CLASSIC_STUN])
def test_keep_alives_are_recognised(data: bytes) -> None:
    assert is_keep_alive(data)


@pytest.mark.parametrize("data", [octets(), b"\r\n\r\n" + octets(), b"x", b"\0x"])
def test_anything_else_is_for_the_parser(data: bytes) -> None:
    assert not is_keep_alive(data)


@given(st.binary(max_size=60))
def test_nothing_that_parses_is_ever_held_for_a_keep_alive(data: bytes) -> None:
    for octets_ in (data, b"\r\n" + data):
        if is_keep_alive(octets_):
            with pytest.raises(ParseError):
                parse(octets_)


def test_stun_alone_is_answered() -> None:
    answer = keep_alive_answer(STUN, ("192.0.2.1", 4000))
    assert answer is not None
    assert answer[:2] == b"\x01\x01"
    for data in (b"\r\n\r\n", b"\0", b"", CLASSIC_STUN):
        assert keep_alive_answer(data, ("192.0.2.1", 4000)) is None
