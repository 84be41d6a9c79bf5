"""Source descriptions: SDES (RFC 3550 6.5).

|V=2|P|    SC   |  PT=SDES=202  |             length            |
|  SC chunks, each: SSRC (32), items, null octets to the next 32-bit boundary  |
item = type (8) length (8) text
"""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError

__all__ = ["CNAME", "EMAIL", "NAME", "NOTE", "PHONE", "PRIV", "TOOL", "SourceDescription", "SourceDescriptionChunk"]

CNAME: Final = 1
NAME: Final = 2
EMAIL: Final = 3
PHONE: Final = 4
TOOL: Final = 6
NOTE: Final = 7
PRIV: Final = 8


class SourceDescriptionChunk:
    """The description of one source: its SSRC and its items as (type, text); the text is raw UTF-8."""

    __slots__ = ("items", "ssrc")

    def __init__(self, ssrc: int, items: tuple[tuple[int, bytes], ...]) -> None:
        self.ssrc = ssrc
        self.items = items

    def item(self, kind: int) -> bytes | None:
        """The first item of a type, or None."""
        for item, text in self.items:
            if item == kind:
                return text
        return None

    def serialize(self) -> bytes:
        parts = [self.ssrc.to_bytes(4, "big")]
        parts += [bytes((kind, len(text))) + text for kind, text in self.items]
        octets = sum(map(len, parts))
        # 6.5: at least one null octet ends the list of items.
        parts.append(bytes(4 - octets % 4))
        return b"".join(parts)


class SourceDescription:
    """SDES: who the sources are."""

    __slots__ = ("chunks",)

    packet_type: Final = 202

    def __init__(self, chunks: tuple[SourceDescriptionChunk, ...]) -> None:
        self.chunks = chunks

    @classmethod
    def parse(cls, count: int, body: bytes) -> SourceDescription:
        chunks = []
        offset = 0
        for _ in range(count):
            chunk, offset = _parse_chunk(body, offset)
            chunks.append(chunk)
        return cls(tuple(chunks))

    def serialize_body(self) -> tuple[int, bytes]:
        return len(self.chunks), b"".join(chunk.serialize() for chunk in self.chunks)


def _parse_chunk(body: bytes, offset: int) -> tuple[SourceDescriptionChunk, int]:
    if len(body) < offset + 4:
        raise ParseError("RTCP SDES shorter than its chunks", offset=offset, clause="RFC 3550 6.5")
    ssrc = int.from_bytes(body[offset : offset + 4], "big")
    at = offset + 4
    items = []
    while at < len(body) and body[at]:
        end = at + 2 + (body[at + 1] if at + 1 < len(body) else 0)
        if len(body) < at + 2 or len(body) < end:
            raise ParseError("RTCP SDES item beyond its packet", offset=at, clause="RFC 3550 6.5")
        items.append((body[at], body[at + 2 : end]))
        at = end
    # The null octets are not asked for at the end of the packet: senders exist that leave them out.
    return SourceDescriptionChunk(ssrc, tuple(items)), (at // 4 + 1) * 4
