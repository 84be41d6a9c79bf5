"""docs/reference/cli.md says what the command does: its tables are the code's, its examples run as they are printed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from offhook.cli import COMMANDS, application
from offhook.cli.exits import STATUSES
from offhook.media.audio.wav import read_all
from tests.cli.terminal import OFFHOOK, Terminal, next_line

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
README = PAGE.parents[2] / "README.md"
PATIENCE = 60.0
INTERRUPTED = "^C"


def sections() -> dict[str, str]:
    """What stands under each header of the page."""
    parts = re.split(r"^#+ (.*)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def table(text: str) -> list[tuple[str, str]]:
    """The rows of the one table in a text."""
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    return [(name, meaning) for name, meaning in rows if name.strip()]


def commands() -> dict[str, Any]:
    """Every command that can be called, by the words that call it."""
    found: dict[str, Any] = {}
    for name, command in vars(typer.main.get_command(application([])))["commands"].items():
        found[name] = command
        found |= {f"{name} {inner}": its for inner, its in getattr(command, "commands", {}).items()}
    return found


def parameter(its: Any) -> tuple[str, str]:
    """How the page names a parameter, and what it says of it."""
    if its.param_type_name == "argument":
        return f"`{its.metavar}`", its.help
    value = f" {its.metavar}" if its.metavar and not its.is_flag else ""
    return f"`{', '.join([*its.opts, *its.secondary_opts])}{value}`", its.help


def test_every_command_has_its_section() -> None:
    assert {name for name in sections() if name.partition(" ")[0] in COMMANDS} == set(commands())


@pytest.mark.parametrize("name", [name for name in commands() if name != "user"])
def test_options_are_those_of_the_code(name: str) -> None:
    assert table(sections()[name]) == [parameter(its) for its in commands()[name].params]


def test_exit_statuses_are_those_of_the_code() -> None:
    assert table(sections()["The command"]) == [(str(status), meaning) for status, meaning in STATUSES.items()]


# The examples


class Session:
    """The examples one after the other, in a home folder; `localhost` means a server at a port of the test's own."""

    def __init__(self, terminal: Terminal, port: int) -> None:
        self._terminal = terminal
        self._port = port
        self._running: list[tuple[subprocess.Popen[str], str | None]] = []
        programs = terminal.home / "programs"
        programs.mkdir()
        script = programs / "offhook"
        words = " ".join([f"'{word}'" for word in OFFHOOK])
        script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o755)
        self._environment = terminal.environment | {"PATH": f"{programs}:{terminal.environment['PATH']}"}

    def play(self, block: str) -> None:
        """Run the commands of a block, which have to print what it shows.

        One that is interrupted in the end goes on until then beside the others.
        """
        told, interrupted, last = block.partition(f"{INTERRUPTED}\n")
        expected = answers(told)
        if interrupted:
            first, end, rest = expected.partition("\n")
            self.begin(commands_of(told), first + end, rest + last)
            return
        printed, _ = self.start(commands_of(told)).communicate(timeout=PATIENCE)
        assert self._neutral(printed) == self._neutral(expected)

    def begin(self, script: str, first: str, rest: str | None = None) -> None:
        """Start what goes on, and wait for its first line; `rest` is what it prints until its end."""
        # The server's log is no part of what is shown.
        process = self.start(script, subprocess.DEVNULL)
        assert self._neutral(next_line(process)) == self._neutral(first)
        self._running.append((process, rest))

    def end(self) -> None:
        """Interrupt what still runs, the last one first, and see what it has printed."""
        for process, expected in reversed(self._running):
            status, printed = self._terminal.end(process)
            assert status == 0
            if expected is not None:
                assert self._neutral(printed) == self._neutral(expected)

    def start(self, script: str, errors: int = subprocess.STDOUT) -> subprocess.Popen[str]:
        """Run shell commands with our port in the place of the usual one."""
        script = re.sub(r"(sip:(\w+@)?localhost)\b(?!:)", rf"\1:{self._port}", script)
        script = script.replace("offhook serve", f"offhook serve --port {self._port}")
        for command, user in (("register", "alice"), ("answer", "bob"), ("call", "alice"), ("message", "alice")):
            account = f"--as sip:{user}@localhost:{self._port}"
            script = re.sub(rf"\boffhook {command}\b(?!.*(unknown|--as))", f"offhook {command} {account}", script)
        process = subprocess.Popen(
            ["sh", "-c", script],
            cwd=self._terminal.home,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        self._terminal.processes.append(process)
        return process

    def _neutral(self, text: str) -> str:
        """A text without what is another at each run."""
        text = text.replace(f"localhost:{self._port}", "localhost").replace(f"127.0.0.1:{self._port}", "127.0.0.1:5060")
        text = text.replace("data in ~/offhook", "data in ~/.local/share/offhook")
        for changing in (
            r"(?<=after )\d+\.\d(?= ms)",
            r"(?<= at )[0-9a-f.:\[\], ]+(?=; Ctrl-C)",
            r"(?<=127\.0\.0\.1:)(?!5060)\d+",
            r"(?<=rport=)\d+",
            r"(?<=tag=)[0-9a-f-]+",
            r"(?<=z9hG4bK)[0-9a-f-]+",
            r"^20\d\d-\S+ \S+(?= UDP)",
        ):
            text = re.sub(changing, "N", text, flags=re.MULTILINE)
        return text


def commands_of(told: str) -> str:
    """What is typed in an example; a single command takes the shell's place, so that it gets the signals."""
    lines = [line.removeprefix("$ ") for line in told.splitlines() if line.startswith("$ ")]
    return f"exec {lines[0]}" if len(lines) == 1 and lines[0].startswith("offhook") else "\n".join(lines)


def answers(told: str) -> str:
    return "".join(line for line in told.splitlines(keepends=True) if not line.startswith("$ "))


@pytest.fixture
def session(terminal: Terminal, port: int) -> Session:
    return Session(terminal, port)


def test_the_call_of_the_readme(session: Session, terminal: Terminal) -> None:
    answer, call = re.findall(r"^    \.venv/bin/(offhook .*)$", README.read_text("utf-8"), re.MULTILINE)
    session.begin("exec offhook serve", "ready: UDP 127.0.0.1:5060, TCP 127.0.0.1:5060\n")
    session.begin(f"exec {answer}", "waiting for calls to sip:bob@localhost at 127.0.0.1:45678; Ctrl-C ends\n")
    end = "answered; Ctrl-C hangs up\nthe call is over: we hung up\n"
    session.play(f"$ {call}\ncalling sip:bob@localhost\n180 Ringing\n{end}")
    session.end()
    assert len(read_all(terminal.home / "heard.wav")) / 8000 > 4


def test_what_the_server_says_to_type(session: Session, terminal: Terminal) -> None:
    """The same call, with the two lines that the server prints."""
    server = session.start("exec offhook serve")
    lines = list(iter(lambda: next_line(server), "Ctrl-C stops\n"))
    answer, call = [line.strip() for line in lines if line.startswith("    ")]
    waiting = session.start(f"exec {answer}")
    assert next_line(waiting).startswith("waiting for calls to sip:bob@localhost:")
    printed, _ = session.start(call).communicate(timeout=PATIENCE)
    assert printed.endswith("answered; Ctrl-C hangs up\nthe call is over: we hung up\n")
    for process in (waiting, server):
        assert terminal.end(process)[0] == 0


def test_the_examples_run_as_they_are_printed(session: Session) -> None:
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) > len(COMMANDS)
    for block in blocks:
        session.play(block)
    session.end()
