"""A flood, as a program: `python -m tests.interop.flooding HOST PORT KIND RATE SECONDS SOURCES NETWORK`.

KIND is `challenged` (REGISTER without credentials), `guessing` (REGISTER with a wrong name and password), `calling`
(INVITE to a user whose phone, which is here too, rings for ever) or `searching` (INVITE to users who do not exist). It
comes from so many addresses of 127.NETWORK.0.0, RATE in a second. What was answered is printed at the end.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import count, cycle
from typing import Final

from offhook.security.digest import Challenge, answer_challenge, compute_ha1
from offhook.sip.headers.auth import Credentials, parse_challenge

__all__ = ["VICTIM", "VICTIMS_PASSWORD"]

VICTIM: Final = "victim"
VICTIMS_PASSWORD: Final = "rings-for-ever"
TICK: Final = 0.005
_numbers: Final = count(1)


def head(method: str, uri: str, sender: str, to: str, own: tuple[str, int], *lines: str) -> bytes:
    number = next(_numbers)
    via = f"SIP/2.0/UDP {own[0]}:{own[1]};branch=z9hG4bKflood{own[0]}{number};rport"
    fields = (
        f"{method} {uri} SIP/2.0",
        f"Via: {via}",
        f"From: <{sender}>;tag={number}",
        f"To: <{to}>",
        f"Call-ID: {own[0]}-{number}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        f"Contact: <sip:x@{own[0]}:{own[1]}>",
        *lines,
        "Content-Length: 0",
    )
    return "\r\n".join((*fields, "", "")).encode()


def request(kind: str, domain: str, own: tuple[str, int]) -> bytes:
    if kind == "challenged":
        return head("REGISTER", f"sip:{domain}", f"sip:alice@{domain}", f"sip:alice@{domain}", own)
    if kind == "guessing":
        user = f"guess{next(_numbers)}"
        wrong = f'Digest username="{user}", realm="{domain}", nonce="x", uri="sip:{domain}", response="0"'
        aor = f"sip:{user}@{domain}"
        return head("REGISTER", f"sip:{domain}", aor, aor, own, f"Authorization: {wrong}")
    user = VICTIM if kind == "calling" else f"nobody{next(_numbers)}"
    return head("INVITE", f"sip:{user}@{domain}", "sip:mallory@example.net", f"sip:{user}@{domain}", own)


def register_victim(domain: str, server: tuple[str, int]) -> socket.socket:
    """The phone that rings for ever, registered."""
    phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    phone.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    phone.bind((server[0], 0))
    phone.settimeout(10.0)
    own = phone.getsockname()
    uri, aor = f"sip:{domain}", f"sip:{VICTIM}@{domain}"
    phone.sendto(head("REGISTER", uri, aor, aor, own), server)
    found = re.search(r"WWW-Authenticate: (.*)\r\n", phone.recv(65536).decode())
    assert found is not None
    challenge = Challenge.parse(parse_challenge(found[1]).params)
    ha1 = compute_ha1(challenge.algorithm, VICTIM, challenge.realm, VICTIMS_PASSWORD)
    made = answer_challenge(challenge, VICTIM, ha1, "REGISTER", uri, "c")
    authorization = Credentials("Digest", made.parameters()).serialize()
    phone.sendto(head("REGISTER", uri, aor, aor, own, f"Authorization: {authorization}"), server)
    assert phone.recv(65536).startswith(b"SIP/2.0 200 ")
    phone.setblocking(False)
    return phone


def ring(phone: socket.socket, server: tuple[str, int]) -> None:
    for data in datagrams(phone):
        lines = data.decode("utf-8", "replace").split("\r\n")
        if not lines[0].startswith("INVITE "):
            continue
        kept = [line for line in lines if line.startswith(("Via:", "From:", "Call-ID:", "CSeq:", "Record-Route:"))]
        to = next(line for line in lines if line.startswith("To:"))
        answer = ["SIP/2.0 180 Ringing", *kept, f"{to};tag=v", "Content-Length: 0", "", ""]
        phone.sendto("\r\n".join(answer).encode(), server)


def datagrams(sock: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            yield sock.recv(65536)
        except BlockingIOError:
            return


def flood(
    domain: str, server: tuple[str, int], kind: str, rate: float, seconds: float, sources: int, network: int
) -> dict[str, object]:
    selector = selectors.DefaultSelector()
    sockets = []
    for number in range(sources):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((f"127.{network}.{number >> 8}.{(number & 255) or 255}", 0))
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ)
        sockets.append(sock)
    phone = register_victim(domain, server) if kind == "calling" else None
    if phone is not None:
        selector.register(phone, selectors.EVENT_READ)
    answers: Counter[str] = Counter()
    sent = 0
    turn = cycle(sockets)
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        for _ in range(min(int(passed * rate) - sent, int(rate * 10 * TICK) + 1)):
            sock = next(turn)
            sock.sendto(request(kind, domain, sock.getsockname()), server)
            sent += 1
        for key, _ in selector.select(TICK):
            assert isinstance(key.fileobj, socket.socket)
            if key.fileobj is phone:
                ring(phone, server)
            else:
                answers.update(data[8:11].decode("ascii", "replace") for data in datagrams(key.fileobj))
    return {"sent": sent, "answers": dict(sorted(answers.items()))}


if __name__ == "__main__":
    host, port, kind, rate, seconds, *numbers = sys.argv[1:]
    sources, network = map(int, numbers)
    print(json.dumps(flood(host, (host, int(port)), kind, float(rate), float(seconds), sources, network)))  # noqa: T201
