"""Sippy's B2BUA from PyPI, in an environment of its own, as a server to measure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.measure import PORT, Failed, Server

__all__ = ["Sippy"]

VERSION = "2.5.0"
FOLDER = Path(__file__).resolve().parent.parent / "build" / "sippy"


class Sippy(Server):
    """Its simplest program, without a log. It keeps no bindings: every call goes to the callee. Raises Failed."""

    name = "sippy"
    probed = False

    def __init__(self) -> None:
        if (FOLDER / "bin" / "b2bua_simple").exists():
            return
        pip = [str(FOLDER / "bin" / "python"), "-m", "pip", "install", "--quiet", f"sippy=={VERSION}"]
        for command in ([sys.executable, "-m", "venv", "--clear", str(FOLDER)], pip):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise Failed(f"sippy cannot be installed: {done.stderr.strip()[-300:]}")

    def command(self, kind: str, folder: Path) -> list[str]:
        program = str(FOLDER / "bin" / "b2bua_simple")
        quiet = ["env", "SIPLOG_BEND=none", "SIPLOG_LVL=CRIT"]
        return [*quiet, program, "-f", "-l", "127.0.0.1", "-p", str(PORT), "-n", "127.0.0.1:5270"]
