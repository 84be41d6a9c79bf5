from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import guard
from bench.guard import difference
from bench.loads import Load
from bench.measure import Failed, Offhook, Sample


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


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[list[float]], int]:
    """The guard's status where the work costs so many microseconds now, round by round, and 100 before."""

    def guard_with(costs: list[float]) -> int:
        left = list(costs)

        def round_of(server: Offhook, load: Load, seconds: float) -> Sample:
            return Sample(1e-6 * (100 if server.name == "reference" else left.pop(0)), 0.0, 0, 0, [])

        monkeypatch.setattr(sys, "argv", ["guard", "--only", "REGISTER", "--rounds", "2"])
        monkeypatch.setattr(guard, "reference", lambda commit: tmp_path)
        monkeypatch.setattr(guard, "round_of", round_of)
        monkeypatch.setattr(guard, "profiled", lambda name, *_: {"grown": 1e-6 if name == "reference" else 9e-6})
        return guard.main()

    return guard_with


def test_what_is_dearer_fails_and_what_grew_is_shown(
    guarded: Callable[[list[float]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded([116, 130, 117, 116]) == 1
    printed = capsys.readouterr().out
    assert "| REGISTER | 100 | 116 | 1.16 |" in printed
    assert "| grown | 1.0 | 9.0 | 8.0 |" in printed


@pytest.mark.parametrize("costs", [[200, 114], [130, 120, 118, 114]])
def test_the_least_counts_and_a_second_series_acquits(
    guarded: Callable[[list[float]], int], costs: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(costs) == 0
    assert "grown" not in capsys.readouterr().out
