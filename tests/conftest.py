"""What holds for every test: nothing is skipped in CI, real peers are named where they are missing, and the tests run
against the build that was asked for.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from importlib import import_module
from pathlib import Path

import hypothesis
import pytest

import offhook
from tools import debian
from tools.build_hook import compiled_modules

pytest_plugins = ["pytester"]

CI = os.environ.get("CI") == "true"
EXPECT_COMPILED = os.environ.get("OFFHOOK_EXPECT_COMPILED") == "1"
TREE_MARKERS = ("interop", "soak")

# Programs under test buffer what they print, as they do for people.
os.environ.pop("PYTHONUNBUFFERED", None)

# A slow machine is no failure, and in CI every run sees the same examples.
hypothesis.settings.register_profile("offhook", deadline=None, derandomize=CI)
hypothesis.settings.load_profile("offhook")


def pytest_sessionstart() -> None:
    """Refuse to run against the wrong build: a stale or missing extension module would prove nothing."""
    if EXPECT_COMPILED:
        wrong = [name for name in compiled_modules() if not is_extension(loaded_from(name))]
    else:
        wrong = [str(file) for path in offhook.__path__ for file in Path(path).rglob("*") if is_extension(file.name)]
    if wrong:
        wanted = "compiled" if EXPECT_COMPILED else "pure"
        raise pytest.UsageError(f"this run is for the {wanted} build, but see {wrong[0]} and {len(wrong) - 1} others")


def loaded_from(name: str) -> str:
    try:
        return import_module(name).__file__ or ""
    except ModuleNotFoundError:
        return ""


def is_extension(name: str) -> bool:
    return name.endswith((".so", ".pyd"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A folder that bears a marker's name marks its tests."""
    for item in items:
        for marker in TREE_MARKERS:
            if marker in item.path.parts and item.get_closest_marker(marker) is None:
                item.add_marker(marker)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip an interop test whose programs or rights are missing, and say what to ask for."""
    marker = item.get_closest_marker("interop")
    if marker is None:
        return
    packages = sorted({debian.package_of(name) for name in marker.args if debian.program(name) is None})
    if packages:
        pytest.skip(f"needs the Debian packages {', '.join(packages)}")
    if marker.kwargs.get("root") and os.geteuid() != 0:
        pytest.skip("needs root, for a network namespace")


def fail_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI a skipped test is a failure that gives the skip's reason."""
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"nothing may be skipped with CI=true: {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    fail_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    fail_skipped(report)
    return report
