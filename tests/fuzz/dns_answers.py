"""What name servers answer, as the DNS client and the resolver of RFC 3263 take it from the wire.

An input is an octet that says how it is asked and answered, then an answer without its first two octets (the ID) and
without its question: it fits whatever is asked. Each question gets it, and afterwards the truth, that nothing is known.
"""

from __future__ import annotations

import asyncio
import atexit
import socket
import struct
from contextlib import suppress
from functools import cache
from typing import Any, Final
from unittest.mock import patch

import dns.exception
import dns.flags
import dns.message
import dns.rrset

from offhook.errors import ResolveFailed
from offhook.flow import Query
from offhook.sip.host import is_ip_address
from offhook.transport.dns import DnsClient
from offhook.transport.hosts import HostsFile
from offhook.transport.listener import Listener
from offhook.transport.local_address import LocalAddress, LocalAddresses
from offhook.transport.resolver import Resolver
from tests.fuzz.target import Target
from tests.fuzz.timing import MOST_SECONDS, OF_A_CHECK, stopwatch

__all__ = ["DNS_ANSWERS"]

NAME: Final = "example.net."
SERVICE: Final = f"_sip._udp.{NAME}"
WHOLE_HEAD: Final = 12
ADDRESSES, SERVICES, POINTERS, SERVERS = range(4)
"""The low bits of the first octet: which question is asked."""
WRONG_ID: Final = 0x40
WRONG_QUESTION: Final = 0x80
SERVFAIL: Final = 2
FAMILIES: Final = (socket.AF_INET6, socket.AF_INET)


class Liar:
    """Sockets to name servers that answer each question with the same octets, then with SERVFAIL."""

    def __init__(self, data: bytes) -> None:
        self.how, self.rest = (data[0], data[1:]) if data else (0, b"")
        self.asked = 0

    def answers(self, question: bytes) -> list[bytes]:
        self.asked += 1
        number = bytes([question[0] ^ 1]) + question[1:2] if self.how & WRONG_ID else question[:2]
        asked = b"" if self.how & WRONG_QUESTION else question_of(question)
        lie = number + self.rest[: WHOLE_HEAD - 2] + asked + self.rest[WHOLE_HEAD - 2 :]
        return [lie, question[:2] + struct.pack("!HHHHH", 0x8180 | SERVFAIL, 1, 0, 0, 0) + question_of(question)]

    def datagram_connection_required(self) -> bool:
        return False

    async def make_socket(self, af: Any, socktype: Any, *_: Any, **__: Any) -> Any:
        return Datagrams(self, af) if socktype == socket.SOCK_DGRAM else Stream(self, af)

    async def sleep(self, interval: float) -> None:
        raise OSError("nobody answers")


class Closed:
    async def close(self) -> None:
        pass


class Datagrams(Closed):
    def __init__(self, liar: Liar, family: int) -> None:
        self.family = family
        self.liar = liar
        self.waiting: list[bytes] = []
        self.server: Any = None

    async def sendto(self, what: bytes, destination: Any, within: float) -> int:
        self.server = destination
        self.waiting = self.liar.answers(what)
        return len(what)

    async def recvfrom(self, size: int, within: float) -> tuple[bytes, Any]:
        if not self.waiting:
            raise dns.exception.Timeout
        return self.waiting.pop(0)[:size], self.server


class Stream(Closed):
    def __init__(self, liar: Liar, family: int) -> None:
        self.family = family
        self.liar = liar
        self.waiting = b""

    async def sendall(self, what: bytes, within: float) -> None:
        lie = self.liar.answers(what[2:])[0]
        self.waiting = len(lie).to_bytes(2, "big") + lie

    async def recv(self, size: int, within: float) -> bytes:
        piece, self.waiting = self.waiting[:size], self.waiting[size:]
        return piece


def question_of(message: bytes) -> bytes:
    end = WHOLE_HEAD
    while message[end]:
        end += 1 + message[end]
    return message[WHOLE_HEAD : end + 5]


def answer(how: int, *records: tuple[str, str, str], flags: int = 0x8180, authority: str = "") -> bytes:
    """An input: the records as (owner, type, text)."""
    # Names are compressed into pointers, which fit a question of this length alone.
    message = dns.message.make_response(dns.message.make_query(SERVICE if how == SERVICES else NAME, "A"))
    message.flags = dns.flags.Flag(flags)
    for owner, kind, text in records:
        name = SERVICE if how == SERVICES and owner == NAME else owner
        message.answer.append(dns.rrset.from_text(name, 300, "IN", kind, text))
    if authority:
        message.authority.append(dns.rrset.from_text(NAME, 300, "IN", "SOA", authority))
    wire = message.to_wire(want_shuffle=False)
    return bytes([how]) + wire[2:WHOLE_HEAD] + wire[WHOLE_HEAD + len(question_of(wire)) :]


