from __future__ import annotations

import time
from pathlib import Path

import pytest

from tools import soak
from tools.bootstrap import SetupError


@pytest.fixture
def soaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with two soaks, one of which fails."""
    folder = tmp_path / "tests/soak"
    folder.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = soak\n")
    for name, line in (("calls", "pass"), ("memory", "assert False")):
        (folder / f"test_{name}.py").write_text(f"import pytest\n@pytest.mark.soak\ndef test_it(): {line}\n")
    monkeypatch.setattr(soak, "ROOT", tmp_path)
    monkeypatch.setattr(soak, "commit", lambda: "0123456789ab")
    return folder


def is_running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_all_soaks_are_run_and_summed_up(soaks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main([]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "soaks of commit 0123456789ab"
    assert lines[1].startswith("calls: passed (")
    assert lines[2].startswith("memory: failed: pytest ended with 1 (")
    assert lines[3] == "1 passed, 1 failed"


def test_one_soak_is_run_by_its_name(soaks: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["calls"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_nothing_that_a_soak_started_goes_on_after_it(soaks: Path, tmp_path: Path) -> None:
    (soaks / "test_calls.py").write_text(
        "import pathlib, subprocess, pytest\n"
        "@pytest.mark.soak\n"
        "def test_it():\n"
        "    left = subprocess.Popen(['sleep', '600'])\n"
        f"    pathlib.Path({str(tmp_path / 'pid')!r}).write_text(str(left.pid))\n"
    )
    assert soak.main(["calls"]) == 0
    end = time.monotonic() + 20.0
    while is_running((tmp_path / "pid").read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_time_runs_out(soaks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(soak, "TIME_FOR_ALL", 0.0)
    assert soak.main(["calls"]) == 1
    assert "calls: failed: out of time" in capsys.readouterr().out


def test_an_unknown_soak_names_those_that_are_there(soaks: Path) -> None:
    with pytest.raises(SetupError, match="no soak is named calsl; there are: calls, memory"):
        soak.main(["calsl"])


def test_a_tree_without_soaks_says_so(soaks: Path) -> None:
    for file in soaks.iterdir():
        file.unlink()
    with pytest.raises(SetupError, match="holds no soak"):
        soak.main([])
