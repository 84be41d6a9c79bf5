"""A crowd of SIPp's phones that does all that phones do, at a rate that can be changed while it goes on.

Callers and those who register show their passwords. Who is called answers, is busy, or rings until the caller gives
up; some who are called do not exist.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import phones
from bench.phones import CALLERS, DOMAIN
from tests.interop.sipp import Sipp

__all__ = ["ACCOUNTS", "PASSWORD", "Crowd"]

PASSWORD: Final = "secret"
USERS: Final = 400
FEW: Final = 20
ACCOUNTS: Final = [
    *(f"u{number}" for number in range(USERS)),
    *(f"{kind}{number}" for kind in ("busy", "rings", "reads") for number in range(FEW)),
]
"""Who needs an account: those who call and are called, and those who are busy, ring for ever, or read messages."""

ANSWERING: Final = {"u": 5070, "busy": 5071, "rings": 5072, "reads": 5073}
"""The port at which each kind of user is."""

SHARES: Final = {"call": 60, "register": 15, "message": 10, "busy": 5, "cancel": 5, "unknown": 5}
"""How many of a hundred things that are done are of each kind."""

CONTROL: Final = 10000
"""How far above its port SIPp takes commands."""
PATIENCE: Final = ("-default_behaviors", "all,-abortunexp", "-recv_timeout", "30000", "-buff_size", "1000000")
"""What comes twice on a busy machine aborts no call; standing still for so many milliseconds does."""
MOST: Final = "15000"
"""How many may do one thing at once."""


def send(message: str, again: bool = False) -> str:
    attributes = ' retrans="500"' if again else ""
    return f"<send{attributes}><![CDATA[\n\n{message}\n\n]]></send>"


def scenario(name: str, *steps: str) -> str:
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
    return "\n".join([head + f'<scenario name="{name}">', *steps, "</scenario>", ""])


CALLER: Final = f"<sip:[field0]@{DOMAIN}>"
CALLED: Final = f"<sip:[field2]@{DOMAIN}>"
FIRST: Final = "sip:[field2]@[remote_ip]:[remote_port] SIP/2.0"


def request(method: str, cseq: int, proven: bool = False, above: int = 0, tag: str = "") -> str:
    """A request of a caller's; `above` tells how many steps above stands that with which it shares its branch."""
    branch = f"[branch-{above}]" if above else "[branch]"
    fields = {
        "Via": f"SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}",
        "From": f"{CALLER};tag=[pid]s[call_number]",
        "To": CALLED + tag,
        "Contact": "<sip:[field0]@[local_ip]:[local_port]>",
    }
    return CALLERS[0].request(f"{method} {FIRST}", method, cseq, fields, proven)


def refused(status: int, *before: str) -> str:
    """A call that ends with a refusal after the answers `before`, which may come."""
    steps = [f'<recv response="{each}" optional="true"/>' for each in ("100", *before)]
    return scenario(
        f"refused with {status}",
        *challenged("INVITE"),
        *steps,
        f'<recv response="{status}"/>',
        send(request("ACK", 2, above=len(steps) + 2, tag="[peer_tag_param]")),
    )


def challenged(method: str) -> list[str]:
    """A request that is sent again with credentials."""
    steps = [send(request(method, 1), again=True)]
    if method == "INVITE":
        steps.append('<recv response="100" optional="true"/>')
    steps.append('<recv response="407" auth="true"/>')
    if method == "INVITE":
        steps.append(send(request("ACK", 1, above=3, tag="[peer_tag_param]")))
    return [*steps, send(request(method, 2, proven=True), again=True)]


def cancelled() -> str:
    return scenario(
        "cancelled while it rings",
        *challenged("INVITE"),
        '<recv response="100" optional="true"/>',
        '<recv response="180"/>',
        send(request("CANCEL", 2, above=3), again=True),
        '<recv response="200"/>',
        '<recv response="487"/>',
        send(request("ACK", 2, above=6, tag="[peer_tag_param]")),
    )


def callers() -> dict[str, str]:
    """What callers do, by its kind."""
    calling = phones.caller(answers=True).replace("[service]", "[field2]")
    registering = phones.registering(answers=True).replace("[field0]@[local_ip]:[local_port]", "[field0]@[field2]")
    return {
        "call": calling,
        "register": registering,
        "message": scenario("a message", *challenged("MESSAGE"), '<recv response="200"/>'),
        "busy": refused(486),
        "cancel": cancelled(),
        "unknown": refused(404),
    }