@cache
def seeds() -> tuple[bytes, ...]:
    """Answers that have everything at once: a question takes what is of its type."""
    everything = (
        (NAME, "NAPTR", r'20 50 "s" "SIP+D2T" "" _sip._tcp.example.net.'),
        (NAME, "NAPTR", r'10 50 "s" "SIPS+D2T" "" _sips._tcp.example.net.'),
        (NAME, "NAPTR", r'10 60 "u" "E2U+sip" "!^.*$!sip:a@b!" .'),
        (NAME, "SRV", "1 10 5060 example.net."),
        (NAME, "SRV", "1 0 5061 other.example.org."),
        (NAME, "SRV", "2 0 0 ."),
        (NAME, "A", "192.0.2.1"),
        (NAME, "A", "255.255.255.255"),
        (NAME, "AAAA", "2001:db8::1"),
        (NAME, "AAAA", "ff02::1"),
    )
    alias = ((NAME, "CNAME", "a.example.net."), ("a.example.net.", "CNAME", "b.example.net."))
    loop = ((NAME, "CNAME", "a.example.net."), ("a.example.net.", "CNAME", NAME))
    soa = "ns.example.net. root.example.net. 1 2 3 4 5"
    found = []
    for how in (ADDRESSES, SERVICES, POINTERS, SERVERS, SERVERS):
        found += [
            answer(how, *everything),
            answer(how, *alias, ("b.example.net.", "A", "192.0.2.2"), ("b.example.net.", "SRV", "0 0 1 192.0.2.3.")),
            answer(how, *loop),
            answer(how, flags=0x8183, authority=soa),
            answer(how, authority=soa),
            answer(how, *everything, flags=0x8380),
            answer(how, flags=0x8182),
            answer(how, (NAME, "TXT", '"v=spf1"'), (NAME, "HINFO", "a b")),
        ]
    found.append(answer(WRONG_ID | SERVERS, *everything))
    return tuple(found)


@cache
def runner() -> asyncio.Runner:
    """One loop for all inputs: to make one costs more than an answer."""
    made = asyncio.Runner()
    atexit.register(made.close)
    return made


def check_answer(data: bytes) -> bool:
    """Whether something was found; what cannot be is told with ResolveFailed, and nobody is asked for ever."""
    # One resolution reads the answer three times at least; between them the loop serves others.
    return stopwatch.within(lambda: resolve(Liar(data)), 3 * MOST_SECONDS)


def resolve(liar: Liar) -> bool:
    with patch("dns.asyncbackend.get_default_backend", lambda: liar):
        found = runner().run(ask(liar))
    assert liar.asked < 250
    return found


async def ask(liar: Liar) -> bool:
    client = DnsClient([("192.0.2.53", 53)], hosts=HostsFile("/dev/null"), lifetime=0.2, timeout=0.1)
    with suppress(ResolveFailed):
        match liar.how & 3:
            case 0:
                addresses = await client.addresses(NAME, FAMILIES)
                assert all(is_ip_address(address) for address in addresses.found)
                return bool(addresses.found)
            case 1:
                services = await client.srv(SERVICE)
                assert all(0 <= one.port < 65536 and 0 <= one.weight < 65536 for one in services.found)
                priorities = [one.priority for one in services.found]
                assert priorities == sorted(priorities)
                return bool(services.found)
            case 2:
                pointers = await client.naptr(NAME)
                orders = [(one.order, one.preference) for one in pointers.found]
                assert orders == sorted(orders)
                return bool(pointers.found)
            case _:
                targets = await Resolver(client, own()).resolve(Query(NAME))
                assert targets
                assert all(is_ip_address(target.host) and 0 < target.port < 65536 for target in targets)
                return True
    return False


def own() -> LocalAddresses:
    addresses = LocalAddresses()
    for transport in ("UDP", "TCP", "TLS"):
        listener = Listener(transport, "127.0.0.1")
        addresses.add(LocalAddress(listener, listener.host, listener.port))
    return addresses


DNS_ANSWERS: Final = Target("dns_answers", seeds, check_answer, largest=65535, most=OF_A_CHECK)
