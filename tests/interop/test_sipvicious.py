"""SIPVicious looks for the server, for its users and for their passwords: it finds that there is a server."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from tests.interop.process import surroundings

pytestmark = pytest.mark.interop("svmap")

GUESSES = 200
"""More than the throttle lets an address make."""


def sipvicious(folder: Path, *command: str) -> str:
    """What one of its programs prints. It keeps what it found in the home folder."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("0.0.0.0", 0))
        port = free.getsockname()[1]
    done = subprocess.run(
        [command[0], "-P", str(port), *command[1:]],
        env=surroundings() | {"HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    return done.stdout + done.stderr


def log(folder: Path) -> str:
    return (folder / "server-1.log").read_text("utf-8")


def test_svmap_learns_that_there_is_a_server(local_server: str, tmp_path: Path) -> None:
    printed = sipvicious(tmp_path, "svmap", local_server)
    assert re.search(rf"\| {local_server}:5060 \| unknown +\|", printed), printed


@pytest.mark.parametrize("method", ["REGISTER", "INVITE", "OPTIONS"])
def test_svwar_learns_of_no_user(local_server: str, tmp_path: Path, method: str) -> None:
    names = tmp_path / "names"
    names.write_text("alice\nbob\nnobody\ncarol\n1000\n")
    printed = sipvicious(tmp_path, "svwar", "-m", method, "-d", str(names), local_server)
    assert "authentication request for an unknown extension" in printed
    forced = sipvicious(tmp_path, "svwar", "--force", "-m", method, "-d", str(names), local_server)
    assert "found nothing" in forced
    assert not re.search("alice +\\|", forced)


def test_svcrack_finds_a_password_that_is_among_its_first_guesses(local_server: str, tmp_path: Path) -> None:
    """That it finds none otherwise is the throttle's doing."""
    words = tmp_path / "words"
    words.write_text("guess\nwonderland\n")
    printed = sipvicious(tmp_path, "svcrack", "-u", "alice", "-d", str(words), "--maximumtime=3", local_server)
    assert re.search(r"\| alice +\| wonderland +\|", printed), printed


def test_svcrack_is_throttled_before_it_comes_to_the_password(local_server: str, tmp_path: Path) -> None:
    words = tmp_path / "words"
    words.write_text("\n".join([*(f"guess{number}" for number in range(GUESSES)), "wonderland"]))
    printed = sipvicious(tmp_path, "svcrack", "-u", "alice", "-d", str(words), "--maximumtime=3", local_server)
    assert "found nothing" in printed
    assert "wonderland" not in printed
    lines = log(tmp_path)
    assert lines.count("reason='wrong credentials' status=401") == 20
    [ban] = re.findall("security: banned .*", lines)
    assert "source=127.0.0.1 " in ban
    assert "guess" not in lines
