"""Ten thousand calls that ring: what the server holds for each, and that it lets go of all of it."""

from __future__ import annotations

import re
import select
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from bench.measure import PORT, Failed, Server, running, wait_until_answering
from bench.phones import CALLERS, DOMAIN, Phone

__all__ = ["Usage", "request_of", "response_to", "ringing", "usage"]

HOST = "127.0.0.1"
FIRST = 1000
"""Calls that ring before memory is compared: what is loaded and remembered once belongs to none of them."""
AT_ONCE = 50
AGAIN = 0.5
"""Seconds of silence after which what has no answer is sent again."""
PATIENCE = 20.0
BRANCH = re.compile(rb"branch=([^;\r]+)")

Usage = dict[str, int]
"""What the server says that it holds, by its names."""


def usage(process: subprocess.Popen[bytes], log: Path, seconds: float = 10.0) -> Usage:
    """Ask the server for its figures."""
    before = log.read_text(errors="replace").count("in use")
    process.send_signal(signal.SIGUSR1)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = [line for line in log.read_text(errors="replace").splitlines(keepends=True) if "in use" in line]
        if len(lines) > before and lines[-1].endswith("\n"):
            return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", lines[-1])}
        time.sleep(0.05)
    raise Failed("the server does not tell what it holds")


def ringing(server: Server, count: int) -> tuple[float, Usage]:
    """Octets of resident memory for each of `count` calls that ring, and what the server held in all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = folder / "log"
        log.touch()
        with running(server.command("proxy", folder), 0, log) as process, Line() as line:
            wait_until_answering(process)
            line.register()
            line.ring(FIRST)
            before = usage(process, log)
            line.ring(count)
            after = usage(process, log)
            held = after["server_transactions"] + after["client_transactions"]
            if held != 2 * (FIRST + count) or after["unanswered"] != FIRST + count:
                raise Failed(f"{held} transactions in place of {2 * (FIRST + count)}")
            line.hang_up()
            return (after["resident_kib"] - before["resident_kib"]) * 1024 / count, after


class Line:
    """A caller with many calls, and a callee who lets all of them ring."""

    def __init__(self) -> None:
        self._caller = _socket()
        self._callee = _socket()
        self._calls = 0

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._caller.close()
        self._callee.close()

    def register(self) -> None:
        """Let the callee be found."""
        where = "{}:{}".format(*self._callee.getsockname())
        contact = f"<sip:bob@{where}>"
        aor = f"sip:bob@{DOMAIN}"
        register = request_of(CALLERS[0], "REGISTER", 0, f"sip:{DOMAIN}", {"To": f"<{aor}>", "Contact": contact})
        self._callee.sendto(register, (HOST, PORT))
        if not self._callee.recv(65536).startswith(b"SIP/2.0 200"):
            raise Failed("the callee was not registered")

    def ring(self, count: int) -> None:
        """Begin so many calls more, and wait until each rings."""
        self._all("INVITE", range(self._calls, self._calls + count), 180, b" 180 ")
        self._calls += count

    def hang_up(self) -> None:
        """Cancel all calls."""
        self._all("CANCEL", range(self._calls), 200, b" 200 ")

    def _all(self, method: str, numbers: range, status: int, awaited: bytes) -> None:
        """Send a request of each call, a few at a time, until each has the answer that is awaited."""
        for first in range(0, len(numbers), AT_ONCE):
            left = {b"z9hG4bK-ring-%08x" % number: number for number in numbers[first : first + AT_ONCE]}
            end = time.monotonic() + PATIENCE
            while left:
                if time.monotonic() > end:
                    raise Failed(f"{len(left)} of {method} have no answer")
                for number in left.values():
                    self._send(self._invite(method, number))
                while left and (ready := select.select([self._caller, self._callee], [], [], AGAIN)[0]):
                    if self._callee in ready:
                        self._answer(method.encode(), status)
                    if self._caller in ready:
                        self._hear(awaited, left)

    def _invite(self, method: str, number: int) -> bytes:
        local = "{}:{}".format(*self._caller.getsockname())
        fields = {"To": f"<sip:bob@{DOMAIN}>", "Contact": f"<sip:alice@{local}>"}
        return request_of(CALLERS[number % len(CALLERS)], method, number, f"sip:bob@{DOMAIN}", fields, local)

    def _answer(self, method: bytes, status: int) -> None:
        data, source = self._callee.recvfrom(65536)
        if data.startswith(method):
            self._callee.sendto(response_to(data, status), source)

    def _hear(self, awaited: bytes, left: dict[bytes, int]) -> None:
        data = self._caller.recv(65536)
        branch = BRANCH.search(data)
        if data[7:12] == awaited and branch is not None:
            left.pop(branch[1], None)

    def _send(self, data: bytes) -> None:
        self._caller.sendto(data, (HOST, PORT))


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind((HOST, 0))
    made.settimeout(10.0)
    return made


def request_of(
    phone: Phone, method: str, number: int, uri: str, fields: dict[str, str], local: str = f"{HOST}:9"
) -> bytes:
    """One of a phone's requests; what SIPp would write in the place of its words stands there."""
    call = {"From": f"<sip:bob@{DOMAIN}>;tag=r{number:08x}", **fields}
    via = f"SIP/2.0/UDP {local};branch=z9hG4bK-ring-{number:08x};rport"
    text = phone.request(f"{method} {uri} SIP/2.0", method, 1, {**call, "Via": via})
    head, _, body = text.partition("\n\n")
    body = body.replace("\n", "\r\n") + "\r\n" if body else ""
    words = {
        "[call_id]": f"{number:08x}-4c1f-9d3e@{HOST}",
        "[len]": str(len(body)),
    }
    for word, value in words.items():
        head = head.replace(word, value)
    for word, value in {"[local_ip_type]": "4", "[media_ip_type]": "4", "[media_port]": "6000"}.items():
        body = body.replace(word, value)
    body = body.replace("[local_ip]", HOST).replace("[media_ip]", HOST)
    head = re.sub(r"(?m)^(l|Content-Length): .*$", rf"\1: {len(body)}", head.rstrip("\n"))
    return (head.replace("\n", "\r\n") + "\r\n\r\n" + body).encode()


def response_to(request: bytes, status: int) -> bytes:
    """An answer of the callee's."""
    head = request.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    names = (b"via", b"v", b"from", b"f", b"to", b"t", b"call-id", b"i", b"cseq", b"record-route")
    kept = [line for line in head if line.partition(b":")[0].strip().lower() in names]
    to = [line + b";tag=callee" if line[:1] in b"Tt" and b"tag=" not in line else line for line in kept]
    return b"\r\n".join([f"SIP/2.0 {status} Done".encode(), *to, b"Content-Length: 0", b"", b""])
