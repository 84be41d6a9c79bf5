"""Keep-alives and STUN Binding requests on a SIP port (RFC 5626 4.4, RFC 5389)."""

from __future__ import annotations

import struct
from functools import cache
from typing import Final

from offhook.transport.foreign import foreign_protocol
from offhook.transport.keepalive import is_keep_alive, keep_alive_answer
from offhook.transport.stun import binding_response, is_stun
from tests.fuzz.target import Target

__all__ = ["KEEPALIVES"]

COOKIE: Final = 0x2112A442
REMOTES: Final = (("192.0.2.1", 5060), ("2001:db8::1", 65535))


def binding(*attributes: tuple[int, bytes], kind: int = 1, cookie: int = COOKIE) -> bytes:
    body = b"".join(
        [struct.pack("!HH", name, len(value)) + value + bytes(-len(value) % 4) for name, value in attributes]
    )
    return struct.pack("!HHI12s", kind, len(body), cookie, b"transaction.") + body


@cache
def seeds() -> tuple[bytes, ...]:
    return (
        binding(),
        binding((0x8022, b"a phone")),
        binding((0x0006, b"user"), (0x0008, bytes(20)), (0x8028, bytes(4))),
        binding((0x0024, bytes(4)), (0x0025, b""), (0x8029, bytes(8))),
        binding(kind=0x0101),
        binding(cookie=0),
        *(b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b"\0", b"", b"jaK", b"\x16\x03\x01\x02\0\x01", b"GET / HTTP/1.1\r\n"),
    )


def check_datagram(data: bytes) -> bool:
    """Whether something is answered: never more than is needed, and only a Binding request."""
    foreign_protocol(data)
    is_keep_alive(data)
    answered = False
    for remote in REMOTES:
        answer = keep_alive_answer(data, remote)
        response = binding_response(data, remote)
        if response is not None:
            assert is_stun(data)
            assert answer == response
            kind, length, cookie, transaction = struct.unpack_from("!HHI12s", response)
            assert kind in (0x0101, 0x0111)
            assert (length, cookie, transaction) == (len(response) - 20, COOKIE, data[8:20])
            assert len(response) <= len(data) + 32
        answered = answered or answer is not None
    return answered


KEEPALIVES: Final = Target("keepalives", seeds, check_datagram, largest=65536)