ANSWER: Final = ("[last_Via:]", "[last_From:]", "[last_To:];tag=[pid]c[call_number]", "[last_Call-ID:]", "[last_CSeq:]")


def response(status: str) -> str:
    return "\n".join([f"SIP/2.0 {status}", *ANSWER, "Content-Length: 0", ""])


def called() -> dict[str, str]:
    """What those do who are called, by the kind of user."""
    busy = [send(response("486 Busy Here"), again=True), '<recv request="ACK"/>']
    texts = {
        # The BYE comes even where the ACK was lost.
        "u": phones.callee().replace('<recv request="ACK"/>', '<recv request="ACK" optional="true"/>'),
        "busy": scenario("busy", '<recv request="INVITE"/>', *busy),
        "rings": phones.ringing(cseq=2),
        "reads": scenario("reads", '<recv request="MESSAGE"/>', send(response("200 OK"))),
    }
    # SIPp answers once more what comes once more, as long as its call lasts.
    return {
        kind: text.replace("</scenario>", '<timewait milliseconds="10000"/></scenario>') for kind, text in texts.items()
    }


WHOM: Final = {"busy": "busy", "cancel": "rings", "message": "reads"}


def table(kind: str, here: str) -> str:
    """SIPp's table of who does it (with his password), and to whom; or, registering, at which address he is."""
    lines = ["SEQUENTIAL"]
    for number, user in enumerate(ACCOUNTS if kind == "register" else ACCOUNTS[:USERS]):
        if kind == "register":
            with_whom = f"{here}:{ANSWERING[user.rstrip('0123456789')]}"
        elif kind == "call":
            with_whom = f"u{(number + 1) % USERS}"
        elif kind == "unknown":
            with_whom = f"nobody{number}"
        else:
            with_whom = f"{WHOM[kind]}{number % FEW}"
        lines.append(f"{user};[authentication username={user} password={PASSWORD}];{with_whom}")
    return "\n".join([*lines, ""])


class Crowd:
    """The crowd around a server at `host`, port 5060, which is served for example.com."""

    def __init__(self, folder: Path, host: str, running: ExitStack) -> None:
        self._folder = folder
        self._host = host
        self._running = running
        self._callers: dict[str, Sipp] = {}
        self._steering = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        running.callback(self._steering.close)
        for kind, text in called().items():
            (folder / f"at-{kind}.xml").write_text(text)
            running.enter_context(self._sipp(f"at-{kind}", ANSWERING[kind]))
        for kind, text in callers().items():
            (folder / f"{kind}.xml").write_text(text)
            (folder / f"{kind}.csv").write_text(table(kind, host))

    def begin(self) -> None:
        """Register everybody once, then let everything begin, slowly."""
        once = self._caller("register", 5079, "-m", str(len(ACCOUNTS)), "-r", "100")
        counted = once.finish(60.0)
        assert counted["SuccessfulCall(C)"] == len(ACCOUNTS), counted
        for port, kind in enumerate(SHARES, 5080):
            self._callers[kind] = self._caller(kind, port, "-r", "1")

    def offer(self, rate: float) -> None:
        """Have so many things done in a second from now on."""
        for port, share in enumerate(SHARES.values(), 5080):
            self._steer(port, f"cset rate {max(1.0, rate * share / 100):.1f}")

    def end(self) -> dict[str, tuple[int, int]]:
        """Begin nothing more, wait for what is under way; how many of each kind succeeded and failed."""
        for port, _ in enumerate(SHARES, 5080):
            self._steer(port, "q")
        counted = {kind: sipp.finish(120.0) for kind, sipp in self._callers.items()}
        return {kind: (each["SuccessfulCall(C)"], each["FailedCall(C)"]) for kind, each in counted.items()}

    def _caller(self, kind: str, port: int, *more: str) -> Sipp:
        way = (f"{self._host}:5060", "-inf", str(self._folder / f"{kind}.csv"), "-l", MOST, *more)
        return self._running.enter_context(self._sipp(kind, port, *way))

    def _sipp(self, kind: str, port: int, *more: str) -> Sipp:
        controlled = ("-ci", self._host, "-cp", str(port + CONTROL))
        return Sipp(self._folder, str(self._folder / kind), *PATIENCE, *more, *controlled, local=self._host, port=port)

    def _steer(self, port: int, command: str) -> None:
        self._steering.sendto(command.encode(), (self._host, port + CONTROL))
