from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sdp import grammar


def test_an_integer_knows_its_bounds() -> None:
    assert grammar.integer("0065535", "the port", "RFC 8866 5.14", most=65535) == 65535


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1_0", "1.0", "0x1", "65536", "٣", "²", "0" * 21])
def test_what_is_no_integer_names_clause_and_offset(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        grammar.integer(text, "the port", "RFC 8866 5.14", 7, most=65535)
    assert (caught.value.clause, caught.value.offset, caught.value.status) == ("RFC 8866 5.14", 7, 400)


def test_an_integer_has_a_least_value() -> None:
    with pytest.raises(ParseError):
        grammar.integer("0", "the TTL", "RFC 8866 5.7", least=1, most=255)


@pytest.mark.parametrize(("text", "value"), [("20", 20.0), ("62.5", 62.5), ("0.125", 0.125)])
def test_a_real_number(text: str, value: float) -> None:
    assert grammar.real(text, "the packet time", "RFC 8866 6.4") == value


@pytest.mark.parametrize("text", ["0", "0.0", "-1", ".5", "5.", "1e3", "nan", "inf", "1234567890", "٢"])
def test_what_is_no_real_number_above_zero(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.real(text, "the packet time", "RFC 8866 6.4")


def test_subfields_take_runs_of_spaces_but_no_other_white_space() -> None:
    assert grammar.subfields(" 0  0 ") == ["0", "0"]
    assert grammar.subfields("a\tb\xa0c") == ["a\tb\xa0c"]


@pytest.mark.parametrize("text", ["audio", "x-!#$%&'*+-.^_`{|}~9"])
def test_a_token(text: str) -> None:
    assert grammar.token(text, "the media type", "RFC 8866 5.14") == text


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a:b", "ä", "a\n"])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(ParseError):
        grammar.token(text, "the media type", "RFC 8866 5.14")


@pytest.mark.parametrize("text", ["192.0.2.1", "0.0.0.0", "255.255.255.255"])
def test_an_ip4_address(text: str) -> None:
    assert str(grammar.ip4_address(text)) == text


@pytest.mark.parametrize("text", ["", "1.2.3", "1.2.3.256", "1.2.3.04", "1.2.3.4.5", "::1", "1.2.3.4 "])
def test_what_is_no_ip4_address(text: str) -> None:
    assert grammar.ip4_address(text) is None


@pytest.mark.parametrize("text", ["::", "2001:db8::20", "::ffff:192.0.2.2", "FF15::101"])
def test_an_ip6_address(text: str) -> None:
    assert grammar.ip6_address(text) is not None


@pytest.mark.parametrize("text", ["", ":::", "[::1]", "fe80::1%eth0", "1::2::3", "192.0.2.1"])
def test_what_is_no_ip6_address(text: str) -> None:
    assert grammar.ip6_address(text) is None


@pytest.mark.parametrize("text", ["localhost", "host.example.com", "sbc_1.example", "3com.example"])
def test_a_host_name(text: str) -> None:
    assert grammar.is_host_name(text)


@pytest.mark.parametrize("text", ["", "300.1.1.1", "a b", "höst", "a:b", "[::1]", "a" * 256, "host\n"])
def test_what_is_no_host_name(text: str) -> None:
    assert not grammar.is_host_name(text)
