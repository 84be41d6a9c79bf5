"""Bounds for what name servers answer."""

from __future__ import annotations

import time

import dns.flags
import dns.message
import pytest

from offhook.errors import ResolveFailed
from offhook.transport.dns_sockets import MOST_OCTETS
from tests.transport.fake_dns import FakeDns

SERVICE = "_sip._udp.example.com"
RECORDS = 1500


def lengthened(answer: dns.message.Message, records: int) -> bytes:
    """A true answer, and behind it records of other types as short as they get."""
    wire = answer.to_wire(want_shuffle=False)
    if answer.flags & dns.flags.TC:
        return wire
    counts = (len(answer.answer) + records).to_bytes(2, "big")
    return wire[:6] + counts + wire[8:] + b"\xc0\x0c\xff\x00\x00\x01\0\0\0\x01\0\0" * records


async def test_a_long_answer_is_refused_over_tcp(name_server: FakeDns) -> None:
    """65535 octets took a second of everybody's time."""
    name_server.add(SERVICE, "SRV", "1 1 5060 a.example.com.")
    name_server.truncate = True
    name_server.lie = lambda answer: [lengthened(answer, RECORDS)]
    began = time.thread_time()
    with pytest.raises(ResolveFailed, match="says FormError"):
        await name_server.client().srv(SERVICE)
    assert time.thread_time() - began < 0.05
    assert name_server.over_tcp


async def test_a_long_datagram_does_not_keep_the_answer_away(name_server: FakeDns) -> None:
    name_server.add(SERVICE, "SRV", "1 1 5060 a.example.com.")
    name_server.lie = lambda answer: [lengthened(answer, RECORDS), answer.to_wire(want_shuffle=False)]
    assert [one.port for one in (await name_server.client().srv(SERVICE)).found] == [5060]


@pytest.mark.parametrize("over_tcp", [False, True])
async def test_an_answer_of_usual_length_is_read(name_server: FakeDns, over_tcp: bool) -> None:
    for number in range(200):
        name_server.add(SERVICE, "SRV", f"1 1 {number + 1} a.example.com.")
    name_server.truncate = over_tcp
    assert len((await name_server.client().srv(SERVICE)).found) == 200


async def test_the_longest_answer_is_read_in_time(name_server: FakeDns) -> None:
    name_server.add(SERVICE, "SRV", "1 1 5060 a.example.com.")
    name_server.truncate = True
    name_server.lie = lambda answer: [lengthened(answer, (MOST_OCTETS - 100) // 12)]
    await name_server.client().addresses("localhost", [])
    began = time.thread_time()
    assert len((await name_server.client().srv(SERVICE)).found) == 1
    assert time.thread_time() - began < 0.3
