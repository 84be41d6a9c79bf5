"""Ends of a command that are not as they should be: closed, a pipe that nobody reads, an input that is no text."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
import soundfile

from offhook.media.audio.tone import sine
from offhook.media.audio.wav import read_all
from tests.cli.terminal import OFFHOOK, PATIENCE, Terminal, one_sentence

ANSWER = ("answer", "--no-register", "--as", "sip:bob@127.0.0.1")
CALL = ("--no-register", "--as", "sip:alice@127.0.0.1", "--seconds", "0.3")


def started(terminal: Terminal, *words: str) -> tuple[subprocess.Popen[str], str]:
    """A command with an output and an error output of its own, and its first line."""
    process = subprocess.Popen(
        [*OFFHOOK, *words], env=terminal.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    terminal.processes.append(process)
    assert process.stdout is not None
    return process, process.stdout.readline()


def unheard(process: subprocess.Popen[str]) -> None:
    """Whoever read what a process prints is gone."""
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None


def address_in(line: str) -> str:
    return next(word.strip(",;") for word in line.split() if word.startswith("127.0.0.1:"))


def test_who_answers_and_is_not_read_takes_no_more_calls(terminal: Terminal) -> None:
    """Each caller would wait for minutes, and get no answer."""
    bob, line = started(terminal, *ANSWER)
    unheard(bob)
    terminal.run("call", f"sip:bob@{address_in(line)}", *CALL)
    _, errors = bob.communicate(timeout=PATIENCE)
    assert (bob.returncode, errors) == (1, "")


def test_who_shows_messages_and_is_not_read_takes_no_more(terminal: Terminal) -> None:
    bob, line = started(terminal, *ANSWER)
    unheard(bob)
    terminal.run("message", f"sip:bob@{address_in(line)}", "hello", "--as", "sip:alice@127.0.0.1")
    _, errors = bob.communicate(timeout=PATIENCE)
    assert (bob.returncode, errors) == (1, "")


def test_who_calls_and_is_not_read_hangs_up(terminal: Terminal) -> None:
    bob, line = started(terminal, *ANSWER, "--calls", "1")
    call, _ = started(terminal, "call", f"sip:bob@{address_in(line)}", *CALL)
    unheard(call)
    _, errors = call.communicate(timeout=PATIENCE)
    assert (call.returncode, errors) == (1, "")
    assert bob.wait(PATIENCE) == 0


def in_shell(terminal: Terminal, script: str) -> subprocess.CompletedProcess[str]:
    """What became of a script, run where the terminal is."""
    return subprocess.run(
        ["bash", "-c", script],
        cwd=terminal.home,
        env=terminal.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "without", "status", "said"),
    [
        ("lint message.sip", ">&-", 1, ""),
        ("lint --json message.sip", ">&-", 1, ""),
        ("lint -", "<&-", 1, ""),
        ("ping sip:127.0.0.1:9", "2>&-", 6, ""),
        ("ping sip:127.0.0.1:9 --trace", "2>&-", 6, ""),
        (
            "user add carol@localhost",
            "<&-",
            2,
            "offhook: no password: set OFFHOOK_PASSWORD, or write it to the standard input\n",
        ),
    ],
)
def test_what_is_closed_is_no_fault(terminal: Terminal, words: str, without: str, status: int, said: str) -> None:
    Path(terminal.home, "message.sip").write_bytes(b"hello")
    script = f"exec {shlex.join(OFFHOOK)} {words} {without}"
    ended = in_shell(terminal, script)
    assert (ended.returncode, ended.stderr) == (status, said)


def test_a_password_that_is_no_text_is_a_mistake(terminal: Terminal) -> None:
    ended = subprocess.run(
        [*OFFHOOK, "user", "add", "carol@localhost"],
        env=terminal.environment,
        input=b"\xff\n",
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (1, b"offhook: the password is not UTF-8 text\n")


def test_a_recording_that_is_cut_short_is_a_failure(terminal: Terminal) -> None:
    """A file that may not grow beyond 20 KiB, which hold 1.3 seconds, is as good as a full disk."""
    _, line = started(terminal, *ANSWER)
    words = shlex.join([*OFFHOOK, "call", f"sip:bob@{address_in(line)}", *CALL[:-1], "2.5", "--record", "heard.wav"])
    ended = in_shell(terminal, f"ulimit -f 20; exec {words}")
    assert ended.stdout.endswith("the call is over: we hung up\n")
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("offhook: cannot write heard.wav: File too large (after 1.")
    assert ended.returncode == 1
    assert len(read_all(terminal.home / "heard.wav")) >= 8000


def test_what_is_played_is_not_recorded_over(terminal: Terminal) -> None:
    tone = terminal.home / "tone.wav"
    soundfile.write(tone, sine(440.0, 1.0), 8000)
    (terminal.home / "same.wav").symlink_to(tone)
    octets = tone.read_bytes()
    words = ("--no-register", "--as", "sip:us@127.0.0.1", "--play", str(tone), "--record")
    for command, other in (("call", "same.wav"), ("answer", "tone.wav")):
        target = ("sip:bob@127.0.0.1:9",) if command == "call" else ()
        ended = terminal.run(command, *target, *words, str(terminal.home / other))
        assert one_sentence(ended).endswith(f"{other}: it is the file to be played")
        assert ended.returncode == 2
    assert tone.read_bytes() == octets
