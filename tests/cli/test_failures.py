"""What goes wrong around us, seen from a terminal: one clear sentence, an exit status that tells it from the rest, and
nothing that was acknowledged is lost.
"""

from __future__ import annotations

import re
import resource
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.peer import Peer
from tests.cli.terminal import OFFHOOK, Terminal, add_users, free_port, next_line, one_sentence
from tests.transport.certificates import Authority

INNER = "192.0.2.33:5060"
"""What a phone behind a NAT believes its address to be: nothing ever gets there."""
BEHIND_NAT = f"sip:bob@{INNER}"


@pytest.fixture
def trusting(config: Path) -> Path:
    """The configuration of a server that asks nobody on this machine for a password."""
    config.write_text(config.read_text() + 'trusted = ["127.0.0.0/8"]\n')
    return config


def call(terminal: Terminal, target: str, *more: str) -> subprocess.CompletedProcess[str]:
    return terminal.run("call", target, "--no-register", "--as", "sip:us@127.0.0.1", *more)


# The other side cannot be reached


@pytest.mark.parametrize("words", [("call",), ("call", "--no-register"), ("message", "hello"), ("ping",)])
def test_an_unknown_host(terminal: Terminal, words: tuple[str, ...]) -> None:
    command, *more = words
    ended = terminal.run(command, "sip:bob@unknown.invalid", *more, "--as", "sip:us@unknown.invalid", password="secret")
    assert ended.returncode == 6
    assert one_sentence(ended).startswith("unknown.invalid ")


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_nobody_listens(terminal: Terminal, transport: str, port: int) -> None:
    ended = call(terminal, f"sip:bob@127.0.0.1:{port};transport={transport}")
    assert ended.returncode == 6
    said = one_sentence(ended)
    assert said.count(f"127.0.0.1:{port}") == 1
    assert said.endswith(": connection refused")


def test_nobody_answers(terminal: Terminal) -> None:
    with Peer(0) as silent:
        port = silent.socket.getsockname()[1]
        ended = terminal.run("ping", f"sip:127.0.0.1:{port}")
    assert ended.returncode == 5
    assert one_sentence(ended) == "no answer came in time"


# Certificates


def tls_server(terminal: Terminal, config: Path, names: tuple[str, ...], days: tuple[float, float]) -> tuple[int, Path]:
    """A server with such a certificate: its port, and the file of the authority that has issued it."""
    authority = Authority("root")
    chain, key = authority.issue(terminal.home, *names, days=days)
    port = free_port()
    listen = f'[[listen]]\ntransport = "tls"\naddress = "127.0.0.1"\nport = {port}\n'
    config.write_text(f'{config.read_text()}{listen}[tls]\ncertificate = "{chain}"\nkey = "{key}"\n')
    terminal.start("serve", "-c", str(config), until="ready")
    return port, authority.write(terminal.home / "authority.pem")


@pytest.mark.parametrize(
    ("names", "days", "refused"),
    [
        (("127.0.0.1",), (-1.0, 10.0), ""),
        (("other.test",), (-1.0, 10.0), "it is for other.test (RFC 5922 7.2)"),
        (("127.0.0.1",), (-9.0, -1.0), "it, or one in its chain, has expired; or the clock of this machine is wrong"),
        (("127.0.0.1",), (1.0, 10.0), "it is not valid yet; or the clock of this machine is wrong"),
    ],
    ids=["good", "wrong name", "expired", "not valid yet"],
)
def test_a_servers_certificate(
    terminal: Terminal, config: Path, names: tuple[str, ...], days: tuple[float, float], refused: str
) -> None:
    port, authorities = tls_server(terminal, config, names, days)
    uri = f"sip:127.0.0.1:{port};transport=tls"
    ended = terminal.run("ping", uri, "--authorities", str(authorities))
    if not refused:
        assert ended.returncode == 0
        return
    assert ended.returncode == 6
    assert one_sentence(ended) == f"the certificate of 127.0.0.1 is refused: {refused}"


def test_a_certificate_that_nobody_vouches_for(terminal: Terminal, config: Path) -> None:
    port, _ = tls_server(terminal, config, ("127.0.0.1",), (-1.0, 10.0))
    proxy = ("--proxy", f"sip:127.0.0.1:{port};transport=tls")
    ended = terminal.run("register", "--once", "--as", "sip:alice@example.test", *proxy, password="secret")
    assert ended.returncode == 6
    assert one_sentence(ended).startswith("the certificate of 127.0.0.1 is refused: its chain ends in a root that is ")


@pytest.mark.parametrize("command", [("serve", "-c"), ("check-config",)])
def test_a_certificate_of_our_own_that_cannot_be_used(
    terminal: Terminal, config: Path, command: tuple[str, ...]
) -> None:
    file = terminal.home / "server.pem"
    file.write_text("not a certificate")
    listen = f'[[listen]]\ntransport = "tls"\naddress = "127.0.0.1"\nport = {free_port()}\n'
    config.write_text(f'{config.read_text()}{listen}[tls]\ncertificate = "{file}"\n')
    ended = terminal.run(*command, str(config))
    assert ended.returncode == 2
    assert one_sentence(ended) == f"{file} is not a PEM certificate"


