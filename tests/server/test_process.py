"""What a server asks of its process."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

from offhook.server.process import ask_for_descriptors

CHURN = """
import ctypes
from offhook.server.process import keep_large_blocks_apart

{first}
heap = ctypes.CDLL(None).sbrk
heap.restype, heap.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
kept = []
table = bytes(1 << 20)
begun = heap(0)
for _ in range(20):
    table = bytes(1 << 20)
    kept.append(bytes(4096))
print(heap(0) - begun)
"""
"""Prints the octets by which the heap of small blocks grows while a table moves, among what is kept."""


def _growth(first: str) -> int:
    done = subprocess.run([sys.executable, "-c", CHURN.format(first=first)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep their blocks otherwise")
def test_a_table_that_moves_leaves_no_holes() -> None:
    assert _growth("") > 1 << 20
    assert _growth("assert keep_large_blocks_apart()") < 1 << 20


def test_as_many_descriptors_as_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        ask_for_descriptors()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(before[1], 65536), before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
