"""Make the environment that a target needs and print its folder.

usage: PYTHON -m tools.bootstrap run|develop|test|wheel|compiled

    run       .venv with what running Offhook needs
    develop   the same with the tools, test libraries and documentation tools
    test      develop, and Debian's peers for the interop tests
    wheel     develop, and a C compiler with Python's headers
    compiled  .venvs/compiled-3.x with the compiled wheel of the present tree

The environment is made for the interpreter that runs this program. As root, missing Debian packages are installed
with apt-get; otherwise one sentence names what to ask for. Stamps remember what was done: a repeated run takes no
time. An environment other than the default `.venv` is kept in .venvs, one for each version of Python.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tools import debian

__all__ = ["DEVELOPMENT_MARK", "LOCK", "ROOT", "SUPPORTED", "VERSION", "SetupError", "main", "prepare"]

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
DEVELOPMENT_MARK = "# Development: what `make run` does without."
SUPPORTED = ("3.11", "3.12", "3.13")
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


class SetupError(Exception):
    """What keeps the environment from being made: one sentence with the mend."""


def digest(*parts: str | Path) -> str:
    """A fingerprint of texts, files and the source files beneath folders."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            whole.update(part.encode())
            continue
        files = sorted(part.rglob("*.py")) if part.is_dir() else [part]
        for file in files:
            whole.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()


class Environment:
    """A virtual environment and its stamp: what was installed into it, by which fingerprint."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin/python"
        self._file = folder / "offhook-stamp.json"
        self.stamp: dict[str, str] = {}
        if self.python.exists() and self._file.exists():
            self.stamp = json.loads(self._file.read_text(encoding="utf-8"))

    def done(self, key: str, value: str) -> None:
        self.stamp[key] = value
        self._file.write_text(json.dumps(self.stamp, indent=1) + "\n", encoding="utf-8")

    def make(self) -> None:
        """Make the environment anew unless it is one of ours for this version of Python."""
        if self.stamp.get("version") == VERSION:
            return
        package = f"python{VERSION}-venv" if os.environ.get("PYTHON") else "python3-venv"
        if find_spec("ensurepip") is None and not debian.install([package]):
            raise SetupError(f"{package} is missing: ask for it (as root: apt-get install {package}) and try again.")
        say(f"making {self.folder.relative_to(ROOT)} with Python {VERSION}")
        run([sys.executable, "-m", "venv", "--clear", str(self.folder)], "the virtual environment could not be made")
        self.stamp = {}
        self.done("version", VERSION)

    def install_locked(self, everything: bool) -> None:
        """Install the packages of the lock: its first part, or both."""
        text = LOCK.read_text(encoding="utf-8")
        runtime = text.partition(DEVELOPMENT_MARK)[0]
        fingerprint = digest(text)
        if self.stamp.get("lock") == fingerprint and (self.stamp.get("part") == "all" or not everything):
            return
        everything = everything or self.stamp.get("part") == "all"
        say(f"installing the locked packages into {self.folder.relative_to(ROOT)}")
        with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as wanted:
            wanted.write(text if everything else runtime)
            wanted.flush()
            self.pip("--require-hashes", "--no-deps", "-r", wanted.name)
        self.done("part", "all" if everything else "runtime")
        self.done("lock", fingerprint)

    def install_project(self) -> None:
        """Install Offhook itself, editable."""
        fingerprint = digest(ROOT / "pyproject.toml")
        if self.stamp.get("project") == fingerprint:
            return
        self.pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        self.done("project", fingerprint)

    def pip(self, *arguments: str) -> None:
        command = [
            str(self.python),
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--no-compile",
            *arguments,
        ]
        run(command, "pip could not install the packages")


def say(text: str) -> None:
    print(f"offhook: {text}", file=sys.stderr, flush=True)


def run(command: list[str], failure: str, **environment: str) -> None:
    """Run a command; its output is shown only when it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        raise SetupError(f"{failure}: see above.")


@contextmanager
def alone() -> Iterator[None]:
    """Two set-ups at once wait for each other."""
    folder = ROOT / ".venvs"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def default_folder() -> Path:
    """`.venv` when it is of this Python or none was asked for, else one of .venvs."""
    usual = ROOT / ".venv"
    if not os.environ.get("PYTHON") or Environment(usual).stamp.get("version") == VERSION:
        return usual
    return ROOT / ".venvs" / VERSION


def need_peers() -> None:
    missing = debian.missing_peers()
    if missing and not debian.install(missing):
        say(f"interop tests will be skipped; for all of them, as root: apt-get install {' '.join(missing)}")


def need_compiler() -> None:
    missing = [] if shutil.which("gcc") else ["gcc", "libc6-dev"]
    if not Path(sysconfig.get_paths()["include"], "Python.h").exists():
        missing.append(f"python{VERSION}-dev")
    if missing and not debian.install(missing):
        raise SetupError(
            f"compiling needs a C compiler and Python's headers: as root, apt-get install {' '.join(missing)}."
        )


def compiled(builder: Environment) -> Environment:
    """An environment with the compiled wheel of the present tree."""
    environment = Environment(ROOT / ".venvs" / f"compiled-{VERSION}")
    environment.make()
    environment.install_locked(everything=True)
    fingerprint = digest(ROOT / "src", ROOT / "pyproject.toml", ROOT / "tools/build_hook.py", LOCK)
    if environment.stamp.get("project") != fingerprint:
        say("compiling the wheel")
        wheels = ROOT / "build" / f"compiled-{VERSION}"
        shutil.rmtree(wheels, ignore_errors=True)
        run(
            [str(builder.python), "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)],
            "the wheel could not be compiled",
            OFFHOOK_COMPILE="1",
        )
        environment.pip("--no-deps", "--force-reinstall", *map(str, wheels.glob("*.whl")))
        environment.done("project", fingerprint)
    return environment


def prepare(target: str) -> Path:
    """Make what the target needs; returns the folder of its virtual environment."""
    with alone():
        environment = Environment(default_folder())
        environment.make()
        environment.install_locked(everything=target != "run")
        environment.install_project()
        if target == "test":
            need_peers()
        if target in {"wheel", "compiled"}:
            need_compiler()
        if target == "compiled":
            environment = compiled(environment)
    return environment.folder


def other_interpreter() -> str | None:
    """A supported Python for a machine whose python3 is older."""
    return next(filter(None, (shutil.which(f"python{version}") for version in SUPPORTED)), None)


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1] not in {"run", "develop", "test", "wheel", "compiled"}:
        sys.exit(__doc__)
    if sys.version_info < (3, 11):  # noqa: UP036 - this is where an older python3 gets its answer
        newer = other_interpreter()
        if newer is None:
            raise SetupError(
                "Python 3.11 or newer is missing: install one and name it, as in make run PYTHON=python3.12."
            )
        os.execv(newer, [newer, "-m", "tools.bootstrap", *sys.argv[1:]])
    print(prepare(sys.argv[1]).relative_to(ROOT))


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(f"offhook: {error}")