# Passwords


def test_a_wrong_password(terminal: Terminal, config: Path, port: int) -> None:
    add_users(terminal, config, "alice")
    server = terminal.start("serve", "-c", str(config), until="ready")
    way = ("--as", "sip:alice@example.test", "--proxy", f"sip:127.0.0.1:{port}")
    for command in (("register", "--once"), ("call", "bob"), ("message", "bob", "hello"), ("answer",)):
        ended = terminal.run(*command, *way, password="wrong")
        assert ended.returncode == 4
        assert one_sentence(ended) == "the server refuses the password of 'alice' in the realm 'example.test'"
    _, printed = terminal.end(server)
    assert printed.count("reason='wrong credentials'") == 4
    assert "Traceback" not in printed


# What strangers send


def test_malformed_datagrams(terminal: Terminal, trusting: Path, port: int) -> None:
    server = terminal.start("serve", "-c", str(trusting), until="ready")
    with Peer(port) as peer:
        assert peer.register("bob", BEHIND_NAT) == 200
        options = peer.request("OPTIONS", f"sip:127.0.0.1:{port}", "bob")
        for rubbish in (b"\xff" * 1000, b"\x00", b"\r\n\r\n", b"INVITE\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"{}"):
            peer.send(rubbish)
        for broken, status, reason in (
            (options.replace("CSeq: ", "CSeq: x"), 400, "malformed CSeq"),
            (options.replace(" SIP/2.0", " SIP/3.0", 1), 505, "the SIP version is not 2.0"),
            (options.replace("Length: 0", "Length: 10"), 400, "Content-Length is larger than the body"),
        ):
            answer = peer.ask(broken)
            assert answer.startswith(f"SIP/2.0 {status} ")
            assert f'\r\nWarning: 399 offhook "{reason}"\r\n' in answer
        assert peer.ask(options).startswith("SIP/2.0 200 ")
        answer = peer.ask(peer.request("REGISTER", "sip:example.test", "bob"))
        assert f"\r\nContact: <{BEHIND_NAT}>" in answer
    status, printed = terminal.end(server)
    assert status == 0
    assert "Traceback" not in printed


def test_tls_without_and_sip_with(terminal: Terminal, config: Path, port: int) -> None:
    """Who takes the one port for the other hears it at once, and so does the operator."""
    tls_port, authorities = tls_server(terminal, config, ("127.0.0.1",), (-1.0, 10.0))
    (server,) = terminal.processes
    ended = terminal.run("ping", f"sip:127.0.0.1:{port};transport=tls", "--authorities", str(authorities))
    assert ended.returncode == 6
    assert one_sentence(ended) == (
        "no TLS with 127.0.0.1: the peer closed the connection; is it another port that speaks TLS?"
    )
    ended = terminal.run("ping", f"sip:127.0.0.1:{tls_port};transport=tcp")
    assert ended.returncode == 6
    assert one_sentence(ended) == f"127.0.0.1:{tls_port} over TCP: closed by the peer"
    _, printed = terminal.end(server)
    for said in ("the peer speaks TLS, and this is a connection without it", "the peer does not speak TLS here"):
        assert re.search(rf"security: refused +source=127\.0\.0\.1 .*reason='{said}'", printed)


# Connections


@pytest.mark.rfc("3261 18.2.2 #3")
def test_an_answer_finds_a_caller_whose_connection_is_gone(terminal: Terminal, trusting: Path, port: int) -> None:
    """It comes over a connection of the server's, to where the Via says that the caller listens."""
    terminal.start("serve", "-c", str(trusting), until="ready")
    with Peer(port) as bob, Peer(port) as alice, socket.create_server(("127.0.0.1", 0)) as listener:
        assert bob.register("bob", "sip:bob@{}:{}".format(*bob.socket.getsockname())) == 200
        sent_by = "{}:{}".format(*listener.getsockname())
        contact = f"Contact: <sip:alice@{sent_by};transport=tcp>"
        invite = alice.request("INVITE", "sip:bob@example.test", "alice", contact)
        over_tcp = re.sub("Via: SIP/2.0/UDP [^;]+;rport", f"Via: SIP/2.0/TCP {sent_by}", invite)
        with socket.create_connection(("127.0.0.1", port)) as first:
            first.sendall(over_tcp.encode())
            rings = bob.receive()
            assert first.recv(65536).startswith(b"SIP/2.0 100 ")
            first.shutdown(socket.SHUT_WR)
            assert first.recv(65536) == b""
        bob.answer(rings, "486 Busy Here")
        listener.settimeout(30)
        second, _ = listener.accept()
        with second:
            assert second.recv(65536).startswith(b"SIP/2.0 486 Busy Here\r\n")


# Nowhere to write to


@pytest.mark.parametrize(
    "words", [["user", "list", "-c", "offhook.toml"], ["lint", "message.sip"], ["lint", "--json", "message.sip"]]
)
def test_output_that_cannot_be_written_is_told(terminal: Terminal, config: Path, words: list[str]) -> None:
    (terminal.home / "message.sip").write_bytes(b"hello")
    add_users(terminal, config, "carol")
    with Path("/dev/full").open("w", encoding="ascii") as full:
        ended = subprocess.run(
            [*OFFHOOK, *words],
            env=terminal.environment,
            cwd=terminal.home,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.stderr == "offhook: the output cannot be written: no space left on device\n"
    assert ended.returncode == 1


# A server that is killed, and one whose disk is full


def test_kill_9_after_the_200_loses_no_phone(terminal: Terminal, trusting: Path, port: int) -> None:
    """The call after the restart comes to where the REGISTER came from, whatever its Contact says."""
    first = terminal.start("serve", "-c", str(trusting), until="ready")
    with Peer(port, INNER) as bob:
        assert bob.register("bob", BEHIND_NAT) == 200
        first.send_signal(signal.SIGKILL)
        first.wait(10)
        terminal.start("serve", "-c", str(trusting), until="ready")
        way = ("--as", "sip:alice@example.test", "--no-register", "--proxy", f"sip:127.0.0.1:{port}")
        calling = terminal.start("call", "sip:bob@example.test", *way, until="calling sip:bob@example.test")
        invite = bob.receive()
        assert invite.startswith(f"INVITE {BEHIND_NAT} SIP/2.0\r\n")
        bob.answer(invite, "486 Busy Here")
        printed, _ = calling.communicate(timeout=30)
    assert calling.returncode == 3
    assert printed == "offhook: 486 Busy Here\n"


def test_a_full_disk_refuses_what_it_cannot_keep(terminal: Terminal, trusting: Path, port: int) -> None:
    """The process may write no files any more, and then it may again: the kernel refuses as it does on a full disk."""
    server = terminal.start("serve", "-c", str(trusting), until="ready")
    with Peer(port) as phone:
        assert phone.register("bob", BEHIND_NAT) == 200
        _, most = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, most))
        assert phone.register("carol", "sip:carol@192.0.2.34") == 500
        assert phone.register("bob", "sip:bob@192.0.2.35") == 500
        # It lives on, and knows what it has acknowledged.
        assert phone.ask(phone.request("OPTIONS", f"sip:127.0.0.1:{port}", "bob")).startswith("SIP/2.0 200 ")
        answer = phone.ask(phone.request("REGISTER", "sip:example.test", "bob"))
        assert [line[: line.index(";")] for line in answer.split("\r\n") if line.startswith("Contact: ")] == [
            f"Contact: <{BEHIND_NAT}>"
        ]
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (most, most))
        assert phone.register("carol", "sip:carol@192.0.2.34") == 200
        server.send_signal(signal.SIGKILL)
        printed, _ = server.communicate(timeout=10)
        complaints = [line for line in printed.splitlines() if "the disk is full" in line]
        assert len(complaints) == 1
        assert f"{terminal.home}/data/offhook.db cannot grow: the disk is full" in complaints[0]
        assert "Traceback" not in printed
        terminal.start("serve", "-c", str(trusting), until="ready")
        for user, contact in (("bob", BEHIND_NAT), ("carol", "sip:carol@192.0.2.34")):
            answer = phone.ask(phone.request("REGISTER", "sip:example.test", user))
            assert f"\r\nContact: <{contact}>" in answer


# Ports


def test_a_tcp_port_in_use(terminal: Terminal, config: Path, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        ended = terminal.run("serve", "-c", str(config))
    assert ended.returncode == 6
    mend = "stop the program that holds it or choose another port"
    assert one_sentence(ended) == f"TCP port {port} of 127.0.0.1 is in use; {mend}"


# Ctrl-C


def test_a_second_ctrl_c_ends_at_once(terminal: Terminal) -> None:
    """The first one waits for the peer's answer to CANCEL, the second for nothing."""
    with Peer(0) as ringing:
        port = ringing.socket.getsockname()[1]
        words = ("call", f"sip:bob@127.0.0.1:{port}", "--no-register", "--as", "sip:us@127.0.0.1")
        calling = terminal.start(*words, until="calling")
        data, source = ringing.socket.recvfrom(65536)
        ringing.server = source
        ringing.answer(data.decode(), "180 Ringing")
        assert next_line(calling) == "180 Ringing\n"
        calling.send_signal(signal.SIGINT)
        while not ringing.receive().startswith("CANCEL "):
            """The INVITE may have been repeated."""
        calling.send_signal(signal.SIGINT)
        printed, _ = calling.communicate(timeout=3)
    assert (calling.returncode, printed) == (130, "")
