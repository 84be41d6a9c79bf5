"""Sender and receiver reports: SR and RR (RFC 3550 6.4).

|V=2|P|    RC   |   PT=200 or 201   |             length            |
|                         SSRC of sender                            |
|      NTP timestamp (64) | RTP timestamp | packets | octets        |  SR only
|  report blocks, 24 octets each, RC of them                        |
|                  profile-specific extensions                      |
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from offhook.errors import ParseError

__all__ = ["MAX_BLOCKS", "ReceiverReport", "ReportBlock", "SenderReport"]

MAX_BLOCKS: Final = 31

_SENDER: Final = Struct("!QIII")
_BLOCK: Final = Struct("!IIIIII")
_MASK: Final = 0xFFFFFFFF


class ReportBlock:
    """What one receiver tells about one source (6.4.1).

    `ssrc`: the source. `fraction_lost` in 1/256 since the last report, `lost` in all (24 bits, signed),
    `highest_sequence` extended to 32 bits, `jitter` in timestamp units, `last_sr` (LSR) the middle 32 bits of the last
    SR's NTP timestamp or 0, `delay_since_last_sr` (DLSR) in 1/65536 s.
    """

    __slots__ = ("delay_since_last_sr", "fraction_lost", "highest_sequence", "jitter", "last_sr", "lost", "ssrc")

    def __init__(
        self,
        ssrc: int,
        fraction_lost: int,
        lost: int,
        highest_sequence: int,
        jitter: int,
        last_sr: int,
        delay_since_last_sr: int,
    ) -> None:
        self.ssrc = ssrc
        self.fraction_lost = fraction_lost
        self.lost = lost
        self.highest_sequence = highest_sequence
        self.jitter = jitter
        self.last_sr = last_sr
        self.delay_since_last_sr = delay_since_last_sr

    @classmethod
    def parse(cls, data: bytes, offset: int) -> ReportBlock:
        """Read the 24 octets at `offset`, which must be there."""
        ssrc, loss, highest, jitter, last_sr, delay = _BLOCK.unpack_from(data, offset)
        lost = loss & 0xFFFFFF
        if lost & 0x800000:
            lost -= 1 << 24
        return cls(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay)

    def serialize(self) -> bytes:
        # A.3: clamped rather than wrapped.
        lost = max(-0x800000, min(self.lost, 0x7FFFFF))
        return _BLOCK.pack(
            self.ssrc,
            self.fraction_lost << 24 | lost & 0xFFFFFF,
            self.highest_sequence & _MASK,
            min(self.jitter, _MASK),
            self.last_sr,
            min(self.delay_since_last_sr, _MASK),
        )

    def __repr__(self) -> str:
        return (
            f"ReportBlock(ssrc={self.ssrc:#010x}, fraction_lost={self.fraction_lost}, lost={self.lost}, "
            f"jitter={self.jitter})"
        )


class SenderReport:
    """SR: what a sender has sent, and what it has received.

    `ntp` 64 bits and `rtp_timestamp` 32 bits name the same instant. `packets` and `octets` (payload only) count what
    was sent since the SSRC was chosen.
    """

    __slots__ = ("blocks", "extension", "ntp", "octets", "packets", "rtp_timestamp", "ssrc")

    packet_type: Final = 200

    def __init__(
        self,
        ssrc: int,
        ntp: int,
        rtp_timestamp: int,
        packets: int,
        octets: int,
        blocks: tuple[ReportBlock, ...] = (),
        extension: bytes = b"",
    ) -> None:
        self.ssrc = ssrc
        self.ntp = ntp
        self.rtp_timestamp = rtp_timestamp
        self.packets = packets
        self.octets = octets
        self.blocks = blocks
        self.extension = extension

    @classmethod
    def parse(cls, count: int, body: bytes) -> SenderReport:
        if len(body) < 24:
            raise ParseError("RTCP SR shorter than its sender information", clause="RFC 3550 6.4.1")
        ntp, rtp_timestamp, packets, octets = _SENDER.unpack_from(body, 4)
        blocks, extension = _parse_blocks(count, body, 24)
        return cls(int.from_bytes(body[:4], "big"), ntp, rtp_timestamp, packets, octets, blocks, extension)

    def serialize_body(self) -> tuple[int, bytes]:
        sender = _SENDER.pack(self.ntp, self.rtp_timestamp, self.packets & _MASK, self.octets & _MASK)
        return len(self.blocks), self.ssrc.to_bytes(4, "big") + sender + _serialize_blocks(self.blocks, self.extension)


class ReceiverReport:
    """RR: what a participant that has sent nothing lately has received (6.4.2)."""

    __slots__ = ("blocks", "extension", "ssrc")

    packet_type: Final = 201

    def __init__(self, ssrc: int, blocks: tuple[ReportBlock, ...] = (), extension: bytes = b"") -> None:
        self.ssrc = ssrc
        self.blocks = blocks
        self.extension = extension

    @classmethod
    def parse(cls, count: int, body: bytes) -> ReceiverReport:
        if len(body) < 4:
            raise ParseError("RTCP RR without the SSRC of its sender", clause="RFC 3550 6.4.2")
        blocks, extension = _parse_blocks(count, body, 4)
        return cls(int.from_bytes(body[:4], "big"), blocks, extension)

    def serialize_body(self) -> tuple[int, bytes]:
        return len(self.blocks), self.ssrc.to_bytes(4, "big") + _serialize_blocks(self.blocks, self.extension)


def _parse_blocks(count: int, body: bytes, start: int) -> tuple[tuple[ReportBlock, ...], bytes]:
    end = start + 24 * count
    if len(body) < end:
        raise ParseError(f"RTCP report shorter than its {count} blocks", clause="RFC 3550 6.4.1")
    return tuple(ReportBlock.parse(body, at) for at in range(start, end, 24)), body[end:]


def _serialize_blocks(blocks: tuple[ReportBlock, ...], extension: bytes) -> bytes:
    return b"".join(block.serialize() for block in blocks) + extension
