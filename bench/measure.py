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
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
PORT = 5260
CALLEE_PORT = 5270
CALLER_PORT = 5280
TICKS = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """The measurement did not come about; the words say why."""


class Server:
    """A server under test: `name`, and the command that starts it in a folder of its own."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.command = command


class Load:
    """What SIPp does to a server: `scenario` at `rate` a second; `callee` when somebody has to answer."""

    def __init__(self, name: str, scenario: str, rate: int, callee: bool) -> None:
        self.name = name
        self.scenario = scenario
        self.rate = rate
        self.callee = callee


class Sample:
    """One round: CPU seconds for each operation, resident octets at the end, and how many operations failed."""

    def __init__(self, cpu: float, user: float, resident: int, failed: int) -> None:
        self.cpu = cpu
        self.user = user
        self.resident = resident
        self.failed = failed


def kamailio(folder: Path) -> Server:
    """Kamailio with its fast allocator, one UDP worker (its configuration has the rest)."""
    if shutil.which("kamailio") is None:
        raise Failed("kamailio is not installed; apt-get install kamailio")
    memory = ["-m", "512", "-M", "32", "-x", "fm", "-X", "fm"]
    places = ["-P", str(folder / "pid"), "-Y", str(folder), "-w", str(folder)]
    return Server("kamailio", ["kamailio", "-f", str(HERE / "kamailio.cfg"), "-DD", *memory, *places])


def offhook(name: str, python: str, folder: Path) -> Server:
    """Our server as shipped, run by one interpreter."""
    config = folder / f"{name}.toml"
    config.write_text(f'data = "{folder / name}"\n' + (HERE / "offhook.toml").read_text())
    return Server(name, [str(Path(python).parent / "offhook"), "serve", "-c", str(config)])


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


def resident(pid: int) -> int:
    """Resident octets of a process and its descendants."""
    pages = sum(int(Path(f"/proc/{each}/statm").read_text().split()[1]) for each in processes(pid))
    return pages * os.sysconf("SC_PAGE_SIZE")


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
    count = int(load.rate * seconds)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log"
        try:
            with running(server.command, 0, log) as process:
                wait_until_answering(process)
                return _loaded(process, load, count, folder)
        except Failed as error:
            raise Failed(f"{server.name}: {error}; {log.read_text(errors='replace')[-500:]}") from error


def _loaded(process: subprocess.Popen[bytes], load: Load, count: int, folder: Path) -> Sample:
    callee = ["sipp", "-sf", str(HERE / "uas.xml"), "-i", "127.0.0.1", "-p", str(CALLEE_PORT), "-nostdin"]
    if load.callee:
        with running(callee, 1, folder / "callee"):
            time.sleep(0.5)
            return _sampled(process, load, count)
    return _sampled(process, load, count)


def _sampled(process: subprocess.Popen[bytes], load: Load, count: int) -> Sample:
    before = cpu_seconds(process.pid)
    sipp = ["taskset", "-c", "1", "sipp", "-sf", str(HERE / load.scenario), f"127.0.0.1:{PORT}", "-i", "127.0.0.1"]
    sipp += ["-p", str(CALLER_PORT), "-s", "bob", "-r", str(load.rate), "-m", str(count), "-l", "20000", "-nostdin"]
    # A call that stands still for so long has failed; without this SIPp would wait for it for ever.
    sipp += ["-recv_timeout", "20000"]
    ended = subprocess.run(sipp, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=120)
    after = cpu_seconds(process.pid)
    found = re.findall(rb"Failed call +\|[^|]*\| +(\d+)", ended.stdout)
    failed = int(found[-1]) if found else count
    total = sum(after) - sum(before)
    return Sample(total / count, (after[0] - before[0]) / count, resident(process.pid), failed)
