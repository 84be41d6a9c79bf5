"""The end of a source's participation: BYE (RFC 3550 6.6)."""

from __future__ import annotations

from typing import Final

from offhook.errors import ParseError

__all__ = ["Goodbye"]


class Goodbye:
    """BYE: these sources are no longer active. `reason` is raw UTF-8 of at most 255 octets, or None."""

    __slots__ = ("reason", "ssrcs")

    packet_type: Final = 203

    def __init__(self, ssrcs: tuple[int, ...], reason: bytes | None = None) -> None:
        self.ssrcs = ssrcs
        self.reason = reason

    @classmethod
    def parse(cls, count: int, body: bytes) -> Goodbye:
        end = 4 * count
        if len(body) < end:
            raise ParseError(f"RTCP BYE shorter than its {count} sources", clause="RFC 3550 6.6")
        ssrcs = tuple(int.from_bytes(body[at : at + 4], "big") for at in range(0, end, 4))
        if len(body) == end:
            return cls(ssrcs)
        octets = body[end]
        if len(body) < end + 1 + octets:
            raise ParseError("RTCP BYE reason beyond its packet", offset=end, clause="RFC 3550 6.6")
        return cls(ssrcs, body[end + 1 : end + 1 + octets])

    def serialize_body(self) -> tuple[int, bytes]:
        body = b"".join(ssrc.to_bytes(4, "big") for ssrc in self.ssrcs)
        if self.reason is not None:
            reason = bytes((len(self.reason),)) + self.reason
            body += reason + bytes(-len(reason) % 4)
        return len(self.ssrcs), body
