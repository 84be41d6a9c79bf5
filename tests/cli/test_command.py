"""The command as a script meets it: what it prints, its exit statuses, and a call between two terminals."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import soundfile

from offhook.media.audio.tone import sine, tone_above_rest
from tests.cli.terminal import OFFHOOK, Terminal, add_users, one_sentence


def test_a_call_between_two_terminals(terminal: Terminal, config: Path, port: int, tmp_path: Path) -> None:
    add_users(terminal, config, "alice", "bob")
    server = terminal.start("serve", "-c", str(config), until="ready")
    proxy = f"sip:127.0.0.1:{port};lr"
    (terminal.home / "offhook").mkdir(exist_ok=True)
    accounts = "".join(
        f'[[account]]\nuri = "sip:{user}@example.test"\npassword = "{user}\'s word"\nproxy = "{proxy}"\n'
        for user in ("alice", "bob")
    )
    settings = terminal.home / "offhook" / "config.toml"
    settings.write_text(f'default = "sip:alice@example.test"\n{accounts}')
    settings.chmod(0o600)
    tone, heard = tmp_path / "tone.wav", tmp_path / "heard.wav"
    soundfile.write(tone, sine(440.0, 1.0), 8000)
    bob = terminal.start("answer", "--as", "sip:bob@example.test", "--record", str(heard), until="waiting for calls")
    call = terminal.run("call", "sip:bob@example.test", "--play", str(tone), "--seconds", "1.5")
    assert call.returncode == 0, call.stderr
    assert "180 Ringing" in call.stdout
    assert call.stdout.splitlines()[-1] == "the call is over: we hung up"
    status, printed = terminal.end(bob)
    assert status == 0
    assert "a call from <sip:alice@example.test>" in printed
    assert "the call is over: the peer hung up" in printed
    samples, _ = soundfile.read(heard, dtype="int16")
    assert tone_above_rest(samples, 440.0) > 20
    assert terminal.run("call", "sip:nobody@example.test").returncode == 3
    assert terminal.run("message", "sip:bob@example.test", "hi").returncode == 3
    wrong = terminal.run("register", "--once", password="wrong")
    assert wrong.returncode == 4
    assert "the server refuses the password" in wrong.stderr
    assert terminal.run("register", "--once").returncode == 0
    staying = terminal.start("register", "--trace", until="registered sip:alice@example.test; Ctrl-C unregisters")
    status, printed = terminal.end(staying)
    assert status == 0
    assert "unregistering" in printed
    assert ";expires=0\n" in printed
    assert "Authorization: Digest" in printed
    assert re.search(r'response="?[0-9a-f]{32}', printed) is None
    assert terminal.end(server, signal.SIGTERM)[0] == 0


def test_ping_asks_the_server(terminal: Terminal, config: Path, port: int) -> None:
    terminal.start("serve", "-c", str(config), until="ready")
    pinged = terminal.run("ping", f"sip:127.0.0.1:{port}")
    assert pinged.returncode == 0
    assert pinged.stdout.startswith("200 OK after ")


def test_a_call_without_any_server(terminal: Terminal, tmp_path: Path) -> None:
    bob = subprocess.Popen(
        [*OFFHOOK, "answer", "--no-register", "--as", "sip:bob@127.0.0.1", "--calls", "1"],
        env=terminal.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    terminal.processes.append(bob)
    assert bob.stdout is not None
    line = bob.stdout.readline()
    address = next(word.strip(",;") for word in line.split() if word.startswith("127.0.0.1:"))
    call = terminal.run(
        "call", f"sip:bob@{address}", "--no-register", "--as", "sip:alice@127.0.0.1", "--seconds", "0.3", "--trace"
    )
    assert call.returncode == 0, call.stderr
    assert "INVITE sip:bob@" in call.stderr
    assert bob.wait(10) == 0


def test_ctrl_c_hangs_up_and_ends_with_130_before_the_answer(terminal: Terminal) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        silent.settimeout(10)
        target = f"sip:nobody@127.0.0.1:{silent.getsockname()[1]}"
        call = terminal.start("call", target, "--no-register", until="calling")
        assert silent.recv(65536).startswith(b"INVITE ")
        assert terminal.end(call)[0] == 130


def test_users_come_and_go(terminal: Terminal, config: Path) -> None:
    add_users(terminal, config, "alice", "bob")
    listed = terminal.run("user", "list", "-c", str(config))
    assert [line.split()[0] for line in listed.stdout.splitlines()] == [
        "sip:alice@example.test",
        "sip:bob@example.test",
    ]
    again = terminal.run("user", "add", "alice@example.test", "-c", str(config), password="x")
    assert (again.returncode, again.stderr) == (1, "offhook: there is an account sip:alice@example.test already\n")
    changed = terminal.run("user", "passwd", "alice@example.test", "-c", str(config), given="another word\n")
    assert changed.returncode == 0
    assert terminal.run("user", "remove", "bob@example.test", "-c", str(config)).returncode == 0
    assert terminal.run("user", "remove", "bob@example.test", "-c", str(config)).returncode == 1
    assert len(terminal.run("user", "list", "-c", str(config)).stdout.splitlines()) == 1
    assert terminal.run("user", "remove", "alice@example.test", "-c", str(config)).returncode == 0
    nobody = terminal.run("user", "list", "example.test", "-c", str(config))
    assert (nobody.returncode, nobody.stdout) == (0, "")
    assert nobody.stderr == "offhook: no accounts; `offhook user add USER@DOMAIN` makes one\n"


AS = ("--as", "sip:us@127.0.0.1", "--no-register")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("call", "sip:bob@example.test", "--as", "sip:alice@example.test"), 4, "no password is known for"),
        (("call", "sip:bob@example.test", "--as", "nonsense"), 2, "names no account"),
        (("call", "sip:a b@example.test", *AS), 2, "is not a SIP URI; write for example sip:bob@example.com"),
        (("call", "bob", "--transport", "sctp", *AS), 2, "'sctp' is no transport; write one of udp, tcp, tls"),
        (("call", "bob", "--proxy", "a b", *AS), 2, "'a b' is not a SIP URI; write for example"),
        (
            ("call", "bob", "--authorities", "missing.pem", *AS),
            2,
            "cannot read the trusted certificates in missing.pem",
        ),
        (
            ("call", "bob", "--authorities", "~no one/x.pem", *AS),
            2,
            "nobody here has the home folder of '~no one/x.pem'",
        ),
        (("call", "bob", "--play", "missing.wav", *AS), 2, "cannot read missing.wav: No such file or directory"),
        (("call", "bob", "--record", "no/heard.wav", *AS), 2, "cannot write no/heard.wav: No such file or directory"),
        (("answer", "--play", "missing.wav", *AS), 2, "cannot read missing.wav: No such file or directory"),
        (("ping", "tel:+15550100"), 2, "'tel:+15550100' names nobody who could be asked"),
        (("message", "bob@example.test", "x" * 1301), 2, "a message of 1301 octets; at most 1300 can be sent"),
        (("user", "add", "example.test"), 2, "names no account"),
        (("user", "list", "example.test"), 2, "serves no domain example.test; it serves localhost"),
        (("serve", "-c", "missing.toml"), 2, "missing.toml: cannot be read: no such file or directory"),
        (("check-config", "missing.toml"), 2, "missing.toml: cannot be read: no such file or directory"),
    ],
)
def test_a_mistake_is_one_sentence(terminal: Terminal, words: tuple[str, ...], status: int, said: str) -> None:
    ended = terminal.run(*words)
    assert said in one_sentence(ended)
    assert (ended.returncode, ended.stdout) == (status, "")


def test_a_mistake_in_the_configuration_names_its_line(terminal: Terminal, config: Path) -> None:
    config.write_text(config.read_text() + "nmae = 'x'\n")
    ended = terminal.run("check-config", str(config))
    assert ended.returncode == 2
    line = len(config.read_text().splitlines())
    assert f"{config} line {line}: " in ended.stderr
    assert "did you mean" in ended.stderr


def test_a_port_in_use_is_said(terminal: Terminal, config: Path, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        ended = terminal.run("serve", "-c", str(config))
    assert ended.returncode == 6
    assert str(port) in ended.stderr
    assert "in use" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_second_server_on_the_same_data_is_refused(terminal: Terminal, config: Path) -> None:
    terminal.start("serve", "-c", str(config), until="ready")
    ended = terminal.run("serve", "-c", str(config))
    assert ended.returncode == 2
    assert "in use by another server" in ended.stderr


def test_a_killed_server_leaves_nothing_that_hinders_the_next(terminal: Terminal, config: Path) -> None:
    first = terminal.start("serve", "-c", str(config), until="ready")
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=10)
    started = time.monotonic()
    second = terminal.start("serve", "-c", str(config), until="ready")
    assert time.monotonic() - started < 20
    assert terminal.end(second)[0] == 0
