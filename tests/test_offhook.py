"""The public names of the package."""

from __future__ import annotations

import subprocess
import sys

import pytest

import offhook


@pytest.mark.parametrize("name", offhook.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(offhook, name).__name__ == name


def test_other_names_are_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        offhook.nothing  # noqa: B018


def test_the_names_are_listed() -> None:
    assert dir(offhook) == sorted(offhook.__all__)


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, offhook; print([name for name in sys.modules if name.startswith('offhook.')])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
