"""G.711: PCMU (mu-law) and PCMA (A-law), as ITU-T G.191's reference code defines them, by tables.

Every 16-bit sample has one code and every code one sample, so that coding is one look-up for each sample.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from offhook.media.audio.samples import Samples

__all__ = ["PCMA", "PCMU", "G711Codec"]

_MU_BIAS: Final = 33


def _mu_law_codes() -> NDArray[np.uint8]:
    """The mu-law code of each 16-bit sample, indexed by its 16 bits unsigned (G.711 table 2, G.191 ulaw_compress)."""
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    # 14 bits; the one's complement gives negative samples the same decision values as positive ones.
    magnitude = np.minimum((np.where(samples < 0, ~samples, samples) >> 2) + _MU_BIAS, 0x1FFF)
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 4
    code: NDArray[np.int32] = (8 - segment) << 4 | 15 - (magnitude >> segment & 15)
    return np.where(samples >= 0, code | 0x80, code).astype(np.uint8)


def _mu_law_samples() -> Samples:
    """The sample of each mu-law code (G.711 table 2, G.191 ulaw_expand)."""
    codes = ~np.arange(256, dtype=np.int32)
    step = 4 << ((codes >> 4 & 7) + 1)
    magnitude = (0x80 << (codes >> 4 & 7)) + step * (codes & 15) + step // 2 - 4 * _MU_BIAS
    return np.where(codes & 0x80, -magnitude, magnitude).astype(np.int16)


def _a_law_codes() -> NDArray[np.uint8]:
    """The A-law code of each 16-bit sample, indexed by its 16 bits unsigned (G.711 table 1, G.191 alaw_compress)."""
    samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
    # 13 bits.
    magnitude = np.where(samples < 0, ~samples, samples) >> 4
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 3, 0)
    code = np.where(segment == 0, magnitude, segment << 4 | magnitude >> np.maximum(segment - 1, 0) & 15)
    return (np.where(samples >= 0, code | 0x80, code) ^ 0x55).astype(np.uint8)


def _a_law_samples() -> Samples:
    """The sample of each A-law code (G.711 table 1, G.191 alaw_expand)."""
    codes = np.arange(256, dtype=np.int32) ^ 0x55
    segment = codes >> 4 & 7
    mantissa = (codes & 15) << 4 | 8
    magnitude = np.where(segment == 0, mantissa, mantissa + 0x100 << np.maximum(segment - 1, 0))
    return np.where(codes & 0x80, magnitude, -magnitude).astype(np.int16)


class G711Codec:
    """One of the two laws at 8000 Hz: an octet for each sample."""

    __slots__ = ("_codes", "_samples", "clock_rate", "name")

    def __init__(self, name: str, codes: NDArray[np.uint8], samples: Samples) -> None:
        self.name = name
        self.clock_rate = 8000
        self._codes = codes
        self._samples = samples

    def encode(self, samples: Samples) -> bytes:
        """An octet for each sample."""
        return self._codes[np.ascontiguousarray(samples).view(np.uint16)].tobytes()

    def decode(self, payload: bytes) -> Samples:
        """A sample for each octet; every octet is a code."""
        return self._samples[np.frombuffer(payload, dtype=np.uint8)]

    def duration(self, payload: bytes) -> int:
        """As many samples as octets."""
        return len(payload)


PCMU: Final = G711Codec("PCMU", _mu_law_codes(), _mu_law_samples())
PCMA: Final = G711Codec("PCMA", _a_law_codes(), _a_law_samples())
