"""Raw octets for a running element, over real sockets, and what it answers."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import re
import socket
from contextlib import suppress
from typing import Final

from offhook.errors import ParseError
from offhook.sip.framing import StreamFramer
from offhook.sip.scan import scan_via

__all__ = ["Answer", "Wire", "statuses"]

PATIENCE: Final = 20.0
"""Seconds until a test that waits has failed; no test takes that long by itself."""
_QUIET: Final = 0.02
"""Seconds in which nothing more has to come, once an OPTIONS behind it has been answered."""
_VIA: Final = re.compile(rb"\n(?:via|v)[ \t]*:\s*([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)", re.IGNORECASE)
_numbers: Final = itertools.count(1)


class Answer:
    """A response as it came. What it copies from a broken request need not be of the grammar."""

    def __init__(self, data: bytes) -> None:
        head, _, self.body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "SIP/2.0", data
        self.status = int(status)
        self.fields = [
            (name.strip().lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]

    def __repr__(self) -> str:
        return f"<Answer {self.status} {self.fields}>"

    def text(self, name: str) -> str | None:
        """The value of the first field of that name."""
        return next((value for have, value in self.fields if have == name.lower()), None)


def statuses(answers: list[Answer]) -> list[int]:
    """The final ones of some answers."""
    return [answer.status for answer in answers if answer.status >= 200]


class Wire:
    """A stranger with sockets, talking to an element that listens for UDP and TCP at `udp` and `tcp`.

    `asked` is the Request-URI of the OPTIONS that the element has to answer, whatever came before it.
    """

    def __init__(self, udp: tuple[str, int], tcp: tuple[str, int], asked: str) -> None:
        self.udp = udp
        self.tcp = tcp
        self.asked = asked
        self.closed = False
        """Whether the element has closed the last connection, before the OPTIONS that follows."""

    async def over(self, transport: str, data: bytes, *, answered: bool = True) -> list[Answer]:
        """Send one message; what comes back until a final answer, or, with none to come, until an OPTIONS is answered.

        Whatever it is, an OPTIONS is answered afterwards.
        """
        async with asyncio.timeout(PATIENCE):
            return await (self._datagram(data, answered) if transport == "UDP" else self._stream(data, answered))

    async def _datagram(self, data: bytes, answered: bool) -> list[Answer]:
        """From an address of its own, at the port to which 18.2.2 sends the answers."""
        loop = asyncio.get_running_loop()
        with _bound(_port_of(data)) as sock:
            await loop.sock_sendto(sock, data, self.udp)
            answers = await self._answers_to(sock) if answered else []
            await self._options()
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET):
                    while True:
                        answers.append(Answer(await loop.sock_recv(sock, 65536)))
            return answers

    async def _answers_to(self, sock: socket.socket) -> list[Answer]:
        loop = asyncio.get_running_loop()
        answers: list[Answer] = []
        while not statuses(answers):
            answers.append(Answer(await loop.sock_recv(sock, 65536)))
        return answers

    async def _options(self) -> None:
        loop = asyncio.get_running_loop()
        with _bound(0) as sock:
            await loop.sock_sendto(sock, self._question("UDP", sock.getsockname()), self.udp)
            answer = Answer(await loop.sock_recv(sock, 65536))
        assert (answer.status, answer.text("CSeq")) == (200, "1 OPTIONS")

    async def _stream(self, data: bytes, answered: bool) -> list[Answer]:
        reader, writer = await asyncio.open_connection(*self.tcp)
        framer = StreamFramer()
        answers: list[Answer] = []
        self.closed = False
        try:
            writer.write(data)
            while answered and not statuses(answers):
                taken = await reader.read(65536)
                assert taken, "the connection was closed without an answer"
                answers += [Answer(item) for item in framer.receive(taken)]
            await self._options_over_stream()
            with suppress(TimeoutError):
                async with asyncio.timeout(_QUIET):
                    while taken := await reader.read(65536):
                        answers += [Answer(item) for item in framer.receive(taken)]
                    self.closed = True
        finally:
            await _closed(writer)
        return answers

    async def _options_over_stream(self) -> None:
        """Over a connection of its own: behind octets that cannot be framed nobody could find it."""
        reader, writer = await asyncio.open_connection(*self.tcp)
        try:
            writer.write(self._question("TCP", writer.get_extra_info("sockname")))
            framer = StreamFramer()
            found: list[bytes] = []
            while not found:
                taken = await reader.read(65536)
                assert taken, "the connection of an OPTIONS was closed"
                found = framer.receive(taken)
        finally:
            await _closed(writer)
        answer = Answer(found[0])
        assert (answer.status, answer.text("CSeq")) == (200, "1 OPTIONS")

    def _question(self, transport: str, local: tuple[str, int]) -> bytes:
        number = next(_numbers)
        return (
            f"OPTIONS {self.asked} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport} {local[0]}:{local[1]};branch=z9hG4bKafterwards{number}\r\n"
            f"From: <sip:stranger@foreign.example>;tag=afterwards\r\nTo: <{self.asked}>\r\nMax-Forwards: 70\r\n"
            f"Call-ID: afterwards{number}@foreign.example\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ).encode("ascii")


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Leave nothing behind that the loop would have to close after its end."""
    writer.transport.abort()
    with suppress(OSError):
        await writer.wait_closed()


def _port_of(data: bytes) -> int:
    """Where the answer to a message is to be waited for: the port of its top Via, any one when rport asks for it."""
    found = _VIA.search(data)
    if found is None:
        return 5060
    try:
        via = scan_via(found.group(1).strip())
    except ParseError:
        return 5060
    return 0 if via.rport else via.port or 5060


def _bound(port: int) -> socket.socket:
    """A socket at an address of loopback that nobody else has."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    for _ in range(100):
        host = f"127.{random.randint(64, 250)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        with suppress(OSError):
            sock.bind((host, port))
            return sock
    raise OSError(f"port {port} cannot be had at any address, {os.getpid()}")
