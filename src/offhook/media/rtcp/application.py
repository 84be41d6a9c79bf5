"""Packets of applications, and packets of types unknown here: APP (RFC 3550 6.7) and the rest."""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError

__all__ = ["ApplicationDefined", "UnknownRtcpPacket"]


class ApplicationDefined:
    """APP: `subtype` 5 bits, `name` four ASCII characters, `data` whole 32-bit words."""

    __slots__ = ("data", "name", "ssrc", "subtype")

    packet_type: Final = 204

    def __init__(self, subtype: int, ssrc: int, name: bytes, data: bytes = b"") -> None:
        self.subtype = subtype
        self.ssrc = ssrc
        self.name = name
        self.data = data

    @classmethod
    def parse(cls, count: int, body: bytes) -> ApplicationDefined:
        if len(body) < 8:
            raise ParseError("RTCP APP shorter than its name", clause="RFC 3550 6.7")
        return cls(count, int.from_bytes(body[:4], "big"), body[4:8], body[8:])

    def serialize_body(self) -> tuple[int, bytes]:
        if len(self.name) != 4:
            raise ValueError(f"an RTCP APP name has four octets: {self.name!r}")
        return self.subtype, self.ssrc.to_bytes(4, "big") + self.name + self.data


class UnknownRtcpPacket:
    """A packet of a type that is not read here, kept whole (6.1: unknown types are ignored, not refused)."""

    __slots__ = ("body", "count", "packet_type")

    def __init__(self, packet_type: int, count: int, body: bytes) -> None:
        self.packet_type = packet_type
        self.count = count
        self.body = body

    def serialize_body(self) -> tuple[int, bytes]:
        return self.count, self.body
