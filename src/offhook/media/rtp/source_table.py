"""The source identifier table of a session: members, senders and their time-outs (RFC 3550 6.2.1, 6.3.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from offhook.media.rtp.source import Source

__all__ = ["MAX_SOURCES", "SourceTable"]

MAX_SOURCES: Final = 16
"""So many sources are kept; a call has one or two. A stranger's SSRCs beyond that are dropped."""


class SourceTable:
    """All sources heard of, by SSRC. Our own SSRC is not in it."""

    __slots__ = ("_sources",)

    def __init__(self) -> None:
        self._sources: dict[int, Source] = {}

    def __contains__(self, ssrc: int) -> bool:
        return ssrc in self._sources

    def __iter__(self) -> Iterator[Source]:
        return iter(self._sources.values())

    def get(self, ssrc: int) -> Source | None:
        return self._sources.get(ssrc)

    def claim(self, ssrc: int) -> Source | None:
        """The source of this SSRC, new if need be; None when the table is full of validated ones."""
        source = self._sources.get(ssrc)
        if source is None:
            if len(self._sources) >= MAX_SOURCES and not self._forget_unvalidated():
                return None
            source = self._sources[ssrc] = Source(ssrc)
        return source

    def remove(self, ssrc: int) -> bool:
        """Forget a source that said goodbye; whether it was known."""
        return self._sources.pop(ssrc, None) is not None

    def members(self) -> int:
        """How many validated members there are besides us."""
        return sum(source.validated for source in self._sources.values())

    def senders(self, since: float) -> int:
        """How many of them have sent data since a monotonic second."""
        return sum(
            source.validated and source.last_rtp is not None and source.last_rtp >= since
            for source in self._sources.values()
        )

    def forget_silent(self, since: float) -> None:
        """Time out the sources that were not heard since a monotonic second."""
        for source in list(self._sources.values()):
            if source.last_heard < since:
                del self._sources[source.ssrc]

    def _forget_unvalidated(self) -> bool:
        for ssrc, source in self._sources.items():
            if not source.validated:
                del self._sources[ssrc]
                return True
        return False
