"""The wheel's build hook: with OFFHOOK_COMPILE=1 the hot packages are compiled by mypyc, else nothing is done.

The compiler works on a copy of the sources, so that no extension module is ever left beside them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

__all__ = ["CompileHook", "compiled_modules"]

ROOT = Path(__file__).resolve().parent.parent
GROUP = "offhook"
COMPILE = """\
import sys
from mypyc.build import mypycify
from setuptools import setup

group, target, *sources = sys.argv[1:]
# No configuration: what `make check` checks strictly is here only compiled.
options = ["--config-file=", "--ignore-missing-imports"]
extensions = mypycify([*options, *sources], opt_level="3", debug_level="0", group_name=group)
for extension in extensions:
    # Nobody else's code takes the place of a function of ours: they may be called directly, and become one.
    extension.extra_compile_args.append("-fvisibility=hidden")
setup(name=group, ext_modules=extensions, script_args=["-q", "build_ext", "--build-lib", target])
"""


def compiled_files() -> list[Path]:
    """The source files that are compiled, relative to `src`, from the list in pyproject.toml.

    A package stands for all its modules. Its `__init__` stays as it is: it runs once.
    """
    with (ROOT / "pyproject.toml").open("rb") as file:
        names = tomllib.load(file)["tool"]["hatch"]["build"]["hooks"]["custom"]["compiled"]
    package = ROOT / "src" / "offhook"
    found: set[Path] = set()
    for name in names:
        place = package.joinpath(*name.split("."))
        found.update(file for file in place.rglob("*.py") if file.name != "__init__.py")
        found.update(place.parent.glob(f"{place.name}.py"))
    return sorted(file.relative_to(ROOT / "src") for file in found)


def compiled_modules() -> list[str]:
    """The names of the modules that are compiled."""
    return [".".join(file.with_suffix("").parts) for file in compiled_files()]


class CompileHook(BuildHookInterface[Any]):
    """Adds the extension modules to a wheel."""

    PLUGIN_NAME = "custom"

    def wanted(self) -> bool:
        return self.target_name == "wheel" and os.environ.get("OFFHOOK_COMPILE") == "1"

    def dependencies(self) -> list[str]:
        """What an isolated build needs besides hatchling."""
        return ["mypy>=1.15", "setuptools>=77"] if self.wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or not self.wanted():
            return
        self._folder = tempfile.TemporaryDirectory(prefix="offhook-compile-")
        folder = Path(self._folder.name)
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        sources = [str(file) for file in compiled_files()]
        command = [sys.executable, "-c", COMPILE, GROUP, str(folder / "lib"), *sources]
        if subprocess.run(command, cwd=folder / "src", check=False).returncode != 0:
            self.app.abort("mypyc refused the sources: see above")
        for extension in (folder / "lib").rglob("*.so"):
            build_data["force_include"][str(extension)] = str(extension.relative_to(folder / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self.wanted():
            self._folder.cleanup()
