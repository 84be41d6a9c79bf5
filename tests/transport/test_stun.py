"""STUN on the SIP port, against the vectors of RFC 5769."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.transport.stun import binding_response, is_stun

# RFC 5769 2.1, 2.2 and 2.3: the request, and XOR-MAPPED-ADDRESS of the answers to it.
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008"
    "932ff9b151263b36000600096576746a3a683676592020200008001"
    "49aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
MAPPED_IPV4 = bytes.fromhex("002000080001a147e112a643")
MAPPED_IPV6 = bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
PLAIN = bytes.fromhex("000100002112a442") + TRANSACTION


@pytest.mark.rfc("5769 2.2")
def test_the_answer_names_an_ipv4_source() -> None:
    head = bytes.fromhex("0101000c2112a442")
    assert binding_response(PLAIN, ("192.0.2.1", 32853)) == head + TRANSACTION + MAPPED_IPV4


@pytest.mark.rfc("5769 2.3")
def test_the_answer_names_an_ipv6_source() -> None:
    head = bytes.fromhex("010100182112a442")
    remote = ("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert binding_response(PLAIN, remote) == head + TRANSACTION + MAPPED_IPV6


def test_the_zone_of_a_neighbour_is_left_out() -> None:
    answer = binding_response(PLAIN, ("fe80::1%eth0", 32853))
    assert answer is not None
    assert answer == binding_response(PLAIN, ("fe80::1", 32853))


@pytest.mark.rfc("5389 7.3.1")
def test_an_attribute_that_had_to_be_understood_earns_420() -> None:
    """The vector's request carries ICE's PRIORITY, which is none of our business on a SIP port."""
    answer = binding_response(REQUEST, ("192.0.2.1", 32853))
    assert answer is not None
    assert answer[:2] == bytes.fromhex("0111")
    assert answer[8:20] == TRANSACTION
    assert bytes.fromhex("0009") in answer
    assert bytes.fromhex("00000414") in answer
    assert answer.endswith(bytes.fromhex("000a000200240000"))


def test_optional_attributes_and_credentials_are_passed_over() -> None:
    optional = bytes.fromhex("80220004") + b"abcd" + bytes.fromhex("0006000161000000")
    request = bytes.fromhex("00010010") + PLAIN[4:] + optional
    answer = binding_response(request, ("192.0.2.1", 32853))
    assert answer is not None
    assert answer[:2] == bytes.fromhex("0101")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PLAIN[:19],
        PLAIN + b"\0",
        bytes.fromhex("00010004") + PLAIN[4:],
        bytes.fromhex("00110000") + PLAIN[4:],
        bytes.fromhex("01010000") + PLAIN[4:],
        bytes.fromhex("0001000000000000") + TRANSACTION,
        bytes.fromhex("00010008") + PLAIN[4:] + bytes.fromhex("8022000861626364"),
        REQUEST[:-4],
    ],
)
def test_anything_but_a_binding_request_is_ignored(data: bytes) -> None:
    assert binding_response(data, ("192.0.2.1", 32853)) is None


@given(st.binary(max_size=200))
def test_any_octets_at_all_are_only_ignored_or_answered(data: bytes) -> None:
    for head in (b"", PLAIN[:2], PLAIN[:8]):
        answer = binding_response(head + data, ("192.0.2.1", 5060))
        assert answer is None or len(answer) % 4 == 0


@given(st.ip_addresses(), st.integers(0, 65535))
def test_a_client_reads_its_own_address_from_the_answer(address: object, port: int) -> None:
    answer = binding_response(PLAIN, (str(address), port))
    assert answer is not None
    family, hidden_port, hidden = answer[25], answer[26:28], answer[28:]
    mask = PLAIN[4:20]
    plain = bytes(one ^ other for one, other in zip(hidden, mask, strict=False))
    assert int.from_bytes(hidden_port, "big") ^ 0x2112 == port
    number = socket.AF_INET if family == 1 else socket.AF_INET6
    assert plain == socket.inet_pton(number, str(address))


def test_sip_is_never_taken_for_stun() -> None:
    assert not is_stun(b"OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n")
    assert is_stun(PLAIN)
    assert not is_stun(PLAIN[:19])
