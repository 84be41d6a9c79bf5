"""The form of audio between the parts of the program."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Samples", "silence"]

Samples: TypeAlias = NDArray[np.int16]
"""Linear mono audio: one dimension, int16, full scale at 32767. Its rate is said by whoever hands it over."""


def silence(count: int) -> Samples:
    """`count` samples of silence."""
    return np.zeros(count, dtype=np.int16)
