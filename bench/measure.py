"""Starting a server on one processor, loading it from the other, and reading what it cost."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bench import phones
from bench.loads import Load
from bench.probe import Probe

__all__ = [
    "HERE",
    "PORT",
    "Failed",
    "Kamailio",
    "Offhook",
    "Sample",
    "Server",
    "around",
    "caller_command",
    "cpu_seconds",
    "round_of",
    "running",
    "wait_until_answering",
]

HERE = Path(__file__).parent
PORT = 5260
TLS_PORT = 5261
RINGING_PORT = 5271
TUNNEL_PORT = 5290
CALLEE_PORT = 5270
CALLER_PORT = 5280
USERS = 500
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The measurement did not come about; the words say why."""


class Server:
    """A server under test. `command` starts it for a kind of load, with what it writes in a folder.

    `probed`: it has a registrar, so that the probe can be registered.
    """

    name: str
    probed = True

    def command(self, kind: str, folder: Path) -> list[str]:
        raise NotImplementedError


class Kamailio(Server):
    """Kamailio with its fast allocator, one UDP worker (its configuration has the rest)."""

    def __init__(self) -> None:
        if shutil.which("kamailio") is None:
            raise Failed("kamailio is not installed; apt-get install kamailio")
        self.name = "kamailio"

    def command(self, kind: str, folder: Path) -> list[str]:
        defined = [] if kind == "proxy" else ["-A", kind.upper()]
        config = folder / "kamailio.cfg"
        config.write_text((HERE / "servers" / "kamailio.cfg").read_text().replace("@FOLDER@", str(folder)))
        make_certificate(folder, kind)
        memory = ["-m", "512", "-M", "32", "-x", "fm", "-X", "fm"]
        places = ["-P", str(folder / "pid"), "-Y", str(folder), "-w", str(folder)]
        return ["kamailio", "-f", str(config), "-DD", *defined, *memory, *places]


class Offhook(Server):
    """Our server as shipped, run by one interpreter: what is installed there, or the sources of a `tree`.

    `profile` is the file to which cProfile writes.
    """

    def __init__(self, name: str, python: str, tree: Path | None = None, profile: Path | None = None) -> None:
        self.name = name
        self._python = python
        self._bench = HERE if tree is None else tree / "bench"
        self._sources = [] if tree is None else ["env", f"PYTHONPATH={tree / 'src'}"]
        self._profile = profile

    def command(self, kind: str, folder: Path) -> list[str]:
        config = folder / "offhook.toml"
        config.write_text(f'data = "{folder}"\n' + (self._bench / "servers" / f"{kind}.toml").read_text())
        make_certificate(folder, kind)
        if kind == "digest":
            accounts = [*self._sources, self._python, str(self._bench / "accounts.py")]
            subprocess.run([*accounts, str(folder), str(USERS)], check=True)
        script = str(Path(self._python).parent / "offhook")
        profiled = [self._python, "-m", "cProfile", "-o", str(self._profile)] if self._profile else []
        return [*self._sources, *profiled, script, "serve", "-c", str(config)]


def make_certificate(folder: Path, kind: str) -> None:
    """A certificate and its key, where a kind of load needs them."""
    if kind == "streams":
        file = str(folder / "certificate.pem")
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file]
        names = ["-subj", "/CN=example.com", "-addext", "subjectAltName=DNS:example.com,IP:127.0.0.1"]
        subprocess.run(["openssl", "req", "-x509", *key, "-out", f"{file}.x", *names], check=True, capture_output=True)
        with Path(file).open("a") as whole:
            whole.write(Path(f"{file}.x").read_text())


class Sample:
    """One round: CPU seconds for each operation that was done, of it user, the most resident octets, how many failed.

    `delays` are the seconds for which the server kept each of the probe's INVITEs.
    """

    def __init__(self, cpu: float, user: float, resident: int, failed: int, delays: list[float]) -> None:
        self.cpu = cpu
        self.user = user
        self.resident = resident
        self.failed = failed
        self.delays = delays


