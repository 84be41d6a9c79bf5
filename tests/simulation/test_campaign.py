from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.simulation import campaign
from tests.simulation.campaign import EACH, Outcome, build, main

played: list[int] = []


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No seed is really played: those that end in 7 have a fault, and 13 cannot be played at all."""

    def run_seeds(seeds: Iterable[int], jobs: int, done: Callable[[Outcome], None]) -> None:
        for seed in seeds:
            if seed == 13:
                raise KeyboardInterrupt
            played.append(seed)
            done(Outcome(seed, 2.5, {"call": EACH}, ["it fell over"] if seed % 10 == 7 else []))

    played.clear()
    monkeypatch.setattr(campaign, "FOLDER", tmp_path)
    monkeypatch.setattr(campaign, "commit", lambda: "0123456789ab")
    monkeypatch.setattr(campaign, "run_seeds", run_seeds)


def test_the_summary_names_the_commit_and_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--calls", "3000", "--first", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"simulation of commit 0123456789ab, {build()}"
    assert lines[1].split() == ["3,000", "call"]
    assert lines[-1] == "3,000 of 3,000 calls, 2.5 ms of CPU each, 0 faults, 8 s of CPU, 3 seeds"


def test_what_was_stopped_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt):
        main(["--calls", "10000", "--first", "10"])
    assert played == [10, 11, 12]
    assert main(["--calls", "3000", "--first", "10"]) == 0
    assert played == [10, 11, 12]
    assert main(["--calls", "3000", "--first", "10", "--again"]) == 0
    assert played == [10, 11, 12, 10, 11, 12]
    assert "3,000 of 3,000 calls, 2.5 ms of CPU each, 0 faults, from before" in capsys.readouterr().out


def test_a_line_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    main(["--calls", "2000", "--first", "1"])
    [kept] = tmp_path.iterdir()
    assert kept.name == f"0123456789ab-{build()}.jsonl"
    kept.write_text(kept.read_text()[:-10])
    for _ in range(2):
        main(["--calls", "2000", "--first", "1"])
    assert played == [1, 2, 2]


def test_a_fault_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert main(["--calls", "1000", "--first", "7"]) == 1
        assert "it fell over" in capsys.readouterr().out
    assert played == [7]


def test_what_is_no_commit_is_kept_by_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "commit", lambda: "0123456789ab-dirty")
    main(["--calls", "1000"])
    assert list(tmp_path.iterdir()) == []
