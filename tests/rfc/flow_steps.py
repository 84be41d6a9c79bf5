"""The example flows of RFC 3261 24 and RFC 3665 as the RFCs print them: who sends what to whom, step by step."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from offhook.sip.message import Request, Response
from offhook.sip.parser import parse

__all__ = ["ADDRESSES", "Step", "kind_of", "steps_of"]

DATA: Final = Path(__file__).parents[1] / "data" / "flows"

ADDRESSES: Final = {
    "client.atlanta.example.com": "192.0.2.101",
    "client.biloxi.example.com": "192.0.2.201",
    "client.chicago.example.com": "192.0.2.100",
    "ss1.atlanta.example.com": "192.0.2.111",
    "ss2.biloxi.example.com": "192.0.2.222",
    "ss3.chicago.example.com": "192.0.2.233",
    "alg1.atlanta.example.com": "192.0.2.128",
    "rs.biloxi.example.com": "192.0.2.220",
    "pc33.atlanta.com": "192.0.2.1",
    "bigbox3.site3.atlanta.com": "192.0.2.2",
    "server10.biloxi.com": "192.0.2.3",
    "bobspc.biloxi.com": "192.0.2.4",
}
"""The hosts by the names and addresses that the RFCs give them; the redirect server's are ours, for it has none."""

_SENDERS: Final = {
    "atlanta.com proxy": "bigbox3.site3.atlanta.com",
    "biloxi.com proxy": "server10.biloxi.com",
    "Registrar": "server10.biloxi.com",
    "SIP Server": "ss2.biloxi.example.com",
    "SIP ALG": "alg1.atlanta.example.com",
    "Redirect Server": "rs.biloxi.example.com",
    "Redirect Proxy": "rs.biloxi.example.com",
    "Proxy 1": "ss1.atlanta.example.com",
    "Proxy 2": "ss2.biloxi.example.com",
    "Proxy 3": "ss3.chicago.example.com",
    "Proxy": "ss3.chicago.example.com",
}
_PHONES: Final = {
    "rfc3261": {"Alice": "pc33.atlanta.com", "Bob": "bobspc.biloxi.com"},
    "rfc3665": {"Alice": "client.atlanta.example.com", "Bob": "client.biloxi.example.com"},
}
_MOVED: Final = {"3.6": (1, 99), "3.7": (9, 99)}
"""The steps at which Bob is in Chicago."""
_TITLE: Final = re.compile(
    r"(?P<what>.+?) (?P<sender>Alice|Bob|SIP Server|SIP ALG|Redirect Server|Redirect Proxy|Registrar|"
    r"(?:atlanta|biloxi)\.com proxy|Proxy(?: \d)?) -> (?P<receiver>.+)"
)
_REPAIRS: Final = (
    # What is printed below a message in RFC 3261 24 stands in it as it was taken from the text.
    (rb"(\r\nContent-Length: \d+)\r\n(?:   |The registration|with a 200).*?\r\n\r\n", rb"\1\r\n\r\n"),
    # A missing comma (RFC 3665 2.1 F3), a line that is not continued (3.10 F4), a space too many (3.9 F6, F8, F10).
    (rb'(realm="[^"]*")\r\n', rb"\1,\r\n"),
    (rb",\r\n<sip", rb",\r\n <sip"),
    (rb"^SIP/2.0  ", rb"SIP/2.0 "),
)


class Step:
    """One step of a flow. `sender` and `receiver` are numeric addresses; `has_body` what its Content-Length says."""

    def __init__(self, section: str, number: int, sender: str, receiver: str, data: bytes) -> None:
        self.section = section
        self.number = number
        self.sender = sender
        self.receiver = receiver
        for wrong, right in _REPAIRS:
            data = re.sub(wrong, right, data, flags=re.DOTALL)
        head, _, body = data.partition(b"\r\n\r\n")
        length = re.search(rb"\r\nContent-Length: (\d+)", head)
        self.has_body = length is not None and length.group(1) != b"0"
        # RFC 3261 24 prints no body, and some lengths of RFC 3665 are off by one.
        head = re.sub(rb"\r\nContent-Length: \d+", b"\r\nContent-Length: %d" % len(body), head)
        self.message = parse(head + b"\r\n\r\n" + body)
        self.kind = kind_of(self.message)

    @property
    def name(self) -> str:
        return f"{self.section} F{self.number}"

    def __repr__(self) -> str:
        return f"{self.name} ({self.kind})"


def kind_of(message: Request | Response) -> str:
    """A message in short: its method, or its status and method."""
    if isinstance(message, Request):
        return message.method
    return f"{message.status} {message.cseq_method}"


def steps_of(section: str) -> list[Step]:
    """The steps of a section ("3.2", "24.2"), in order."""
    rfc = "rfc3261" if section.startswith("24.") else "rfc3665"
    printed = [row for row in _rows(rfc, "manifest") if _is_of(row, section)]
    data = {int(row["step"]): (row["why"], (DATA / rfc / row["file"]).read_bytes()) for row in printed}
    for row in _rows(rfc, "non_sip_steps"):
        if _is_of(row, section) and " -> " in row["title"]:
            again = re.match(r"(?:Same as|Resend of) Message F(\d+)", row["text"][0])
            text = "".join(f"{line}\r\n" for line in row["text"]).encode() + b"\r\n"
            data[int(row["step"])] = row["title"], data[int(again.group(1))][1] if again else text
    return [_step(rfc, section, number, *data[number]) for number in sorted(data)]


def _rows(rfc: str, name: str) -> list[dict[str, str]]:
    lines = (DATA / rfc / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _is_of(row: dict[str, str], section: str) -> bool:
    return row["section"].partition(" ")[0] == section


def _step(rfc: str, section: str, number: int, title: str, data: bytes) -> Step:
    found = _TITLE.fullmatch(title)
    assert found is not None, title
    phones = dict(_PHONES[rfc])
    first, last = _MOVED.get(section, (99, 0))
    if first <= number <= last:
        phones["Bob"] = "client.chicago.example.com"
    hosts = _SENDERS | phones
    sender, receiver = (ADDRESSES[hosts[found[side]]] for side in ("sender", "receiver"))
    return Step(section, number, sender, receiver, data)
