"""Write requirements.lock: every package for every supported Python, pinned and hashed, naming no registry.

usage: python -m tools.lock [--upgrade]

The file has two parts. The first holds what building and running Offhook needs, the second what developing it needs
besides; `tools/bootstrap.py` installs the first or both. Packages keep their version unless --upgrade is given or
pyproject.toml no longer allows it. Needs `uv`, on PATH or in .venv.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.bootstrap import DEVELOPMENT_MARK, LOCK, ROOT, SetupError

HEAD = """\
# Written by tools/lock.py from pyproject.toml; do not edit. One file for Python 3.11, 3.12 and 3.13.
"""
OPTIONS = (
    "--universal",
    "--python-version=3.11",
    "--fork-strategy=fewest",
    "--generate-hashes",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--quiet",
)


def resolve(uv: str, groups: tuple[str, ...], known: str, upgrade: bool) -> str:
    """What uv makes of pyproject.toml and the groups, keeping the versions in `known` unless `upgrade`."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "lock"
        output.write_text(known, encoding="utf-8")
        command = [uv, "pip", "compile", "pyproject.toml", *OPTIONS, f"--output-file={output}"]
        command += [f"--group={group}" for group in groups]
        if upgrade:
            command.append("--upgrade")
        if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            raise SetupError("uv found no set of versions: see its message above.")
        return output.read_text(encoding="utf-8")


def blocks(lock: str) -> dict[str, str]:
    """The lock's entries, each with its hashes and its reasons, by their first line."""
    found: dict[str, str] = {}
    for block in re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE):
        if block.strip():
            found[block.splitlines()[0]] = block
    return found


def join(everything: str, runtime: str) -> str:
    """The file's two parts: what `runtime` names, then the rest of `everything`."""
    names = {re.split(r"[=\s]", line)[0] for line in blocks(runtime)}
    first: list[str] = []
    second: list[str] = []
    for line, block in blocks(everything).items():
        (first if re.split(r"[=\s]", line)[0] in names else second).append(block)
    return f"{HEAD}\n{''.join(first)}\n{DEVELOPMENT_MARK}\n\n{''.join(second)}"


def main() -> None:
    uv = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".venv/bin"))
    if uv is None:
        raise SetupError("writing the lock needs uv: run `.venv/bin/pip install uv` and try again.")
    known = LOCK.read_text(encoding="utf-8") if LOCK.exists() else ""
    everything = resolve(uv, ("build", "dev"), known, "--upgrade" in sys.argv[1:])
    runtime = resolve(uv, ("build",), everything, upgrade=False)
    LOCK.write_text(join(everything, runtime), encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(f"offhook: {error}")
