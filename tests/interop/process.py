"""Programs that a test starts: their output goes to files, and each is ended by its own process id."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from tools import debian

__all__ = ["END_WITH_TESTS", "PATIENCE", "Process", "surroundings", "until"]

END_WITH_TESTS: Final = ("setpriv", "--pdeathsig", "KILL")
"""Put before a command, it ends the program when the tests are killed, so that nothing is ever left behind."""

PATIENCE: Final = 60.0
POLL: Final = 0.02

Value = TypeVar("Value")


def surroundings() -> dict[str, str]:
    """The tests' own environment, in which the programs of the system's folders are found too."""
    return os.environ | {"PATH": debian.SEARCH_PATH}


def until(what: str, ask: Callable[[], Value | None], seconds: float = PATIENCE) -> Value:
    """Ask until the answer is true, and return it. Raises AssertionError after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"no {what} within {seconds:g} s"
        time.sleep(POLL)
    return answer


class Process:
    """A running program, named for its log file `folder/NAME.log`, which holds its standard output and error."""

    def __init__(self, folder: Path, name: str, command: Sequence[str], *, environment: dict[str, str] | None = None):
        """`environment` goes on top of the tests' own."""
        self.name = name
        self.log = folder / f"{name}.log"
        with self.log.open("wb") as log:
            self._popen = subprocess.Popen(
                [*END_WITH_TESTS, *command],
                cwd=folder,
                env=surroundings() | (environment or {}),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                bufsize=0,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def resident(self) -> int:
        """Its resident memory in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text("ascii", "replace")
        return int(status.partition("VmRSS:")[2].split()[0])

    @property
    def output(self) -> str:
        """What the program has printed so far."""
        return self.log.read_text("utf-8", "replace")

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def type(self, line: str) -> None:
        """Type a line into the program."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(line.encode() + b"\n")

    def wait_for(self, pattern: str, seconds: float = PATIENCE) -> re.Match[str]:
        """Wait until the output matches. Raises AssertionError when the program ends or time is up without it."""

        def found() -> re.Match[str] | None:
            ended = not self.running
            match = re.search(pattern, self.output, re.MULTILINE)
            assert match or not ended, f"{self.name} ended without {pattern!r}:\n{self.output[-4000:]}"
            return match

        return until(f"{pattern!r} from {self.name}", found, seconds)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Wait until the program ends by itself, and return its exit code. Raises AssertionError when it does not."""
        until(f"end of {self.name}", lambda: not self.running, seconds)
        return self._popen.returncode

    def interrupt(self) -> None:
        """Send SIGINT, as Ctrl-C does."""
        self._popen.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Send SIGKILL, and wait until the program is gone."""
        self._popen.kill()
        self._popen.wait()

    def stop(self, seconds: float = 10.0) -> None:
        """Terminate the program, kill it when it does not end."""
        if self.running:
            self._popen.terminate()
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        assert self._popen.stdin is not None
        self._popen.stdin.close()
