"""A peer that speaks SIP octet by octet, so that it can be as wrong as a test wants it."""

from __future__ import annotations

import socket
from itertools import count
from types import TracebackType
from typing import Final, Self

__all__ = ["Peer"]

PATIENCE: Final = 30.0
_numbers: Final = count(1)


class Peer:
    """A UDP socket of 127.0.0.1 that talks with the server at `port`.

    `sent_by` is what it believes its own address to be, as a phone behind a NAT does.
    """

    def __init__(self, port: int, sent_by: str = "") -> None:
        self.server = ("127.0.0.1", port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(PATIENCE)
        self._local = "{}:{}".format(*self.socket.getsockname())
        self._sent_by = sent_by or self._local

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def request(self, method: str, uri: str, user: str, *lines: str) -> str:
        """A request in a transaction and a call of its own, with what else stands in its head."""
        number = next(_numbers)
        head = (
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {self._sent_by};rport;branch=z9hG4bK-{number}",
            "Max-Forwards: 70",
            f"From: <sip:{user}@example.test>;tag={number}",
            f"To: <sip:{user}@example.test>",
            f"Call-ID: {number}@{self._local}",
            f"CSeq: {number} {method}",
            *lines,
            "Content-Length: 0",
        )
        return "\r\n".join(head) + "\r\n\r\n"

    def send(self, message: str | bytes) -> None:
        data = message.encode() if isinstance(message, str) else message
        self.socket.sendto(data, self.server)

    def receive(self) -> str:
        return self.socket.recv(65536).decode()

    def ask(self, message: str | bytes) -> str:
        """What is answered first."""
        self.send(message)
        return self.receive()

    def register(self, user: str, contact: str) -> int:
        """The status that a registration gets."""
        answer = self.ask(self.request("REGISTER", "sip:example.test", user, f"Contact: <{contact}>", "Expires: 600"))
        return int(answer.split(" ", 2)[1])

    def answer(self, request: str, status: str) -> None:
        """Answer a request, with a tag of ours."""
        copied = [
            line + (";tag=peer" if line.startswith("To:") and "tag=" not in line else "")
            for line in request.split("\r\n")
            if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))
        ]
        self.send("\r\n".join([f"SIP/2.0 {status}", *copied, "Content-Length: 0", "", ""]))
