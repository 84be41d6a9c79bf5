"""Tones: making them, and measuring how far one stands above all else."""

from __future__ import annotations

from math import log10
from typing import Final

import numpy as np

from offhook.media.audio.samples import Samples

__all__ = ["level", "sine", "tone_above_rest", "tone_level"]

FULL_SCALE: Final = 32767.0
BANDWIDTH: Final = 100.0
_FLOOR: Final = 1e-12


def sine(frequency: float, seconds: float, *, rate: int = 8000, dbfs: float = -10.0) -> Samples:
    """A sine of `frequency` Hz; `dbfs` is its peak in decibels relative to full scale."""
    times = np.arange(round(seconds * rate)) / rate
    wave = FULL_SCALE * 10 ** (dbfs / 20) * np.sin(2 * np.pi * frequency * times)
    return np.rint(wave).astype(np.int16)


def level(samples: Samples) -> float:
    """The power in dB; a sine at full scale has 0, silence -inf or near it."""
    if not len(samples):
        return -float("inf")
    return _decibels(2 * float(np.mean(np.square(samples / FULL_SCALE))))


def tone_level(samples: Samples, frequency: float, *, rate: int = 8000) -> float:
    """The power within 50 Hz around `frequency`, in dB as `level` counts."""
    if not len(samples):
        return -float("inf")
    tone, rest = _split(samples, frequency, rate)
    return level(samples) + _decibels(tone) - _decibels(tone + rest)


def tone_above_rest(samples: Samples, frequency: float, *, rate: int = 8000) -> float:
    """How many dB the power within 50 Hz around `frequency` stands above all other power together.

    A constant offset counts as other power. Breaks in the phase, such as a jitter buffer makes, fall within the band.
    """
    if not len(samples):
        return -float("inf")
    tone, rest = _split(samples, frequency, rate)
    return _decibels(tone) - _decibels(rest)


def _split(samples: Samples, frequency: float, rate: int) -> tuple[float, float]:
    """The power in the band around a frequency, and outside of it, in the same arbitrary unit."""
    spectrum = np.fft.rfft(samples / FULL_SCALE * np.hanning(len(samples)))
    power = np.square(np.abs(spectrum))
    distance = np.abs(np.fft.rfftfreq(len(samples), 1 / rate) - frequency)
    tone = float(power[distance <= BANDWIDTH / 2].sum())
    return tone, float(power.sum()) - tone


def _decibels(power: float) -> float:
    return 10 * log10(max(power, _FLOOR))
