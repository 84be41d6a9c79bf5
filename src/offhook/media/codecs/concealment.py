"""Concealment of lost audio by repetition of the pitch period.

After ITU-T G.711 Appendix I, simplified so that it adds no delay: a gap is filled with the last pitch period, found by
cross-correlation and repeated; from 10 ms on it fades by a fifth every 10 ms, so that after 60 ms there is silence.
The joints are cross-faded over a quarter of the period, and into the audio that follows the gap.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from offhook.media.audio.samples import Samples, silence

__all__ = ["Concealment"]

HIGHEST_PITCH: Final = 200
LOWEST_PITCH: Final = 66
CORRELATED_SECONDS: Final = 0.02
HOLD_SECONDS: Final = 0.01
FADE_SECONDS: Final = 0.05
SPLICE_SECONDS: Final = 0.004

_Floats = NDArray[np.float32]


class Concealment:
    """What stands between received audio and its listener: `heard` what was received, `lost` where nothing was."""

    __slots__ = ("_correlated", "_fade", "_history", "_hold", "_lags", "_period", "_position", "_splice")

    def __init__(self, clock_rate: int) -> None:
        self._lags = (clock_rate // HIGHEST_PITCH, clock_rate // LOWEST_PITCH)
        self._correlated = int(clock_rate * CORRELATED_SECONDS)
        self._hold = int(clock_rate * HOLD_SECONDS)
        self._fade = int(clock_rate * FADE_SECONDS)
        self._splice = int(clock_rate * SPLICE_SECONDS)
        self._history: Samples = silence(self._correlated + self._lags[1])
        self._period: _Floats | None = None
        self._position = 0

    def heard(self, samples: Samples) -> Samples:
        """Audio that was received; after a gap its beginning is faded in from the concealment."""
        if self._period is not None:
            count = min(self._splice, len(samples))
            rise = np.arange(1, count + 1, dtype=np.float32) / (count + 1)
            samples = samples.copy()
            samples[:count] = samples[:count] * rise + self._synthesize(count) * (1 - rise)
            self._period = None
        self._remember(samples)
        return samples

    def lost(self, count: int) -> Samples:
        """`count` samples in place of audio that did not come."""
        synthesized = self._synthesize(count).astype(np.int16)
        self._remember(synthesized)
        return synthesized

    def splice(self) -> None:
        """The next audio does not follow the last: fade it in as after a gap."""
        if self._period is None:
            self._begin()

    @property
    def audible(self) -> int:
        """How many samples of concealment there are before it has faded to silence."""
        return self._hold + self._fade - (0 if self._period is None else min(self._position, self._hold + self._fade))

    def _remember(self, samples: Samples) -> None:
        size = len(self._history)
        if len(samples) >= size:
            self._history = samples[-size:].copy()
        else:
            self._history = np.concatenate((self._history[len(samples) :], samples))

    def _synthesize(self, count: int) -> _Floats:
        if self._period is None:
            self._begin()
        end = self._hold + self._fade
        living = max(0, min(count, end - self._position))
        out = np.zeros(count, dtype=np.float32)
        if living and self._period is not None:
            at = np.arange(self._position, self._position + living)
            gain = np.minimum(1.0, (end - at) / self._fade).astype(np.float32)
            out[:living] = self._period[at % len(self._period)] * gain
        self._position += count
        return out

    def _begin(self) -> None:
        """Take the last pitch period, its end cross-faded with what came before its beginning."""
        history = self._history.astype(np.float32)
        lag = self._pitch(history)
        overlap = lag // 4
        period = history[-lag:].copy()
        rise = np.arange(1, overlap + 1, dtype=np.float32) / (overlap + 1)
        period[-overlap:] = period[-overlap:] * (1 - rise) + history[-lag - overlap : -lag] * rise
        self._period = period
        self._position = 0

    def _pitch(self, history: _Floats) -> int:
        """The lag at which the last 20 ms are most like what came before them."""
        shortest, longest = self._lags
        recent = history[-self._correlated :]
        # Window i lies at the lag longest - i.
        windows = sliding_window_view(history, self._correlated)[: longest - shortest + 1]
        likeness = windows @ recent / np.sqrt(np.einsum("ij,ij->i", windows, windows) + 1.0)
        return longest - int(np.argmax(likeness))
