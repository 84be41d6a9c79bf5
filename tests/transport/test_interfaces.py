"""The machine's addresses, against what the standard library and the kernel's own files say."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from pathlib import Path

import pytest

from offhook.errors import TransportFailed
from offhook.transport.interfaces import canonical_address, family_of, interface_addresses, reaches, source_towards


def test_loopback_is_among_the_addresses() -> None:
    assert "127.0.0.1" in interface_addresses(socket.AF_INET)
    assert "::1" in interface_addresses(socket.AF_INET6)


def test_every_ipv6_address_that_the_kernel_lists_is_found() -> None:
    """/proc/net/if_inet6 is the same list by another way: address, index, prefix, scope, flags."""
    listed = set()
    for line in Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines():
        octets, _, _, _, flags, _ = line.split()
        address = ip_address(bytes.fromhex(octets))
        if not address.is_link_local and not int(flags, 16) & 0x48:
            listed.add(str(address))
    assert set(interface_addresses(socket.AF_INET6)) == listed


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_each_address_can_be_bound(family: socket.AddressFamily) -> None:
    for host in interface_addresses(family):
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((host, 0))


def test_a_machine_that_cannot_be_asked_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")
    with pytest.raises(TransportFailed, match="name an address instead of a wildcard"):
        interface_addresses(socket.AF_INET)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:0201", "192.0.2.1"),
        ("::", "::"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_addresses_are_written_as_the_kernel_writes_them(written: str, canonical: str) -> None:
    assert canonical_address(written) == canonical


@pytest.mark.parametrize(
    "text", ["", "example.com", "192.0.2", "192.0.2.256", "0x7f.1", "fe80::1%eth0", "1:2", "[::1]"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a numeric address"):
        canonical_address(text)


def test_loopback_is_reached_from_loopback() -> None:
    assert source_towards("127.0.0.1") == "127.0.0.1"
    assert source_towards("::1") == "::1"
    assert reaches("127.0.0.1", "127.0.0.9")
    assert reaches("::1", "::1")


def test_where_nothing_leads_there_is_no_source() -> None:
    assert source_towards("255.255.255.255") is None
    assert not reaches("127.0.0.1", "203.0.113.7")
    assert not reaches("203.0.113.7", "127.0.0.1")
    assert not reaches("::1", "2001:db8::7")


def test_families() -> None:
    assert family_of("192.0.2.1") == socket.AF_INET
    assert family_of("2001:db8::1") == socket.AF_INET6
