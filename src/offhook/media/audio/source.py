"""Where a stream's audio comes from and where it goes to."""

from __future__ import annotations

from typing import Protocol

from offhook.media.audio.samples import Samples

__all__ = ["ArraySource", "AudioSink", "AudioSource"]


class AudioSource(Protocol):
    """Audio to be sent, at the stream's clock rate. It must answer at once: what blocks is read ahead elsewhere."""

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more."""

    def read(self, count: int) -> Samples:
        """The next samples: `count`, or fewer at the end or while none are ready; silence is sent for the rest."""


class AudioSink(Protocol):
    """A listener to what is received, at the stream's clock rate. It must not block."""

    def write(self, samples: Samples) -> None:
        """Take the next samples; every moment is given, as silence when nothing came."""


class ArraySource:
    """Samples that lie in memory."""

    __slots__ = ("_position", "_samples")

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._position = 0

    @property
    def ended(self) -> bool:
        return self._position >= len(self._samples)

    def read(self, count: int) -> Samples:
        piece = self._samples[self._position : self._position + count]
        self._position += len(piece)
        return piece
