"""What an audio codec offers, and the codecs there are, by their names in SDP (RFC 3551 section 6)."""

from __future__ import annotations

from typing import Final, Protocol

from offhook.media.audio.samples import Samples
from offhook.media.codecs.g711 import PCMA, PCMU

__all__ = ["CODECS", "AudioCodec", "codec_named"]


class AudioCodec(Protocol):
    """A codec whose RTP clock rate is its sampling rate, mono."""

    @property
    def name(self) -> str:
        """The encoding name of RFC 3551."""

    @property
    def clock_rate(self) -> int:
        """Samples, and timestamp units, a second."""

    def encode(self, samples: Samples) -> bytes:
        """One payload."""

    def decode(self, payload: bytes) -> Samples:
        """The samples of one payload; raises ParseError when it is none."""

    def duration(self, payload: bytes) -> int:
        """How many samples a payload holds, without decoding it; 0 when it holds none."""


CODECS: Final[dict[str, AudioCodec]] = {"PCMU": PCMU, "PCMA": PCMA}


def codec_named(name: str) -> AudioCodec:
    """The codec of an SDP encoding name, in any letter case. Raises KeyError when there is none."""
    return CODECS[name.upper()]
