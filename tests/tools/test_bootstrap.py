from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from tools import bootstrap, debian
from tools.bootstrap import DEVELOPMENT_MARK, VERSION, SetupError

LOCK = f"runs==1.0\n\n{DEVELOPMENT_MARK}\n\ndevelops==1.0\n"


class Recorder:
    """Stands for pip: keeps what was asked of it and what the requirement files said."""

    def __init__(self) -> None:
        self.installed: list[str] = []

    def run(self, command: list[str], failure: str, **environment: str) -> None:
        if "venv" in command:
            assert "--clear" in command
            folder = Path(command[-1])
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "bin").mkdir(parents=True)
            (folder / "bin/python").touch()
        elif "-r" in command:
            assert "--require-hashes" in command
            self.installed.append(Path(command[-1]).read_text(encoding="utf-8"))
        elif "--editable" in command:
            self.installed.append("offhook")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "requirements.lock").write_text(LOCK)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.delenv("PYTHON", raising=False)
    return tmp_path


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(bootstrap, "run", recorder.run)
    return recorder


def test_running_installs_the_first_part_and_nothing_twice(tree: Path, pip: Recorder) -> None:
    assert bootstrap.prepare("run") == tree / ".venv"
    assert pip.installed == ["runs==1.0\n\n", "offhook"]
    bootstrap.prepare("run")
    assert len(pip.installed) == 2


def test_developing_adds_the_second_part(tree: Path, pip: Recorder) -> None:
    bootstrap.prepare("run")
    bootstrap.prepare("develop")
    assert pip.installed == ["runs==1.0\n\n", "offhook", LOCK]
    bootstrap.prepare("run")
    bootstrap.prepare("develop")
    assert len(pip.installed) == 3


def test_a_new_lock_is_installed_as_far_as_the_old_one_was(tree: Path, pip: Recorder) -> None:
    bootstrap.prepare("develop")
    (tree / "requirements.lock").write_text(LOCK.replace("1.0", "2.0"))
    bootstrap.prepare("run")
    assert pip.installed == [LOCK, "offhook", LOCK.replace("1.0", "2.0")]


def test_a_changed_project_is_installed_again(tree: Path, pip: Recorder) -> None:
    bootstrap.prepare("run")
    (tree / "pyproject.toml").write_text("[project]\nname = 'offhook'\n")
    bootstrap.prepare("run")
    assert pip.installed[2:] == ["offhook"]


@pytest.mark.parametrize("stamp", ['{"version": "3.10"}', None])
def test_an_environment_of_another_python_or_hand_is_made_anew(stamp: str | None, tree: Path, pip: Recorder) -> None:
    bootstrap.prepare("run")
    file = tree / ".venv/offhook-stamp.json"
    (tree / ".venv/old").touch()
    file.unlink() if stamp is None else file.write_text(stamp)
    bootstrap.prepare("run")
    assert not (tree / ".venv/old").exists()
    assert pip.installed == ["runs==1.0\n\n", "offhook"] * 2


def test_an_environment_whose_python_is_gone_is_made_anew(tree: Path, pip: Recorder) -> None:
    bootstrap.prepare("run")
    (tree / ".venv/bin/python").unlink()
    bootstrap.prepare("run")
    assert pip.installed == ["runs==1.0\n\n", "offhook"] * 2


def test_a_chosen_python_has_its_own_environment(tree: Path, pip: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", sys.executable)
    assert bootstrap.prepare("run") == tree / ".venvs" / VERSION


def test_a_chosen_python_that_is_the_usual_one_shares_its_environment(
    tree: Path, pip: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    bootstrap.prepare("run")
    monkeypatch.setenv("PYTHON", sys.executable)
    assert bootstrap.prepare("run") == tree / ".venv"


def test_one_sentence_asks_for_venv(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "find_spec", lambda _: None)
    monkeypatch.setattr(debian, "install", lambda _: False)
    with pytest.raises(SetupError, match=r"^python3-venv is missing: ask for it .*\.$"):
        bootstrap.prepare("run")


def test_one_sentence_asks_for_a_compiler(tree: Path, pip: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tree)})
    monkeypatch.setattr(debian, "install", lambda _: False)
    with pytest.raises(SetupError, match=rf"apt-get install gcc libc6-dev python{VERSION}-dev\.$"):
        bootstrap.prepare("wheel")


def test_missing_peers_are_named_and_nothing_fails(
    tree: Path, pip: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(debian, "missing_peers", lambda: ["baresip", "sip-tester"])
    monkeypatch.setattr(debian, "install", lambda _: False)
    bootstrap.prepare("test")
    assert "interop tests will be skipped" in capsys.readouterr().err


def test_an_older_python_hands_over_to_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(sys, "argv", ["bootstrap", "run"])
    monkeypatch.setattr(sys, "version_info", (3, 9))
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"bin/{name}" if name == "python3.12" else None)
    monkeypatch.setattr(os, "execv", lambda _, arguments: calls.append(arguments))
    monkeypatch.setattr(bootstrap, "prepare", lambda _: bootstrap.ROOT)
    bootstrap.main()
    assert calls == [["bin/python3.12", "-m", "tools.bootstrap", "run"]]
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(SetupError, match=r"Python 3\.11 or newer is missing"):
        bootstrap.main()


def test_an_unknown_target_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["bootstrap", "rnu"])
    with pytest.raises(SystemExit, match="usage"):
        bootstrap.main()


def test_a_failed_command_shows_what_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SetupError, match="pip could not install the packages: see above"):
        bootstrap.run(["sh", "-c", "echo no such package; exit 1"], "pip could not install the packages")
    assert "no such package" in capsys.readouterr().err
