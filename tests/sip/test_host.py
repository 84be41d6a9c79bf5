"""Hosts and ports, by RFC 3261 25.1, RFC 5118, RFC 5952 and RFC 5954."""

from __future__ import annotations

import pytest

from offhook.errors import ParseError
from offhook.sip.host import (
    bare_host,
    bracketed_host,
    canonical_host,
    checked_host,
    checked_port,
    customer_of,
    host_key,
    is_ip_address,
    reaches_many,
)

VALID = [
    "a",
    "a.b.",
    "a-b.c",
    "my_host",
    "192.0.2.1",
    "[::]",
    "[2001:db8::192.0.2.1]",
    "[1:2:3:4:5:6:7:8]",
    "12345",
    "-",
    ".".join("a" * 128),
]
INVALID = [
    "", ".", "a..b", ".a", "a b", "a/b", "ü", "a:1", "::1", "[", "[]", "[:]", "[1]", "[::1", "::1]", "[::1]]", "[::g]",
    "[1::2::3]", "[::1%1]", "[" + "0" * 60 + "::1]", "a\n", "[::1]\n", "[1.2.3.4]", ".".join("a" * 129),
]  # fmt: skip


@pytest.mark.parametrize("text", VALID)
def test_hosts(text: str) -> None:
    assert checked_host(text) == text
    assert bracketed_host(bare_host(text)) == text


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(ParseError):
        checked_host(text)


def test_three_colons_are_mended_once() -> None:
    assert checked_host("[2001:db8:::192.0.2.1]") == "[2001:db8::192.0.2.1]"
    with pytest.raises(ParseError):
        checked_host("[::::1]")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ],
)
def test_the_key_of_a_host(text: str, key: str) -> None:
    assert host_key(text) == key


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("5060", 5060), ("65535", 65535), ("0" * 5000 + "7", 7)])
def test_ports(text: str, port: int) -> None:
    assert checked_port(text) == port


@pytest.mark.parametrize("text", ["65536", "99999", "100000", "9" * 5000])
def test_ports_out_of_range(text: str) -> None:
    with pytest.raises(ParseError):
        checked_port(text)


@pytest.mark.parametrize(
    ("host", "canonical"),
    [
        ("ExAmple.COM", "example.com"),
        ("[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]"),
        ("[::FFFF:192.0.2.1]", "[::ffff:192.0.2.1]"),
        ("[nonsense]", "[nonsense]"),
    ],
)
def test_the_canonical_form(host: str, canonical: str) -> None:
    assert canonical_host(host) == canonical
    assert canonical_host(canonical) == canonical


@pytest.mark.parametrize("host", ["192.0.2.1", "::1", "[::1]", "[2001:db8::1]"])
def test_numeric_addresses(host: str) -> None:
    assert is_ip_address(host)


@pytest.mark.parametrize(
    "host",
    ["a", "192.0.2", "192.0.2.256", "1.2.3.4.5", "[a]", "::g", ":" * 100, "1:2", "١.٢.٣.٤", "fe80::1%eth0", "::1%1"],
)
def test_names(host: str) -> None:
    assert not is_ip_address(host)


@pytest.mark.parametrize(
    ("address", "many"),
    [
        ("192.0.2.1", False),
        ("223.255.255.255", False),
        ("224.0.0.0", True),
        ("239.255.255.255", True),
        ("255.255.255.255", True),
        ("2001:db8::1", False),
        ("ff02::1", True),
        ("::ffff:224.0.1.75", True),
        ("::ffff:192.0.2.1", False),
    ],
)
def test_addresses_of_many_hosts(address: str, many: bool) -> None:
    assert reaches_many(address) is many


@pytest.mark.parametrize(
    ("address", "customer"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_one_customer_has(address: str, customer: str) -> None:
    assert customer_of(address) == customer
