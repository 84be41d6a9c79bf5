"""What the lock file promises, and how it is put together."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from tools.bootstrap import DEVELOPMENT_MARK, LOCK, ROOT, SUPPORTED
from tools.lock import blocks, join

EVERYTHING = """\
alpha==1.0 \\
    --hash=sha256:aa
    # via offhook (pyproject.toml)
beta==2.0 ; python_full_version < '3.12' \\
    --hash=sha256:bb
    # via offhook (pyproject.toml:dev)
beta==3.0 ; python_full_version >= '3.12' \\
    --hash=sha256:cc
gamma==1.0 \\
    --hash=sha256:dd
"""


@pytest.fixture(scope="module")
def parts() -> tuple[list[Requirement], list[Requirement]]:
    """What runs Offhook, and what develops it besides."""
    runtime, mark, development = LOCK.read_text(encoding="utf-8").partition(DEVELOPMENT_MARK)
    assert mark
    return requirements(runtime), requirements(development)


def requirements(part: str) -> list[Requirement]:
    return [Requirement(line.rstrip("\\ ")) for line in blocks(part) if not line.startswith("#")]


def wanted(*groups: str) -> list[Requirement]:
    """What pyproject.toml asks for: its dependencies, or those of its groups."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)
    if not groups:
        return [Requirement(text) for text in project["project"]["dependencies"]]
    found: list[Requirement] = []
    for group in groups:
        for entry in project["dependency-groups"][group]:
            found += wanted(entry["include-group"]) if isinstance(entry, dict) else [Requirement(entry)]
    return found


def missing(asked: list[Requirement], locked: list[Requirement]) -> list[str]:
    versions = {each.name: next(iter(each.specifier)).version for each in locked}
    return [each.name for each in asked if versions.get(each.name, "0") not in each.specifier]


def test_running_needs_only_the_first_part(parts: tuple[list[Requirement], list[Requirement]]) -> None:
    assert missing([*wanted(), *wanted("build")], parts[0]) == []
    names = {each.name for each in parts[0]}
    assert not names & {each.name for each in parts[1]}
    assert not names & {"pytest", "mypy", "ruff", "sphinx"}


def test_developing_needs_no_more_than_both_parts(parts: tuple[list[Requirement], list[Requirement]]) -> None:
    assert missing(wanted("dev"), [*parts[0], *parts[1]]) == []


def test_every_package_is_pinned_and_hashed_once_for_each_python(
    parts: tuple[list[Requirement], list[Requirement]],
) -> None:
    for block in blocks(LOCK.read_text(encoding="utf-8")).values():
        if not block.startswith("#"):
            assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block
    for version in SUPPORTED:
        environment = {"python_version": version, "python_full_version": f"{version}.0", "sys_platform": "linux"}
        here = [each for part in parts for each in part if each.marker is None or holds(each.marker, environment)]
        names = [each.name for each in here]
        assert len(names) == len(set(names))
        assert all(str(each.specifier).startswith("==") for each in here)


def holds(marker: Marker, environment: dict[str, str]) -> bool:
    return marker.evaluate(environment)


def test_the_lock_names_no_registry() -> None:
    text = LOCK.read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*--(?!hash)", text, flags=re.MULTILINE)


def test_joining_puts_the_runtime_first() -> None:
    joined = join(EVERYTHING, "beta==3.0 \\\n    --hash=sha256:cc\n")
    first, _, second = joined.partition(DEVELOPMENT_MARK)
    assert re.findall(r"^(\w+==\S+)", first, flags=re.MULTILINE) == ["beta==2.0", "beta==3.0"]
    assert re.findall(r"^(\w+==\S+)", second, flags=re.MULTILINE) == ["alpha==1.0", "gamma==1.0"]
    assert joined.count("--hash=") == EVERYTHING.count("--hash=")
