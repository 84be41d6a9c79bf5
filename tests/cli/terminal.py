"""A home folder of its own, and the commands that run in it as a person at a terminal runs them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Final

__all__ = ["OFFHOOK", "Terminal", "add_users", "free_port", "next_line", "one_sentence"]

OFFHOOK: Final = (sys.executable, "-c", "from offhook.cli import main; main()")
PATIENCE: Final = 60.0


def free_port() -> int:
    """A port of 127.0.0.1 that nothing is bound to, over UDP and TCP."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        ):
            datagrams.bind(("127.0.0.1", 0))
            port = int(datagrams.getsockname()[1])
            with suppress(OSError):
                stream.bind(("127.0.0.1", port))
                return port


class Terminal:
    """A home folder, and the processes that run in it; `close` leaves none of them."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.processes: list[subprocess.Popen[str]] = []
        keep = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "OFFHOOK_"))}
        self.environment = keep | {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}

    def run(self, *words: str, password: str = "", given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command until it ends by itself."""
        environment = self.environment | ({"OFFHOOK_PASSWORD": password} if password else {})
        return subprocess.run(
            [*OFFHOOK, *words], env=environment, input=given, capture_output=True, text=True, timeout=60, check=False
        )

    def start(
        self, *words: str, until: str, password: str = "", within: Sequence[str] = (), stdin: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a command, and wait for the line that holds `until`. `within` stands before the command."""
        environment = self.environment | ({"OFFHOOK_PASSWORD": password} if password else {})
        process = subprocess.Popen(
            [*within, *OFFHOOK, *words],
            env=environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.processes.append(process)
        patience = Timer(PATIENCE, process.kill)
        patience.start()
        printed = line = next_line(process)
        while line and until not in line:
            line = next_line(process)
            printed += line
        patience.cancel()
        assert line, printed
        return process

    def end(self, process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal and wait; the exit status and what was printed since the last line that was read."""
        process.send_signal(number)
        printed, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, printed

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


def next_line(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints; nothing of what follows is taken, so that `communicate` gets it."""
    assert process.stdout is not None
    line = b""
    while not line.endswith(b"\n"):
        octet = os.read(process.stdout.fileno(), 1)
        if not octet:
            break
        line += octet
    return line.decode()


def add_users(terminal: Terminal, config: Path, *users: str) -> None:
    """Make accounts in example.test, each with a password of its own."""
    for user in users:
        made = terminal.run("user", "add", f"{user}@example.test", "-c", str(config), password=f"{user}'s word")
        assert (made.returncode, made.stderr) == (0, "")


def one_sentence(ended: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed said: one line, which is not a traceback's."""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert lines[0].startswith("offhook: "), ended.stderr
    return lines[0].removeprefix("offhook: ")
