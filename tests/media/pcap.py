"""Captures of UDP datagrams on loopback, for programs that read pcap."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

__all__ = ["write_pcap"]

RAW_IP = 101


def write_pcap(path: Path, datagrams: Iterable[tuple[int, bytes]]) -> None:
    """Write datagrams of (port, payload), 20 ms apart, from and to that port of 127.0.0.1."""
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP)]
    loopback = bytes((127, 0, 0, 1))
    for number, (port, payload) in enumerate(datagrams):
        udp = struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
        ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number, 0, 64, 17, 0, loopback, loopback) + udp
        microseconds = number * 20000
        parts += (struct.pack("<IIII", microseconds // 10**6, microseconds % 10**6, len(ip), len(ip)), ip)
    path.write_bytes(b"".join(parts))
