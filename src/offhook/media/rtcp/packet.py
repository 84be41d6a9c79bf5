"""Compound RTCP packets: the common header, and the checks on the whole (RFC 3550 6.1, A.2).

|V=2|P|  count  |  packet type  |  length in 32-bit words, less one  |
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final, TypeAlias

from offhook.errors import ParseError
from offhook.media.rtcp.application import ApplicationDefined, UnknownRtcpPacket
from offhook.media.rtcp.goodbye import Goodbye
from offhook.media.rtcp.report import ReceiverReport, SenderReport
from offhook.media.rtcp.source_description import SourceDescription

__all__ = ["RtcpPacket", "parse_compound", "serialize_compound"]

RtcpPacket: TypeAlias = (
    SenderReport | ReceiverReport | SourceDescription | Goodbye | ApplicationDefined | UnknownRtcpPacket
)

_HEADER: Final = Struct("!BBH")
_PADDING: Final = 0x20
_MAX_COUNT: Final = 31


def parse_compound(data: bytes) -> list[RtcpPacket]:
    """Read one RTCP datagram. Raises ParseError when it breaks A.2 or the layout of one of its packets."""
    packets: list[RtcpPacket] = []
    offset = 0
    while offset < len(data):
        packet, offset = _parse_packet(data, offset)
        if not packets and packet.packet_type not in (SenderReport.packet_type, ReceiverReport.packet_type):
            raise ParseError("compound RTCP packet that begins with no report", offset=0, clause="RFC 3550 6.1")
        packets.append(packet)
    if not packets:
        raise ParseError("empty RTCP packet", offset=0, clause="RFC 3550 6.1")
    return packets


def serialize_compound(packets: Iterable[RtcpPacket]) -> bytes:
    """The packets as one datagram; the first must be a report (6.1).

    Raises ValueError for a packet that does not fit its format.
    """
    parts: list[bytes] = []
    for packet in packets:
        count, body = packet.serialize_body()
        if count > _MAX_COUNT or len(body) % 4:
            raise ValueError(f"not an RTCP packet: {packet!r}")
        parts += (_HEADER.pack(2 << 6 | count, packet.packet_type, len(body) // 4), body)
    return b"".join(parts)


def _parse_packet(data: bytes, offset: int) -> tuple[RtcpPacket, int]:
    if len(data) < offset + 4:
        raise ParseError("RTCP packet shorter than its header", offset=offset, clause="RFC 3550 6.4.1")
    first, packet_type, words = _HEADER.unpack_from(data, offset)
    if first >> 6 != 2:
        raise ParseError(f"RTCP version {first >> 6}, not 2", offset=offset, clause="RFC 3550 A.2")
    end = offset + 4 + 4 * words
    if len(data) < end:
        raise ParseError("RTCP packet shorter than its length", offset=offset + 2, clause="RFC 3550 A.2")
    stop = end
    if first & _PADDING:
        stop = _without_padding(data, offset, end)
    return _parse_body(packet_type, first & 0x1F, data[offset + 4 : stop]), end


def _without_padding(data: bytes, offset: int, end: int) -> int:
    # A.2: padding stands only in the last packet of a compound.
    padding = data[end - 1]
    if end != len(data) or padding == 0 or padding % 4 or end - padding < offset + 4:
        raise ParseError(f"RTCP padding of {padding} octets", offset=end - 1, clause="RFC 3550 6.4.1")
    return end - padding


def _parse_body(packet_type: int, count: int, body: bytes) -> RtcpPacket:
    match packet_type:
        case SenderReport.packet_type:
            return SenderReport.parse(count, body)
        case ReceiverReport.packet_type:
            return ReceiverReport.parse(count, body)
        case SourceDescription.packet_type:
            return SourceDescription.parse(count, body)
        case Goodbye.packet_type:
            return Goodbye.parse(count, body)
        case ApplicationDefined.packet_type:
            return ApplicationDefined.parse(count, body)
    return UnknownRtcpPacket(packet_type, count, body)
