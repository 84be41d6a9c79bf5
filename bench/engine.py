"""CPU time that the server takes for each message, without sockets and other programs; run by the interpreter measured.

usage: python -m bench.engine [--only NAME] [--count N]

The engine and its roles are put together as `offhook serve` does by a file of bench/servers, and are given the messages
of one operation after the other, each of a user and with identifiers of its own, half a millisecond apart. What is told
is the median of the thread's CPU time, in microseconds, from the octets that came to those that would be sent.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from offhook.accounts.base import Account
from offhook.accounts.memory import MemoryAccounts
from offhook.clock import Moment
from offhook.flow import Flow, Query, Target
from offhook.ids import IdSource
from offhook.location.memory import MemoryLocation
from offhook.server.assembly import assemble
from offhook.server.config import load
from offhook.stack import Stack
from offhook.transaction.effects import REQUEST, Transmit

SERVERS = Path(__file__).parent / "servers"
HERE = ("127.0.0.1", 5260)
CALLER, CALLEE = Flow("UDP", "udp", HERE, ("127.0.0.1", 5280)), Flow("UDP", "udp", HERE, ("127.0.0.1", 5270))
PASSWORD = "secret"
USERS = 500
SDP = (
    "v=0\r\no=- 3976 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0 8 101\r\n"
    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
    "a=sendrecv\r\n"
)

Step = tuple[str, bytes, Flow]
Operation = Callable[["Server", int], Iterator[Step]]


class Server:
    """A server of a configuration; `sent` is what it would have sent for the last message."""

    def __init__(self, kind: str) -> None:
        names = [f"user{number}" for number in range(USERS)]
        accounts = MemoryAccounts(Account.create(name, "example.com", PASSWORD) for name in names)
        self.stack = Stack(IdSource.seeded(1), b"secret", self._resolve_now)
        config = load(SERVERS / f"{kind}.toml")
        self.role = assemble(config, self.stack, accounts, MemoryLocation(), bytes(32), self._later)
        self.role.listens_at(HERE, HERE)
        self.now = Moment(0.0, time.time())
        self.sent: list[bytes] = []

    def receive(self, data: bytes, flow: Flow) -> float:
        """Take a message; returns the seconds that it took, with the timers that ended meanwhile."""
        self.now = now = Moment(self.now.monotonic + 0.0005, self.now.wall + 0.0005)
        stack, role, sent = self.stack, self.role, list[bytes]()
        start = time.thread_time()
        stack.advance(now)
        stack.receive(data, flow, now)
        for effect in stack.pending:
            if isinstance(effect, Transmit):
                sent.append(effect.data)
            elif effect.kind >= REQUEST:
                role.receive(effect, now)
        stack.pending.clear()
        taken = time.thread_time() - start
        self.sent = sent
        return taken

    def answer(self) -> str:
        """The last of what was sent."""
        return self.sent[-1].decode()

    @staticmethod
    def _resolve_now(query: Query) -> list[Target]:
        return [Target("UDP", query.host, query.port or 5060, "udp", HERE, f"{HERE[0]}:{HERE[1]}")]

    @staticmethod
    def _later(work: object, done: object) -> None:
        raise AssertionError("nothing is awaited in memory")


def message(first: str, number: int, cseq: str, fields: str, body: str = "") -> bytes:
    """A message of the user of an operation."""
    user = number % USERS
    return (
        f"{first}\r\n{fields}From: <sip:user{user}@example.com>;tag=f{number}\r\nCall-ID: {number:08x}@127.0.0.1\r\n"
        f"CSeq: {cseq}\r\nContact: <sip:user{user}@127.0.0.1:5280>\r\nUser-Agent: bench\r\n"
        + ("Content-Type: application/sdp\r\n" if body else "")
        + f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def request(method: str, uri: str, number: int, cseq: int, more: str = "", body: str = "", tag: str = "") -> bytes:
    """A request of the caller."""
    via = f"Via: SIP/2.0/UDP 127.0.0.1:5280;branch=z9hG4bK{method}{cseq}-{number};rport\r\nMax-Forwards: 70\r\n"
    to = f"To: <{uri.partition(';')[0]}>{tag}\r\n"
    return message(f"{method} {uri} SIP/2.0", number, f"{cseq} {method}", via + to + more, body)


def response(server: Server, status: str, body: str = "") -> bytes:
    """What the callee answers to the request that was forwarded to him last."""
    head = server.answer().partition("\r\n\r\n")[0].split("\r\n")
    kept = [line for line in head if line.startswith(("Via:", "Record-Route:", "From:", "Call-ID:", "CSeq:"))]
    to = next(line for line in head if line.startswith("To:")).partition(";tag=")[0]
    kept += [f"{to};tag=callee", "Contact: <sip:callee@127.0.0.1:5270>"]
    kept += ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([f"SIP/2.0 {status}", *kept, f"Content-Length: {len(body)}", "", body]).encode()


def call(server: Server, number: int, cseq: int = 1, credentials: str = "") -> Iterator[Step]:
    """INVITE 180 200 ACK BYE 200."""
    uri = f"sip:callee{number}@example.com"
    yield "INVITE", request("INVITE", uri, number, cseq, credentials, SDP), CALLER
    ringing, ok = response(server, "180 Ringing"), response(server, "200 OK", SDP)
    yield "180", ringing, CALLEE
    yield "200 to INVITE", ok, CALLEE
    routes = re.findall(r"Record-Route: (.*)\r\n", ok.decode())
    within = "".join(f"Route: {route}\r\n" for route in routes)
    uri, tag = "sip:callee@127.0.0.1:5270", ";tag=callee"
    yield "ACK", request("ACK", uri, number, cseq, within + credentials, tag=tag), CALLER
    yield "BYE", request("BYE", uri, number, cseq + 1, within, tag=tag), CALLER
    yield "200 to BYE", response(server, "200 OK"), CALLEE


def registration(server: Server, number: int, cseq: int = 1, credentials: str = "") -> Iterator[Step]:
    """A REGISTER that is answered 200."""
    user = number % USERS
    fields = f"Expires: 3600\r\n{credentials}"
    whole = request("REGISTER", "sip:example.com", number, cseq, fields)
    yield "REGISTER", whole.replace(b"To: <sip:", b"To: <sip:user%d@" % user), CALLER


def challenged(operation: Operation, method: str, uri: str, header: str) -> Operation:
    """The same, asked for credentials first."""

    def steps(server: Server, number: int) -> Iterator[Step]:
        _, first, flow = next(operation(server, number))
        yield f"{method} without", first, flow
        found = re.search(r' nonce="([^"]*)"', server.answer())
        assert found is not None, server.answer()
        nonce, user, target = found.group(1), f"user{number % USERS}", uri.format(number=number)
        inner = hashlib.md5(f"{method}:{target}".encode()).hexdigest()
        outer = hashlib.md5(f"{user}:example.com:{PASSWORD}".encode()).hexdigest()
        digest = hashlib.md5(f"{outer}:{nonce}:00000001:c{number}:auth:{inner}".encode()).hexdigest()
        if method == "INVITE":
            ack = re.sub(rb"Content-Type.*", b"Content-Length: 0\r\n\r\n", first, flags=re.DOTALL)
            yield "ACK of 407", ack.replace(b"INVITE sip", b"ACK sip").replace(b"1 INVITE", b"1 ACK"), flow
        credentials = (
            f'{header}: Digest username="{user}", realm="example.com", nonce="{nonce}", uri="{target}", '
            f'response="{digest}", algorithm=MD5, cnonce="c{number}", qop=auth, nc=00000001\r\n'
        )
        yield from operation(server, number, 2, credentials)  # type: ignore[call-arg]

    return steps


WORK: dict[str, tuple[str, Operation]] = {
    "call": ("proxy", call),
    "stateless call": ("stateless", call),
    "REGISTER": ("proxy", registration),
    "REGISTER with digest": (
        "digest",
        challenged(registration, "REGISTER", "sip:example.com", "Authorization"),
    ),
    "call with digest": (
        "digest",
        challenged(call, "INVITE", "sip:callee{number}@example.com", "Proxy-Authorization"),
    ),
}


def measured(name: str, count: int) -> dict[str, float]:
    """The median microseconds of each step."""
    kind, operation = WORK[name]
    server = Server(kind)
    taken: dict[str, list[float]] = {}
    for number in range(count):
        for step, data, flow in operation(server, number):
            taken.setdefault(step, []).append(server.receive(data, flow))
        if not server.answer().startswith("SIP/2.0 200 "):
            raise SystemExit(f"{name} failed: {server.answer()}")
    return {step: median(times) * 1e6 for step, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=list(WORK))
    parser.add_argument("--count", type=int, default=20_000, help="operations of each kind")
    options = parser.parse_args()
    for name in WORK if options.only is None else [options.only]:
        found = measured(name, options.count)
        steps = ", ".join(f"{step} {taken:.1f}" for step, taken in found.items())
        print(f"{name}: {sum(found.values()):.1f} us ({steps})", flush=True)


if __name__ == "__main__":
    main()
