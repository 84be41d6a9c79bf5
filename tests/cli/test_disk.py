"""A server whose disk fails, fills or stalls while it runs: calls go on, registrations are refused or wait, the log has
one line of it; and one that finds such a disk at its start.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests.cli.peer import Peer
from tests.cli.terminal import Terminal, add_users, next_line, one_sentence

INNER = "192.0.2.33:5060"
"""What the phone of Bob believes its address to be: what is for him goes back the way he came."""
BOB = f"sip:bob@{INNER}"
FAULTS = [
    ("full", "cannot grow: the disk is full"),
    ("read-only", "cannot be written: its file system is read-only"),
    ("broken", "failed: disk I/O error (input/output error)"),
]


class Disk:
    """The disk of the server, which does what it is told."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faults"
        self.program = (sys.executable, "-m", "tests.storage.faulty_disk", str(self._file))
        self.be("sound")

    def be(self, what: str) -> None:
        new = self._file.with_name("new faults")
        new.write_text(what, "ascii")
        new.replace(self._file)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


@pytest.fixture
def trusting(config: Path) -> Path:
    """The configuration of a server that asks nobody on this machine for a password."""
    config.write_text(config.read_text() + 'trusted = ["127.0.0.0/8"]\n')
    return config


def reach(port: int, callee: Peer) -> None:
    """Somebody calls Bob, and the call arrives at once."""
    with Peer(port) as caller:
        before = time.monotonic()
        caller.send(caller.request("INVITE", "sip:bob@example.test", "alice", "Contact: <sip:alice@192.0.2.1>"))
        while not (rings := callee.receive()).startswith("INVITE "):
            """An answer to a REGISTER of before."""
        assert time.monotonic() - before < 2.0
        callee.answer(rings, "486 Busy Here")
        while not caller.receive().startswith("SIP/2.0 486 "):
            """100 comes before."""
        assert callee.receive().startswith("ACK ")


@pytest.mark.parametrize(("fault", "sentence"), FAULTS)
def test_a_disk_that_fails_stops_registrations_alone(
    terminal: Terminal, trusting: Path, port: int, disk: Disk, fault: str, sentence: str
) -> None:
    server = terminal.start("serve", "-c", str(trusting), until="ready", within=disk.program)
    with Peer(port, INNER) as bob, Peer(port) as alice:
        assert bob.register("bob", BOB) == 200
        disk.be(fault)
        for number in range(5):
            assert alice.register(f"user{number}", "sip:user@192.0.2.1") == 500
        assert bob.register("bob", "sip:bob@192.0.2.44") == 500
        reach(port, bob)
        disk.be("sound")
        if fault == "full":
            # A success right after a failure might be the luck of the moment.
            time.sleep(5.1)
        assert alice.register("alice", "sip:alice@192.0.2.1") == 200
        answer = bob.ask(bob.request("REGISTER", "sip:example.test", "bob"))
        assert answer.count("\r\nContact: ") == 1
        assert f"\r\nContact: <{BOB}>" in answer
    status, printed = terminal.end(server)
    assert status == 0
    assert printed.count(f"{terminal.home}/data/offhook.db {sentence}") == 1
    assert printed.count("registrations cannot be kept") == 1
    assert printed.count("registrations are kept again") == (fault == "full")
    assert "Traceback" not in printed


@pytest.mark.parametrize(("fault", "sentence"), FAULTS)
def test_a_disk_that_fails_at_the_start_keeps_no_call_back(
    terminal: Terminal, trusting: Path, port: int, disk: Disk, fault: str, sentence: str
) -> None:
    """Whoever was registered is reached; the next registration tells what is wrong."""
    with Peer(port, INNER) as bob, Peer(port) as alice:
        first = terminal.start("serve", "-c", str(trusting), until="ready", within=disk.program)
        assert bob.register("bob", BOB) == 200
        terminal.end(first)
        disk.be(fault)
        server = terminal.start("serve", "-c", str(trusting), until="ready", within=disk.program)
        reach(port, bob)
        assert alice.register("alice", "sip:alice@192.0.2.1") == 500
        status, printed = terminal.end(server)
    assert status == 0
    assert printed.count("registrations cannot be kept") == 1
    assert f"{terminal.home}/data/offhook.db {sentence}" in printed
    assert "Traceback" not in printed


def test_a_disk_that_stalls_keeps_no_call_back(terminal: Terminal, trusting: Path, port: int, disk: Disk) -> None:
    """Nor a look-up of an account that nobody has asked for before."""
    add_users(terminal, trusting, "carol")
    server = terminal.start("serve", "-c", str(trusting), until="makes an account", within=disk.program)
    with Peer(port, INNER) as bob, Peer(port) as alice, Peer(port) as dave:
        assert bob.register("bob", BOB) == 200
        disk.be("slow 5")
        before = time.monotonic()
        dave.send(dave.request("REGISTER", "sip:example.test", "dave", "Contact: <sip:dave@192.0.2.1>"))
        reach(port, bob)
        for user, answer in (("carol", "SIP/2.0 480 "), ("nobody", "SIP/2.0 404 ")):
            alice.send(alice.request("MESSAGE", f"sip:{user}@example.test", "alice"))
            while (heard := alice.receive()).startswith("SIP/2.0 100 "):
                """It was taken."""
            assert heard.startswith(answer)
        assert time.monotonic() - before < 2.5
        assert "the disk is slow" in next_line(server)
        while (heard := dave.receive()).startswith("SIP/2.0 100 "):
            """It is taking its time (RFC 4320 4.1)."""
        assert heard.startswith("SIP/2.0 200 ")
        assert 4.5 < time.monotonic() - before < 20
        disk.be("sound")
        assert "the disk keeps up again" in next_line(server)
    assert terminal.end(server)[0] == 0


# At the start


def test_a_damaged_database_is_not_used(terminal: Terminal, trusting: Path, port: int) -> None:
    """Not even where its damage would show later: it has the accounts."""
    add_users(terminal, trusting, "carol")
    database = terminal.home / "data/offhook.db"
    octets = bytearray(database.read_bytes())
    octets[-4096:] = bytes(4096)
    database.write_bytes(octets)
    ended = terminal.run("serve", "-c", str(trusting))
    assert ended.returncode == 1
    said = one_sentence(ended)
    assert said.startswith(f"{database} is damaged (Tree ")
    assert said.endswith(": put a backup in its place and remove its -wal, or move it away to begin with an empty one")
    assert database.read_bytes() == octets
    database.rename(database.with_name("damaged.db"))
    server = terminal.start("serve", "-c", str(trusting), until="ready")
    assert terminal.end(server)[0] == 0


@pytest.mark.parametrize("emptied", [True, False])
def test_a_database_that_is_lost_is_told(terminal: Terminal, trusting: Path, emptied: bool) -> None:
    server = terminal.start("serve", "-c", str(trusting), until="ready")
    terminal.end(server)
    database = terminal.home / "data/offhook.db"
    if emptied:
        database.write_bytes(b"")
    else:
        database.unlink()
    server = terminal.start("serve", "-c", str(trusting), until="the database was gone: a new one was made")
    while "ready" not in next_line(server):
        """It goes on."""
    assert terminal.end(server)[0] == 0
