from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import guard
from bench.guard import difference
from bench.measure import Failed


def test_what_has_grown_most_comes_first() -> None:
    before, now = {"a": 1e-6, "b": 2e-6, "gone": 1e-6}, {"a": 4e-6, "b": 2e-6, "new": 2e-6}
    assert difference(before, now).splitlines()[2:] == [
        "| a | 1.0 | 4.0 | 3.0 |",
        "| new | 0.0 | 2.0 | 2.0 |",
        "| b | 2.0 | 2.0 | 0.0 |",
        "| gone | 1.0 | 0.0 | -1.0 |",
    ]


def test_the_reference_is_a_whole_commit() -> None:
    assert re.fullmatch(r"[0-9a-f]{40}\n", (Path(guard.__file__).parent / "REFERENCE").read_text())


def test_a_commit_that_is_not_there_is_named() -> None:
    with pytest.raises(Failed, match=r"no commit 0{40} here"):
        guard.reference("0" * 40)
