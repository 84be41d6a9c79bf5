"""How long a server keeps a call: INVITEs to ourselves through it, timed from sending to arrival.

The probe has an address and a port of its own, so that no server challenges it. It takes one call at a time, declines
it, and hears the server out.
"""

from __future__ import annotations

import socket
import threading
import time
from statistics import median

__all__ = ["Probe"]

HOST = "127.0.0.2"
WAIT = 1.0
LATELY = 25


class Probe:
    """Calls itself `rate` times a second between `start` and `stop`; `stop` gives the seconds that each INVITE took.

    An INVITE that does not arrive within a second counts as one second.
    """

    def __init__(self, server: tuple[str, int], rate: float = 25.0) -> None:
        self._server = server
        self._pause = 1 / rate
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(WAIT)
        self._place = "{}:{}".format(*self._socket.getsockname())
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._took: list[float] = []

    def start(self) -> None:
        """Register, and begin to call."""
        registrar = "sip:{}:{}".format(*self._server)
        self._send(self._request("REGISTER", registrar, 0, f"Contact: <sip:probe@{self._place}>\r\n"))
        if not self._socket.recv(65536).startswith(b"SIP/2.0 200"):
            raise OSError("the probe was not registered")
        self._thread.start()

    @property
    def count(self) -> int:
        """How many INVITEs there were."""
        return len(self._took)

    def lately(self) -> float:
        """The median of what the last INVITEs took; 0 before the first."""
        return median(self._took[-LATELY:] or [0.0])

    def stop(self) -> list[float]:
        """End, and tell what was measured."""
        self._ended.set()
        self._thread.join()
        self._socket.close()
        return self._took

    def _run(self) -> None:
        number = 0
        while not self._ended.wait(self._pause):
            number += 1
            self._took.append(self._call(number))

    def _call(self, number: int) -> float:
        """One call: the INVITE, 603 to it, the server's 603 and our ACK. What is left of others is answered too."""
        own = f"probe-{number}\r\n".encode()
        start = time.monotonic()
        self._send(self._request("INVITE", "sip:probe@example.com", number))
        took = WAIT
        try:
            while (left := start + WAIT - time.monotonic()) > 0:
                self._socket.settimeout(left)
                message = self._socket.recv(65536)
                if message.startswith(b"INVITE"):
                    if own in message:
                        took = min(took, time.monotonic() - start)
                    self._send(_answer(message))
                elif message.startswith(b"SIP/2.0 603"):
                    self._send(_acknowledgement(message))
                elif message.startswith(b"ACK") and own in message:
                    break
        except TimeoutError:
            return took
        return took

    def _request(self, method: str, uri: str, number: int, more: str = "") -> bytes:
        to = "<sip:probe@example.com>"
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self._place};branch=z9hG4bKprobe{self._place}{number}\r\n"
            f"From: {to};tag=p{number}\r\nTo: {to}\r\nCall-ID: {self._place}-probe-{number}\r\nCSeq: 1 {method}\r\n"
            f"Max-Forwards: 70\r\n{more or f'Contact: <sip:probe@{self._place}>' + chr(13) + chr(10)}"
            "Content-Length: 0\r\n\r\n"
        ).encode()

    def _send(self, message: bytes) -> None:
        self._socket.sendto(message, self._server)


def _lines(message: bytes, *names: bytes) -> list[bytes]:
    head = message.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    return [line for line in head if line.partition(b":")[0].strip().lower() in names]


def _answer(invite: bytes) -> bytes:
    lines = _lines(invite, b"via", b"from", b"call-id", b"cseq")
    to = _lines(invite, b"to")[0] + b";tag=q"
    return b"\r\n".join([b"SIP/2.0 603 Decline", *lines, to, b"Content-Length: 0", b"", b""])


def _acknowledgement(response: bytes) -> bytes:
    lines = _lines(response, b"via", b"from", b"to", b"call-id")
    more = (b"CSeq: 1 ACK", b"Max-Forwards: 70", b"Content-Length: 0", b"", b"")
    return b"\r\n".join([b"ACK sip:probe@example.com SIP/2.0", *lines, *more])
