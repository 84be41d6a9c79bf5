"""The form of audio between the parts of the program."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Samples", "check_samples", "silence"]

Samples: TypeAlias = NDArray[np.int16]
"""Linear mono audio: one dimension, int16, full scale at 32767. Its rate is said by whoever hands it over."""


def silence(count: int) -> Samples:
    """`count` samples of silence."""
    return np.zeros(count, dtype=np.int16)


def check_samples(audio: object) -> None:
    """Raises ValueError for what is not `Samples`, such as the floats that other programs read files into."""
    if not isinstance(audio, np.ndarray):
        raise ValueError(f"not mono samples of int16: {type(audio).__name__}")
    if audio.ndim != 1 or audio.dtype != np.int16:
        raise ValueError(f"not mono samples of int16: {audio.ndim} dimensions of {audio.dtype}")
