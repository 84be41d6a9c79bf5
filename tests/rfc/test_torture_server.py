"""The torture messages against a running server, over UDP and TCP: the answers that RFC 4475 and RFC 5118 ask for.

The server is registrar and proxy for the domains that the messages name; a user who has not registered is called at
another element, which takes everything. After each message the server still answers.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from offhook.server.app import Server
from offhook.server.config import parse
from offhook.sip.message import Request
from offhook.sip.parser import parse as parse_message
from offhook.transaction.effects import RequestReceived
from offhook.transport.driver import Driver
from offhook.transport.listener import Listener
from tests.rfc.torture import BY_NAME, ROWS
from tests.rfc.wire import Wire, statuses
from tests.transport.support import Recorder, address_of

HOST: Final = "127.0.0.1"
ALIASES: Final = [
    "example.org",
    "example.net",
    "company.com",
    "registrar.example.com",
    "chair-dnrc.example.com",
    "2001:db8::10",
    "2001:db8::10:5070",
    "2001:db8::192.0.2.1",
]
FORWARDED: Final = 299
"""What the other element answers to everything that it gets."""
NOTHING: Final = 0
EDITED: Final = ("via", "route", "record-route", "max-forwards", "max-breadth", "content-length")
"""What a proxy may change, or add where it is missing (RFC 3261 16.6)."""

ANSWERS: Final = {
    "wsinv": 403,  # a To tag, for a dialog that did not come through here
    "intmeth": FORWARDED,
    "esc01": FORWARDED,
    "escnull": 200,
    "esc02": 501,
    "lwsdisp": FORWARDED,
    "longreq": FORWARDED,
    "dblreq": 200,
    "semiuri": FORWARDED,
    "transports": FORWARDED,
    "mpart01": FORWARDED,
    "unreason": NOTHING,
    "noreason": NOTHING,
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": NOTHING,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": FORWARDED,
    "escruri": FORWARDED,  # without what no Request-URI may have
    "baddate": FORWARDED,
    "regbadct": 400,
    "badaspec": FORWARDED,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 501,
    "bigcode": NOTHING,
    "badbranch": FORWARDED,
    "insuf": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": 403,
    "bext01": 420,
    "invut": FORWARDED,
    "regaut01": 200,
    "multi01": 400,
    "mcl01": 400,
    "bcast": NOTHING,
    "zeromf": 483,
    "cparam01": 200,
    "cparam02": 200,
    "regescrt": 200,
    "sdp01": FORWARDED,
    "inv2543": FORWARDED,
    "ipv6-good": 200,
    "ipv6-bad": 400,
    "port-ambiguous": 200,
    "port-unambiguous": 500,  # another port is another element, and here is no way to it
    "via-received-param-with-delim": 481,
    "via-received-param-no-delim": 200,
    "ipv6-in-sdp": 400,
    "mult-ip-in-header": 403,
    "mult-ip-in-sdp": FORWARDED,
    "ipv4-mapped-ipv6": FORWARDED,
    "ipv6-bug-abnf-3-colons": FORWARDED,
    "ipv6-correct-abnf-2-colons": FORWARDED,
}
TCP_ANSWERS: Final = {
    "clerr": NOTHING,  # the rest of the body is waited for
    "ipv6-in-sdp": NOTHING,
}
CLOSED: Final = ("mcl01", "ncl")
"""Where the octets of a stream cannot be cut into messages any more."""


class Site:
    """The server as strangers see it, and the element behind it."""

    def __init__(self, wire: Wire, behind: Driver[Recorder]) -> None:
        self.wire = wire
        self.behind = behind

    def forwarded(self) -> list[Request]:
        return [event.request for event in self.behind.role.of(RequestReceived)]

    def sent(self, name: str) -> bytes:
        """A message, its Route through the element behind the server where it has one of its own."""
        return BY_NAME[name].data.replace(b"127.0.0.1:5080", b"127.0.0.1:%d" % address_of(self.behind)[1])


@asynccontextmanager
async def serving(folder: Path, trusted: str = '"127.0.0.0/8"') -> AsyncIterator[Site]:
    behind = Driver(Recorder, [Listener("UDP", HOST, 0)])
    await behind.start()
    behind.role.status = FORWARDED
    listen = "".join(f'[[listen]]\ntransport = "{kind}"\naddress = "{HOST}"\nport = 0\n' for kind in ("udp", "tcp"))
    config = parse(
        f'data = "{folder / "data"}"\n{listen}[location]\nstore = "memory"\n[[domain]]\nname = "example.com"\n'
        f'aliases = {ALIASES}\ntrusted = [{trusted}]\nfallback = "sip:{HOST}:{address_of(behind)[1]}"\n'
        "fallback_for_strangers = true\n"
    )
    async with Server(config) as server:
        ports = {address.transport: address.port for address in server.addresses}
        yield Site(Wire((HOST, ports["UDP"]), (HOST, ports["TCP"]), f"sip:{HOST}:{ports['UDP']}"), behind)
    await behind.close()


def kept(request: Request) -> list[bytes]:
    """The header fields that nobody on the way may touch."""
    return [line for line, key in zip(request.lines[1:], request.keys[1:], strict=True) if key not in EDITED]


def wanted(name: str, transport: str) -> int:
    return TCP_ANSWERS.get(name, ANSWERS[name]) if transport == "TCP" else ANSWERS[name]


def test_no_message_is_left_out() -> None:
    assert set(ANSWERS) == set(BY_NAME)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("name", list(ANSWERS))
async def test_the_answer_that_is_asked_for(tmp_path: Path, name: str, transport: str) -> None:
    status = wanted(name, transport)
    async with serving(tmp_path) as site:
        answers = await site.wire.over(transport, site.sent(name), answered=status != NOTHING)
        behind = site.forwarded()
        closed = site.wire.closed
    assert statuses(answers)[:1] == ([status] if status else [])
    assert closed is (transport == "TCP" and name in CLOSED)
    if name == "dblreq" and transport == "TCP":
        assert statuses(answers) == [200, FORWARDED]
        assert [request.method for request in behind] == ["INVITE"]
        return
    assert len(behind) == (1 if status == FORWARDED else 0)
    for request in behind:
        sent = parse_message(BY_NAME[name].data)
        assert isinstance(sent, Request)
        assert request.method == sent.method
        assert kept(request) == kept(sent)
        # Over a stream a message without Content-Length has no body (18.3).
        assert request.body == (b"" if transport == "TCP" and not sent.has("Content-Length") else sent.body)
        assert request.lines[0].endswith(b" SIP/2.0")
        assert b"?Route" not in request.raw_uri


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_one_server_takes_all_messages_one_after_the_other(tmp_path: Path, transport: str) -> None:
    """Many of them have the same branch: none may be taken for a former one again."""
    async with serving(tmp_path) as site:
        for row in ROWS:
            if row.name in ("clerr", "ipv6-in-sdp") or row.name.startswith(("ipv6", "port-", "mult-ip-in-sdp")):
                continue  # those of RFC 5118 have even their Call-ID in common
            status = wanted(row.name, transport)
            answers = await site.wire.over(transport, site.sent(row.name), answered=status != NOTHING)
            for answer in answers:
                call_id = answer.text("Call-ID")
                assert call_id is None or call_id.encode() in row.data, row.name


async def registered(folder: Path, name: str) -> list[str]:
    """The Contacts that the answer to a REGISTER lists."""
    async with serving(folder) as site:
        answer = (await site.wire.over("UDP", site.sent(name)))[0]
    return [value for field, value in answer.fields if field == "contact"]


async def test_nulls_in_users_are_two_contacts(tmp_path: Path) -> None:
    """RFC 4475 3.1.1.4"""
    contacts = await registered(tmp_path, "escnull")
    assert [contact.partition(">")[0] for contact in contacts] == [
        "<sip:%00@host5.example.com",
        "<sip:%00%00@host5.example.com",
    ]


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        # RFC 4475 3.3.12 and 3.3.13: whose parameter it is; 3.3.14: the Route goes with the URI.
        ("cparam01", "<sip:+19725552222@gw1.example.net>;"),
        ("cparam02", "<sip:+19725552222@gw1.example.net;unknownparam>;"),
        ("regescrt", "<sip:user@example.com?Route=%3Csip:sip.example.com%3E>;"),
    ],
)
async def test_a_contact_is_bound_as_it_was_written(tmp_path: Path, name: str, begins: str) -> None:
    (contact,) = await registered(tmp_path, name)
    assert contact.startswith(begins)
    assert ("unknownparam" in contact.partition(">")[2]) == (name == "cparam01")


async def test_what_a_420_lists(tmp_path: Path) -> None:
    """RFC 4475 3.3.5: a proxy looks at Proxy-Require alone."""
    async with serving(tmp_path) as site:
        answer = (await site.wire.over("UDP", site.sent("bext01")))[0]
    assert answer.text("Unsupported") == "noProxiesSupportThis, norDoAnyProxiesSupportThis"


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
async def test_credentials_of_an_unknown_scheme_are_challenged(tmp_path: Path, transport: str) -> None:
    """RFC 4475 3.3.7"""
    async with serving(tmp_path, trusted="") as site:
        answer = (await site.wire.over(transport, site.sent("regaut01")))[0]
    assert answer.status == 401
    assert (answer.text("WWW-Authenticate") or "").startswith("Digest ")
