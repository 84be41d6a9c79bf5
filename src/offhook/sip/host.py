"""The host and port of URIs, Via and Warning (RFC 3261 25.1, RFC 5954, RFC 5118)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Final

from offhook.errors import ParseError

__all__ = [
    "HOST",
    "bare_host",
    "bracketed_host",
    "canonical_host",
    "checked_host",
    "checked_port",
    "customer_of",
    "host_key",
    "is_ip_address",
    "reaches_many",
]

# ABNF host          = hostname / IPv4address / IPv6reference
# ABNF hostname      = *( domainlabel "." ) toplabel [ "." ]
# ABNF IPv6reference = "[" IPv6address "]"
# Labels are read wider: an underscore (host names of Windows and containers carry it), hyphens at the ends and a last
# label of digits (a telephone number in the place of a host) are all met in the field and harm nobody. More labels than
# a name of 255 octets can have (RFC 1035 2.3.4) are no host: going back through thousands of them costs milliseconds.
HOST: Final = r"(?:[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+){0,127}\.?|\[[0-9A-Fa-f:.]+\])"
"""The pattern of a host. What it matches still needs `checked_host` when it starts with a bracket."""

_HOST: Final = re.compile(HOST)
_IPV4: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_LONGEST_IPV6: Final = 45
_BROADCAST: Final = "255.255.255.255"


@lru_cache(maxsize=1024)
def _ipv6(text: str) -> str:
    """The canonical form (RFC 5952) of an IPv6 address without brackets. Raises ValueError."""
    address = IPv6Address(text)
    # Pythons before 3.13 write a mapped address without dots, and what they stored must be found again (5952 5).
    mapped = address.ipv4_mapped
    return address.compressed if mapped is None else f"::ffff:{mapped}"


def checked_host(text: str) -> str:
    """`text` when it is a host, as found. Raises ParseError.

    Three colons are mended to two: RFC 3261's own grammar allowed them by mistake (RFC 5118 4.9, RFC 5954).
    """
    if _HOST.fullmatch(text) is None:
        raise ParseError(f"{text[:64]!r} is not a host", clause="RFC 3261 25.1 host")
    if text[0] != "[":
        return text
    if ":::" in text:
        text = text.replace(":::", "::", 1)
    try:
        if len(text) > _LONGEST_IPV6 + 2:
            raise ValueError
        _ipv6(text[1:-1])
    except ValueError:
        raise ParseError(f"{text[:64]!r} is not an IPv6 reference", clause="RFC 5954 4.1") from None
    return text


def checked_port(text: str) -> int:
    """The number of a port, 0 to 65535, written in digits. Raises ParseError."""
    if (len(text) > 5 and text[:-5].strip("0")) or int(text[-5:]) > 65535:
        raise ParseError("port out of range", clause="RFC 3261 25.1 port")
    return int(text[-5:])


def bare_host(host: str) -> str:
    """A host without the brackets of an IPv6 reference."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def bracketed_host(host: str) -> str:
    """A host as URIs and Via write it: an IPv6 address in brackets, anything else as it is."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def canonical_host(host: str) -> str:
    """A host for comparison: lower case, an IPv6 reference by the address that it means (RFC 5954 4.2)."""
    if host.startswith("["):
        try:
            return f"[{_ipv6(host[1:-1])}]"
        except ValueError:
            return host.lower()
    return host.lower()


def host_key(host: str) -> str:
    """A host as tables of hosts have it: canonical, without brackets and without the final dot of a name.

    The dot says that a name is whole (RFC 1034 3.1), which a name in SIP always is: it names the same host.
    """
    if ":" in host:
        return bare_host(canonical_host(bracketed_host(host)))
    host = host.lower()
    return host.removesuffix(".")


def is_ip_address(host: str) -> bool:
    """Whether a host, with or without brackets, is a numeric address rather than a name.

    One with a zone is neither: it means nothing to others (RFC 5954 4.1 knows none).
    """
    bare = bare_host(host)
    try:
        if ":" in bare:
            return len(bare) <= _LONGEST_IPV6 and "%" not in bare and _ipv6(bare) != ""
        if _IPV4.fullmatch(bare) is None:
            return False
        IPv4Address(bare)
        return True
    except ValueError:
        return False


def reaches_many(address: str) -> bool:
    """Whether a numeric address, without brackets, is that of a multicast group or of all hosts of a network."""
    if ":" not in address:
        return IPv4Address(address).is_multicast or address == _BROADCAST
    long = IPv6Address(address)
    mapped = long.ipv4_mapped
    return long.is_multicast if mapped is None else reaches_many(str(mapped))


def customer_of(address: str) -> str:
    """What one customer of a network has, as everything from one source is counted: of numeric addresses, without
    brackets, the IPv4 one by itself, of IPv6 the /64.
    """
    if ":" not in address:
        return address
    number = int(IPv6Address(address.partition("%")[0]))
    return str(IPv6Network((number >> 64 << 64, 64)))
