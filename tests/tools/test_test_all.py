from __future__ import annotations

from pathlib import Path

import pytest

from tools import test_all as runner


def python(folder: Path, name: str, answer: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{answer}\n")
    program.chmod(0o755)
    return program


def test_the_first_python_that_starts_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, shims, system = tmp_path / "home", tmp_path / "shims", tmp_path / "bin"
    python(shims, "python3.12", "echo 'python3.12: command not found' >&2; exit 127")
    python(shims, "python3.13", "echo 3.13")
    wanted_311 = python(system, "python3", "echo 3.11")
    python(system, "python3.11", "echo 3.11")
    python(system, "python3-config", "echo 3.12")
    python(system, "python3.9", "echo 3.9")
    wanted_312 = python(home / ".pyenv/versions/3.12.1/bin", "python3.12", "echo 3.12")
    python(home / ".pyenv/versions/3.13.0/bin", "python3.13", "echo 3.13")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{shims}:{tmp_path / 'missing'}:{system}")
    assert runner.interpreters() == {"3.11": wanted_311, "3.12": wanted_312, "3.13": shims / "python3.13"}


def test_a_missing_python_fails_when_it_is_required(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runner, "interpreters", lambda: {"3.12": Path("python3.12")})
    monkeypatch.setattr(runner, "prepare", lambda *_, **__: Path("venv"))
    monkeypatch.setattr(runner, "passes", lambda *_, **__: True)
    assert runner.main([]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Python 3.11: not found",
        "Python 3.12: passed",
        "Python 3.13: not found",
    ]
    assert runner.main(["--require", "3.12,3.13"]) == 1
    assert "Python 3.13: failed: not found" in capsys.readouterr().out


@pytest.mark.parametrize(("which", "targets"), [("unit", ["compiled"]), ("all", ["test", "compiled"])])
@pytest.mark.parametrize("chosen", ["", "python3.12"])
def test_the_compiled_build_has_all_that_its_tests_need(
    which: str, targets: list[str], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment that was there before stays the one of its own Python."""
    prepared: list[tuple[str, bool]] = []

    def prepare(python: Path, target: str, chosen: bool) -> Path:
        prepared.append((target, chosen))
        return Path("venv")

    monkeypatch.setenv("PYTHON", chosen)
    monkeypatch.setattr(runner, "interpreters", dict)
    monkeypatch.setattr(runner, "prepare", prepare)
    monkeypatch.setattr(runner, "passes", lambda *_, **__: True)
    assert runner.main(["--compiled", which]) == 0
    assert prepared == [(target, chosen != "") for target in targets]


def test_the_version_that_was_tested_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prepared: list[Path] = []

    def prepare(python: Path, target: str, chosen: bool) -> Path:
        prepared.append(python)
        return Path("venv")

    monkeypatch.setattr(runner, "VERSION", "3.12")
    monkeypatch.setattr(runner, "interpreters", lambda: {"3.11": Path("other"), "3.12": Path("mine")})
    monkeypatch.setattr(runner, "prepare", prepare)
    monkeypatch.setattr(runner, "passes", lambda *_, **__: True)
    assert runner.main(["--require", "3.11,3.12", "--others"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Python 3.11: passed",
        "Python 3.12: tested before",
        "Python 3.13: not found",
    ]
    assert prepared == [Path("other")]


@pytest.mark.parametrize(("chosen", "selection"), [("unit", runner.UNIT), ("all", runner.WHOLE)])
def test_the_compiled_build_is_tested_too(chosen: str, selection: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, bool]] = []

    def passes(venv: Path | None, jobs: str, selection: str, compiled: bool) -> bool:
        calls.append((selection, compiled))
        return False

    monkeypatch.setattr(runner, "interpreters", dict)
    monkeypatch.setattr(runner, "prepare", lambda *_, **__: Path("venv"))
    monkeypatch.setattr(runner, "passes", passes)
    assert runner.main(["--compiled", chosen]) == 1
    assert calls == [(selection, True)]
