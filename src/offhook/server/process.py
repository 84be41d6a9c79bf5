"""What a server asks of its process: descriptors, an allocator that gives back, a collector that leaves it alone."""

from __future__ import annotations

import ctypes
import gc
import resource
from typing import Final

__all__ = ["ask_for_descriptors", "keep_large_blocks_apart", "leave_standing"]

MOST_DESCRIPTORS: Final = 65536
"""Open files and connections that we ask the system for, at most."""
LARGE_BLOCK: Final = 128 * 1024
"""Octets from which on a block of memory has pages of its own: glibc's own first choice."""
M_MMAP_THRESHOLD: Final = -3
"""As <malloc.h> numbers it."""
COLLECT_AFTER: Final = 20_000
"""New objects after which the collector looks at the youngest."""


def ask_for_descriptors() -> None:
    """Let as many connections stand as the system allows; its first limit, often 1024, is for users of `select`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def keep_large_blocks_apart() -> bool:
    """Have large blocks of memory given back to the system as soon as they are free; whether the C library can.

    The tables of transactions take megabytes, and move to new ones again and again while calls come and go. When glibc
    has seen a large block freed, it takes the next one from the heap of the small ones; what a table leaves there is
    soon dotted with messages, and the next table goes on top: the process grows by megabytes though nothing is kept.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK) == 1


def leave_standing() -> None:
    """Have the collector leave alone what stands now, and look seldom at what comes.

    What calls leave behind is not circular, so that it would find next to nothing, and the objects of the calls under
    way are many.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)
