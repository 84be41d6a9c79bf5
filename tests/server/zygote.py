"""A process that has loaded everything and forks a command as often as it is asked to, one at a time.

What runs is the command as a user runs it, but that it is there at once: it can be killed hundreds of times.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.storage.faulty_disk import install

__all__ = ["Child", "Zygote"]

LOADED: Final = ("offhook.cli.serve", "offhook.cli.user", "offhook.server.app", "rich.console", "uvloop")
ROOT: Final = Path(__file__).resolve().parent.parent.parent


class Child:
    """A command that runs. It has what is used here of `subprocess.Popen`."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self._descriptor = descriptor
        self._code: int | None = None

    def poll(self) -> int | None:
        return self._await(0)

    def wait(self, timeout: float) -> int:
        code = self._await(timeout)
        assert code is not None, "it does not end"
        return code

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _await(self, seconds: float) -> int | None:
        if self._code is None and select.select([self._descriptor], [], [], seconds)[0]:
            self._code = int(line_of(self._descriptor))
        return self._code


class Zygote:
    """Starts commands. `start` one after the other has ended."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.server.zygote"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def start(self, words: Sequence[str], log: Path, faults: Path | None = None, **environment: str) -> Child:
        """Run a command with all that it prints going to `log`; with `faults`, on a disk that has them."""
        wish = [list(words), str(log), str(faults) if faults else "", environment]
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        self._process.stdin.flush()
        descriptor = self._process.stdout.fileno()
        return Child(int(line_of(descriptor)), descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def line_of(descriptor: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        octet = os.read(descriptor, 1)
        assert octet, "the zygote is gone"
        line += octet
    return line


def run(words: list[str], log: str, faults: str, environment: dict[str, str]) -> None:
    """Be the command; this does not return."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.environ |= environment
    sys.argv[1:] = words
    disk = install(Path(faults)) if faults else None
    code = 1
    from offhook.cli import main as offhook

    try:
        offhook()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        del disk
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for line in sys.stdin.buffer:
        pid = os.fork()
        if pid == 0:
            run(*json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    for name in LOADED:
        import_module(name)
    main()
