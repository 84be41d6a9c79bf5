from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools import debian


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "policy-rc.d"
    monkeypatch.setattr(debian, "POLICY", file)
    return file


def test_services_are_kept_from_starting_meanwhile(policy: Path) -> None:
    with debian.services_stopped():
        assert os.waitstatus_to_exitcode(os.system(str(policy))) == 101
    assert not policy.exists()


def test_the_policy_is_removed_after_a_failure_too(policy: Path) -> None:
    with pytest.raises(KeyboardInterrupt), debian.services_stopped():
        raise KeyboardInterrupt
    assert not policy.exists()


def test_a_policy_of_the_machine_is_left_alone(policy: Path) -> None:
    policy.write_text("its own")
    with debian.services_stopped():
        pass
    assert policy.read_text() == "its own"


def test_programs_are_found_in_the_system_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "sipp"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(debian, "SEARCH_PATH", str(tmp_path))
    assert debian.program("sipp") == str(program)
    assert debian.program("baresip") is None
    assert debian.package_of("sipp") == "sip-tester"
    assert debian.package_of("unheard-of") == "unheard-of"
    assert "baresip" in debian.missing_peers()
    assert "sip-tester" not in debian.missing_peers()


def test_modules_are_looked_for_beside_their_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "LIBRARIES", tmp_path)
    assert "kamailio-tls-modules" in debian.missing_peers()
    modules = tmp_path / "some-machine" / "kamailio" / "modules"
    modules.mkdir(parents=True)
    (modules / "tls.so").touch()
    assert "kamailio-tls-modules" not in debian.missing_peers()


def test_nothing_is_installed_without_the_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert debian.install(["baresip"]) is False


@pytest.mark.parametrize("works", [True, False])
def test_packages_are_installed_by_apt_get(
    works: bool, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    apt = tmp_path / "apt-get"
    apt.write_text(f'#!/bin/sh\necho "$@" >>{log}\ntest -e {policy} || exit 9\n{"exit 0" if works else "exit 100"}\n')
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert debian.install(["sipsak", "baresip"]) is works
    lines = log.read_text().splitlines()
    assert lines[0].split()[0] == "update"
    assert not policy.exists()
    if works:
        assert lines[1].split()[0] == "install"
        assert lines[1].split()[-2:] == ["sipsak", "baresip"]
