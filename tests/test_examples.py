"""The examples run and do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from offhook.media.audio.tone import tone_above_rest
from tests.cli.peer import Peer

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(*command: str) -> str:
    ended = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_two_phones_hear_each_other(tmp_path: Path) -> None:
    recording = tmp_path / "heard.wav"
    printed = run(str(EXAMPLES / "two_phones.py"), str(recording))
    assert "bob: a call from <sip:alice@127.0.0.1>" in printed
    assert "bob: the call is over (the peer hung up)" in printed
    samples, rate = soundfile.read(recording, dtype="int16")
    assert rate == 8000
    assert tone_above_rest(samples, 440.0) > 20


def test_the_lossy_network_repeats_exactly() -> None:
    printed = run(str(EXAMPLES / "lossy_network.py"))
    assert printed == run(str(EXAMPLES / "lossy_network.py"))
    assert printed.splitlines()[-1] == "alice got [200], bob was asked 1 time"


def test_the_echo_survives_what_strangers_write() -> None:
    """A name that is no UTF-8, and a text that would clear the screen."""
    with Peer(0) as server:
        host, port = server.socket.getsockname()
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / "echo_messages.py"), f"sip:bob@{host}:{port}"],
            env=os.environ | {"PYTHONIOENCODING": "utf-8:strict", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            data, server.server = server.socket.recvfrom(65536)
            server.answer(data.decode(), "200 OK")
            assert process.stdout is not None
            assert process.stdout.readline().endswith(" takes messages\n")
            asked = server.request("MESSAGE", f"sip:bob@{host}", "eve", "Content-Type: text/plain").encode()
            server.send(
                asked.replace(b"From: ", b'From: "\xff" ').replace(b"Length: 0\r\n\r\n", b"Length: 4\r\n\r\n\x1b[2J")
            )
            assert process.stdout.readline() == '"\\xff" <sip:eve@example.test>: \\x1b[2J\n'
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_every_example_says_how_it_is_run(path: Path) -> None:
    assert f"python examples/{path.name}" in path.read_text("utf-8").partition('"""\n\n')[0]
