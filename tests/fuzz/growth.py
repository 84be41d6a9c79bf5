"""Whether a process that reads one input after the other keeps something of each."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from resource import getpagesize
from typing import Final

__all__ = ["MOST_BLOCKS", "MOST_OCTETS", "Sample", "growth", "sample"]

MOST_BLOCKS: Final = 15_000
"""By so many blocks of memory a process may have grown; what is remembered of lines, URIs and layouts is bounded."""
MOST_OCTETS: Final = 12 << 20
"""The same for its resident memory, which comes back in large pieces only."""

Sample = tuple[int, int]
"""Blocks of Python's allocator in use, and octets of resident memory."""


def sample() -> Sample:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return sys.getallocatedblocks(), pages * getpagesize()


def growth(samples: Sequence[Sample]) -> Sample:
    """By how much a process has grown, from the second third of its samples to the last.

    The first third is left out: there everything is seen for the first time. What counts is the lowest of each, for
    what is remembered is thrown away as a whole from time to time.
    """
    third = len(samples) // 3
    middle, end = samples[third : 2 * third], samples[2 * third :]
    if not middle:
        return 0, 0
    return min(one[0] for one in end) - min(one[0] for one in middle), min(one[1] for one in end) - min(
        one[1] for one in middle
    )
