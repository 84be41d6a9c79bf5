"""Other protocols at a port of ours: who speaks them gets no SIP, and is told apart at the first octets."""

from __future__ import annotations

from typing import Final

__all__ = ["foreign_protocol"]

_TLS_HANDSHAKE: Final = 22
_TLS_ALERT: Final = 21
"""Content types of a TLS record (RFC 8446 5.1); both are control characters, which begin no SIP message."""
_LINE_ENDS: Final = b"\r\n"
_FIRST: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
"""What a token may begin with (RFC 3261 25.1): every message begins with a method or with "SIP"."""


def foreign_protocol(data: bytes) -> str | None:
    """What the first octets of a stream speak, as the end of "the peer speaks ..."; None for what may be SIP.

    Empty lines may come before a message (RFC 3261 7.5).
    """
    begun = data.lstrip(_LINE_ENDS)
    if not begun:
        return None
    first = begun[0]
    if first in (_TLS_HANDSHAKE, _TLS_ALERT):
        return "TLS, and this is a connection without it"
    if first not in _FIRST:
        return "another protocol than SIP"
    line = begun.partition(b"\n")[0].rstrip()
    if line[-9:-1] == b" HTTP/1." or line[:7] == b"HTTP/1.":
        return "HTTP"
    return None
