"""NTP timestamps, as sender reports carry them (RFC 3550 section 4, RFC 5905 section 6)."""

from __future__ import annotations

from typing import Final

__all__ = ["EPOCH_OFFSET", "compact", "from_wall", "to_wall"]

EPOCH_OFFSET: Final = 2208988800
"""Seconds from 1900-01-01, where NTP begins, to 1970-01-01."""


def from_wall(wall: float) -> int:
    """A wall-clock time (seconds since 1970) as a 64-bit NTP timestamp: 32 bits of seconds, 32 of fraction."""
    seconds, fraction = divmod(wall, 1.0)
    return ((int(seconds) + EPOCH_OFFSET) << 32 | int(fraction * (1 << 32))) & 0xFFFFFFFFFFFFFFFF


def to_wall(timestamp: int) -> float:
    """The wall-clock time of a 64-bit NTP timestamp, taken to lie in its first era (until 2036)."""
    return timestamp / (1 << 32) - EPOCH_OFFSET


def compact(timestamp: int) -> int:
    """The middle 32 of the 64 bits, 1/65536 s each, as LSR and the round-trip computation use them (6.4.1)."""
    return timestamp >> 16 & 0xFFFFFFFF