def processes(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from processes(int(child))


def cpu_seconds(pid: int) -> tuple[float, float]:
    """User and system time of a process and its descendants."""
    user = system = 0
    for each in processes(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        user += int(fields[11])
        system += int(fields[12])
    return user / TICKS, system / TICKS


def most_resident(pid: int) -> int:
    """The most octets that a process and its descendants had resident, each for itself."""
    found = [re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{each}/status").read_text()) for each in processes(pid)]
    return sum(int(match[1]) * 1024 for match in found if match is not None)


@contextmanager
def running(command: list[str], processor: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process pinned to a processor, ended afterwards."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(processor), *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_answering(process: subprocess.Popen[bytes], seconds: float = 20.0) -> None:
    """Wait until the server answers: a request of a dialog that is none, which nobody forwards."""
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(0.2)
        host, port = probe.getsockname()
        message = (
            f"OPTIONS sip:127.0.0.1:{PORT} SIP/2.0\r\nVia: SIP/2.0/UDP {host}:{port};branch=z9hG4bKprobe\r\n"
            f"From: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1:{PORT}>;tag=2\r\nCall-ID: probe\r\n"
            "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        while time.monotonic() < end:
            if process.poll() is not None:
                raise Failed(f"the server ended by itself with {process.returncode}")
            try:
                probe.sendto(message, ("127.0.0.1", PORT))
                if probe.recv(65536).startswith(b"SIP/2.0"):
                    return
            except (TimeoutError, ConnectionRefusedError):
                continue
    raise Failed("the server does not answer")


def round_of(server: Server, load: Load, seconds: float) -> Sample:
    """One round: start the server afresh, load it for some seconds, read what it cost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log"
        log.touch()
        try:
            with running(server.command(load.kind, folder), 0, log) as process:
                wait_until_answering(process)
                with around(load, folder):
                    return _sampled(process, load, seconds, folder, server.probed)
        except (Failed, OSError) as error:
            raise Failed(f"{server.name}: {error}; {log.read_text(errors='replace')[-500:]}") from error


@contextmanager
def around(load: Load, folder: Path) -> Iterator[None]:
    """Those who are called, and the tunnel that callers need."""
    with ExitStack() as stack:
        if load.ringing:
            for port in range(RINGING_PORT, RINGING_PORT + load.ringing):
                _register_at(port)
            _register_at(CALLEE_PORT)
        for port in range(RINGING_PORT, RINGING_PORT + load.ringing):
            stack.enter_context(_phone(f"ringing{port}", phones.ringing(), port, folder))
        if load.callee:
            stack.enter_context(_phone("callee", phones.callee(), CALLEE_PORT, folder))
        if load.transport == "tls":
            stack.enter_context(_tunnel(folder))
        time.sleep(0.5 if load.callee else 0.0)
        yield


def _phone(name: str, scenario: str, port: int, folder: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Whoever is called."""
    (folder / f"{name}.xml").write_text(scenario)
    command = ["sipp", "-sf", str(folder / f"{name}.xml"), "-i", "127.0.0.1", "-p", str(port), "-nostdin"]
    return running(command, 1, folder / name)


def _tunnel(folder: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """SIPp knows no TLS: stunnel stands before it."""
    (folder / "stunnel.conf").write_text(
        f"foreground = yes\npid =\ndebug = warning\n[sips]\nclient = yes\naccept = 127.0.0.1:{TUNNEL_PORT}\n"
        f"connect = 127.0.0.1:{TLS_PORT}\n"
    )
    return running(["stunnel4", str(folder / "stunnel.conf")], 1, folder / "stunnel")


def _register_at(port: int) -> None:
    """Let who is called be found at a port too, which is free again afterwards."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", port))
        phone.settimeout(5.0)
        phone.sendto(
            f"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bKr{port}\r\n"
            f"From: <sip:bob@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: register{port}\r\n"
            f"CSeq: 1 REGISTER\r\nContact: <sip:bob@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n"
            "Content-Length: 0\r\n\r\n".encode(),
            ("127.0.0.1", PORT),
        )
        if not phone.recv(65536).startswith(b"SIP/2.0 200"):
            raise Failed("a phone was not registered")


def _sampled(process: subprocess.Popen[bytes], load: Load, seconds: float, folder: Path, probed: bool) -> Sample:
    count = int(load.rate * seconds)
    command = caller_command(load, count, folder)
    probe = Probe(("127.0.0.1", PORT))
    before = cpu_seconds(process.pid)
    if probed:
        probe.start()
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)
    delays = probe.stop() if probed else []
    after = cpu_seconds(process.pid)
    found = re.findall(rb"Failed call +\|[^|]*\| +(\d+)", ended.stdout)
    failed = int(found[-1]) if found else count
    total = sum(after) - sum(before)
    # What fails costs too, and makes nobody cheaper.
    done = max(count - failed, 1)
    return Sample(total / done, (after[0] - before[0]) / done, most_resident(process.pid), failed, delays)


def caller_command(load: Load, count: int, folder: Path) -> list[str]:
    """The SIPp that offers a load."""
    scenario = load.scenario(load.answers).replace(phones.REGISTRAR, f"127.0.0.1:{PORT}")
    port = PORT
    if load.transport == "tls":
        port, scenario = TUNNEL_PORT, scenario.replace("[transport]", "TLS")
    (folder / "caller.xml").write_text(scenario)
    command = ["taskset", "-c", "1", "sipp", "-sf", str(folder / "caller.xml"), f"127.0.0.1:{port}", "-i", "127.0.0.1"]
    command += [] if load.transport == "udp" else ["-t", "t1"]
    command += ["-p", str(CALLER_PORT), "-s", "bob", "-r", str(load.rate), "-m", str(count), "-l", "20000", "-nostdin"]
    if load.answers:
        users = [f"u{number};[authentication username=u{number} password=secret]\n" for number in range(USERS)]
        (folder / "users.csv").write_text("SEQUENTIAL\n" + "".join(users))
        command += ["-inf", str(folder / "users.csv")]
    # A call that stands still for so long has failed; without this SIPp would wait for it for ever.
    return [*command, "-recv_timeout", "20000"]
