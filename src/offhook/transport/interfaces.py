"""The machine's own addresses, asked of the kernel over rtnetlink, and the one by which a destination is reached."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final

from offhook.errors import TransportFailed

__all__ = ["canonical_address", "family_of", "interface_addresses", "reaches", "source_towards"]

# struct nlmsghdr: length, type, flags, sequence, port; struct ifaddrmsg: family, prefix length, flags, scope, index;
# struct rtattr: length, type. Linux's rtnetlink(7).
_HEAD: Final = struct.Struct("=IHHII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_RTM_NEWADDR: Final = 20
_RTM_GETADDR: Final = 22
_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_REQUEST_DUMP: Final = 0x301
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_NOT_USABLE: Final = 0x08 | 0x40
"""IFA_F_DADFAILED, IFA_F_TENTATIVE: nothing can be bound to such an address."""
_SCOPE_LINK: Final = 253
_DISCARD: Final = 9


def family_of(host: str) -> socket.AddressFamily:
    """The address family of a numeric host."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def canonical_address(host: str) -> str:
    """A numeric host as the kernel writes it; an IPv4 address within an IPv6 one comes out as IPv4.

    Raises ValueError when `host` is no numeric address.
    """
    try:
        packed = socket.inet_pton(family_of(host), host)
    except OSError:
        raise ValueError(f"{host!r} is not a numeric address") from None
    if len(packed) == 16 and packed.startswith(bytes(10) + b"\xff\xff"):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(family_of(host), packed)


def interface_addresses(family: socket.AddressFamily) -> list[str]:
    """All addresses of one family that this machine has now, in the kernel's order.

    Addresses of one link only (fe80::/10) are left out: no URI can name the link that they are valid on. Raises
    TransportFailed where the kernel cannot be asked.
    """
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.settimeout(2.0)
            request = _HEAD.pack(_HEAD.size + _ADDRESS.size, _RTM_GETADDR, _REQUEST_DUMP, 1, 0)
            kernel.send(request + _ADDRESS.pack(family, 0, 0, 0, 0))
            return list(_dumped(kernel, family))
    except (AttributeError, OSError) as error:
        raise TransportFailed(
            f"cannot list this machine's addresses ({error}); name an address instead of a wildcard"
        ) from error


def _dumped(kernel: socket.socket, family: socket.AddressFamily) -> Iterator[str]:
    while True:
        data = kernel.recv(1 << 20)
        position = 0
        while position < len(data):
            length, kind, *_ = _HEAD.unpack_from(data, position)
            if kind == _NLMSG_DONE:
                return
            if kind == _NLMSG_ERROR:
                raise OSError("rtnetlink refused")
            if kind == _RTM_NEWADDR:
                address = _address(data[position + _HEAD.size : position + length], family)
                if address is not None:
                    yield address
            position += max(length, _HEAD.size) + -length % 4


def _address(message: bytes, family: socket.AddressFamily) -> str | None:
    of, _, flags, scope, _ = _ADDRESS.unpack_from(message)
    if of != family or flags & _NOT_USABLE or scope == _SCOPE_LINK:
        return None
    values: dict[int, bytes] = {}
    position = _ADDRESS.size
    while position + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, position)
        values[kind] = message[position + _ATTRIBUTE.size : position + length]
        position += max(length, _ATTRIBUTE.size) + -length % 4
    # On a point-to-point link IFA_ADDRESS is the peer's; IFA_LOCAL, where it is given, is always ours.
    packed = values.get(_IFA_LOCAL, values.get(_IFA_ADDRESS))
    return None if packed is None else socket.inet_ntop(family, packed)


def source_towards(host: str) -> str | None:
    """The address that the kernel sends from towards a numeric host; None when there is no route."""
    try:
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
            probe.connect((host, _DISCARD))
            source: str = probe.getsockname()[0]
            return source
    except OSError:
        return None


def reaches(local: str, host: str) -> bool:
    """Whether something sent from a local address can go to a numeric host."""
    if local == "::1":
        # Linux routes it anywhere, to drop it later: a loopback address never leaves its node (RFC 4291 2.5.3).
        return source_towards(host) == host
    try:
        with socket.socket(family_of(host), socket.SOCK_DGRAM) as probe:
            probe.bind((local, 0))
            probe.connect((host, _DISCARD))
            return True
    except OSError:
        return False
