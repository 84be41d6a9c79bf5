"""STUN Binding requests on a SIP port (RFC 5389, RFC 5626 8): a phone behind a NAT keeps its flow open with them."""

from __future__ import annotations

import socket
import struct
from typing import Final

__all__ = ["binding_response", "is_stun"]

#  0                   1                   2                   3
#  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
# |0 0|     STUN Message Type     |         Message Length        |
# |                         Magic Cookie                          |
# |                     Transaction ID (96 bits)                  |
_HEAD: Final = struct.Struct("!HHI12s")
_ATTRIBUTE: Final = struct.Struct("!HH")
_COOKIE: Final = 0x2112A442

_BINDING_REQUEST: Final = 0x0001
_BINDING_SUCCESS: Final = 0x0101
_BINDING_ERROR: Final = 0x0111

_ERROR_CODE: Final = 0x0009
_UNKNOWN_ATTRIBUTES: Final = 0x000A
_XOR_MAPPED_ADDRESS: Final = 0x0020
# MAPPED-ADDRESS, USERNAME, MESSAGE-INTEGRITY, REALM, NONCE and XOR-MAPPED-ADDRESS: understood, and of no use here.
_KNOWN: Final = frozenset((0x0001, 0x0006, 0x0008, 0x0014, 0x0015, 0x0020, _ERROR_CODE, _UNKNOWN_ATTRIBUTES))
_FIRST_OPTIONAL: Final = 0x8000
_IPV4: Final = 1
_IPV6: Final = 2


def is_stun(data: bytes) -> bool:
    """Whether a datagram can be STUN and cannot be SIP: its first octet is 0 or 1 (RFC 5626 8).

    The messages of RFC 3489, which have no magic cookie, count too.
    """
    return len(data) >= _HEAD.size and data[0] <= 1


def binding_response(request: bytes, remote: tuple[str, int]) -> bytes | None:
    """The answer to a Binding request that came from `remote`; None to anything else, which is ignored (5389 7.3).

    A success names `remote` in XOR-MAPPED-ADDRESS; an attribute that had to be understood earns error 420 (7.3.1).
    """
    if len(request) < _HEAD.size:
        return None
    kind, length, cookie, transaction = _HEAD.unpack_from(request)
    if kind != _BINDING_REQUEST or cookie != _COOKIE or length % 4 or length != len(request) - _HEAD.size:
        return None
    types = _attribute_types(request)
    if types is None:
        return None
    unknown = [kind for kind in types if kind < _FIRST_OPTIONAL and kind not in _KNOWN]
    if unknown:
        body = _attribute(_ERROR_CODE, b"\0\0\x04\x14Unknown Attribute")
        body += _attribute(_UNKNOWN_ATTRIBUTES, struct.pack(f"!{len(unknown)}H", *unknown))
        return _message(_BINDING_ERROR, transaction, body)
    mapped = _attribute(_XOR_MAPPED_ADDRESS, _xored(remote, transaction))
    return _message(_BINDING_SUCCESS, transaction, mapped)


def _attribute_types(message: bytes) -> list[int] | None:
    """The types of all attributes in order; None when one reaches beyond the end."""
    types: list[int] = []
    position = _HEAD.size
    while position < len(message):
        kind, length = _ATTRIBUTE.unpack_from(message, position)
        types.append(kind)
        position += _ATTRIBUTE.size + length + -length % 4
    return types if position == len(message) else None


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _message(kind: int, transaction: bytes, body: bytes) -> bytes:
    return _HEAD.pack(kind, len(body), _COOKIE, transaction) + body


def _xored(address: tuple[str, int], transaction: bytes) -> bytes:
    """The value of XOR-MAPPED-ADDRESS (RFC 5389 15.2)."""
    host, port = address
    family, number = (_IPV6, socket.AF_INET6) if ":" in host else (_IPV4, socket.AF_INET)
    # The zone of an address that is local to a link is of this machine alone.
    packed = socket.inet_pton(number, host.partition("%")[0])
    mask = struct.pack("!I", _COOKIE) + transaction
    hidden = bytes(octet ^ key for octet, key in zip(packed, mask, strict=False))
    return struct.pack("!xBH", family, port ^ (_COOKIE >> 16)) + hidden
