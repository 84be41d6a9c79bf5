"""A server on a file system of its own: so small that it can be filled, or one that cannot be written."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.peer import Peer
from tests.cli.terminal import OFFHOOK, Terminal, free_port, next_line, one_sentence

pytestmark = pytest.mark.interop("unshare", "mount", root=True)

MOUNT = 'mount -t tmpfs -o size=1m none "$0" && exec "$@"'
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
MOST = 1000


def fill(file: Path) -> None:
    """Write into a file until the disk is full."""
    with file.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def data(tmp_path: Path, namespaces_allowed: None) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def config(tmp_path: Path, data: Path, port: int) -> Path:
    config = tmp_path / "offhook.toml"
    listen = f'[[listen]]\ntransport = "udp"\naddress = "127.0.0.1"\nport = {port}\n'
    domain = '[[domain]]\nname = "example.test"\ntrusted = ["127.0.0.0/8"]\n'
    config.write_text(f'data = "{data}"\n{listen}{domain}')
    return config


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with closing(Terminal(tmp_path)) as terminal:
        yield terminal


def mounted(how: str, data: Path) -> tuple[str, ...]:
    return ("unshare", "--mount", "sh", "-c", how, str(data))


def test_what_does_not_fit_is_refused_until_there_is_room(
    terminal: Terminal, port: int, data: Path, config: Path
) -> None:
    within = mounted(MOUNT, data)
    with Peer(port) as phone:
        server = terminal.start("serve", "-c", str(config), until="ready", within=within)
        assert phone.register("first", "sip:first@192.0.2.1") == 200
        filler = Path(f"/proc/{server.pid}/root{data}/filler")
        with pytest.raises(OSError, match="No space left"):
            fill(filler)
        # Some registrations may still fit into what SQLite has of the disk already.
        contact = "sip:somebody@192.0.2.2"
        kept = next(number for number in range(MOST) if phone.register(f"user{number}", contact) == 500)
        assert phone.ask(phone.request("OPTIONS", f"sip:127.0.0.1:{port}", "first")).startswith("SIP/2.0 200 ")
        filler.unlink()
        assert phone.register(f"user{kept}", contact) == 200
        for number in range(kept + 1):
            assert contact in phone.ask(phone.request("REGISTER", "sip:example.test", f"user{number}"))
        status, printed = terminal.end(server)
    assert status == 0
    assert printed.count(f"{data}/offhook.db cannot grow: the disk is full") == 1
    assert "Traceback" not in printed


def test_a_server_that_was_killed_starts_on_a_full_disk(
    terminal: Terminal, port: int, data: Path, config: Path
) -> None:
    """With all that it knew: calls go on."""
    restarting = ("sh", "-c", '"$@"; until test -e "$0"; do sleep 0.1; done; exec "$@"', str(terminal.home / "full"))
    with Peer(port) as phone:
        server = terminal.start("serve", "-c", str(config), until="ready", within=(*mounted(MOUNT, data), *restarting))
        assert phone.register("first", "sip:first@192.0.2.1") == 200
        seen = Path(f"/proc/{server.pid}/root{data}")
        holder = int((seen / "lock").read_text("ascii"))
        os.kill(holder, signal.SIGKILL)
        with pytest.raises(OSError, match="No space left"):
            fill(seen / "filler")
        (terminal.home / "full").touch()
        while "ready" not in next_line(server):
            """It takes its time."""
        answer = phone.ask(phone.request("REGISTER", "sip:example.test", "first"))
        assert "\r\nContact: <sip:first@192.0.2.1>" in answer
        assert phone.register("second", "sip:second@192.0.2.1") in (200, 500)
        status, printed = terminal.end(server)
    assert status == 0
    assert "Traceback" not in printed


@pytest.mark.parametrize("words", [("serve",), ("user", "add", "bob@example.test")])
def test_a_full_disk_at_the_first_start(terminal: Terminal, data: Path, config: Path, words: tuple[str, ...]) -> None:
    filled = 'mount -t tmpfs -o size=1m none "$0" && { cat /dev/zero > "$0/filler" 2> /dev/null; exec "$@"; }'
    ended = run_within(terminal, mounted(filled, data), *words, "-c", str(config))
    assert ended.returncode in (1, 2)
    assert one_sentence(ended).startswith(f"{data}/")
    assert "disk is full" in ended.stderr or "no space left on device" in ended.stderr


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("words", [("serve",), ("user", "add", "bob@example.test")])
def test_a_file_system_that_is_read_only(
    terminal: Terminal, data: Path, config: Path, words: tuple[str, ...], there: bool
) -> None:
    if there:
        made = terminal.run("user", "add", "alice@example.test", "-c", str(config), password="secret")
        assert made.returncode == 0
    ended = run_within(terminal, mounted(READ_ONLY, data), *words, "-c", str(config))
    assert ended.returncode in (1, 2)
    assert one_sentence(ended).startswith(f"{data}/")
    assert "read-only" in ended.stderr


def run_within(terminal: Terminal, within: tuple[str, ...], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*within, *OFFHOOK, *words],
        env=terminal.environment | {"OFFHOOK_PASSWORD": "secret"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
