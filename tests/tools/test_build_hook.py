from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tools.bootstrap import ROOT
from tools.build_hook import compiled_files, compiled_modules


def test_a_package_stands_for_its_modules() -> None:
    modules = compiled_modules()
    assert {"offhook.clock", "offhook.sip.parser", "offhook.sip.headers.via", "offhook.stack"} <= set(modules)
    assert len(modules) == len(set(modules))
    assert all((ROOT / "src" / file).is_file() for file in compiled_files())


def test_what_is_not_listed_stays_interpreted() -> None:
    modules = compiled_modules()
    assert not {"offhook", "offhook.sip", "offhook.errors", "offhook.transport.udp"} & set(modules)
    assert not [name for name in modules if name.startswith(("offhook.media.audio", "offhook.cli", "offhook.testing"))]


def test_a_plain_wheel_is_pure(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "OFFHOOK_COMPILE"}
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.endswith("-py3-none-any.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"offhook/__init__.py", "offhook/py.typed", "offhook/sip/parser.py"} <= set(names)
    assert not [name for name in names if name.endswith((".so", ".pyc")) or name.startswith(("tests", "tools"))]
