"""Which header fields a message must have, and may not have: RFC 3261 20, tables 2 and 3, against what is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from offhook.server.config import DomainConfig
from offhook.sip.headers.registry import key_named
from offhook.sip.message import Message, Request, Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import parse_uri
from tests.server.wiring import SERVER, Site

METHODS = ("ACK", "BYE", "CANCEL", "INVITE", "OPTIONS", "REGISTER")

# Header, where, then one letter for each method: m mandatory, s should be sent (m* and t), b with a body, o optional or
# depending on the context, - not applicable. Both R and r are written where the RFC leaves the place open.
TABLE = """
Accept                R      - o - o s o
Accept                2xx    - - - o s o
Accept                415    - o - o o o
Accept-Encoding       R      - o - o o o
Accept-Encoding       2xx    - - - o s o
Accept-Encoding       415    - o - o o o
Accept-Language       R      - o - o o o
Accept-Language       2xx    - - - o s o
Accept-Language       415    - o - o o o
Alert-Info            R      - - - o - -
Alert-Info            180    - - - o - -
Allow                 R      - o - o o o
Allow                 2xx    - o - s s o
Allow                 405    - m - m m m
Allow                 r      - o - o o o
Authentication-Info   2xx    - o - o o o
Authorization         R      o o o o o o
Call-ID               Rr     m m m m m m
Call-Info             Rr     - - - o o o
Contact               R      o - - m o o
Contact               1xx    - - - o - -
Contact               2xx    - - - m o o
Contact               3xx    - o - o o o
Contact               485    - o - o o o
Content-Disposition   Rr     o o - o o o
Content-Encoding      Rr     o o - o o o
Content-Language      Rr     o o - o o o
Content-Length        Rr     s s s s s s
Content-Type          Rr     b b - b b b
CSeq                  Rr     m m m m m m
Date                  Rr     o o o o o o
Error-Info            3xx-6xx - o o o o o
Expires               Rr     - - - o - o
From                  Rr     m m m m m m
In-Reply-To           R      - - - o - -
Max-Forwards          R      m m m m m m
Min-Expires           423    - - - - - m
MIME-Version          Rr     o o - o o o
Organization          Rr     - - - o o o
Priority              R      - - - o - -
Proxy-Authenticate    407    - m - m m m
Proxy-Authenticate    401    - o o o o o
Proxy-Authorization   R      o o - o o o
Proxy-Require         R      - o - o o o
Record-Route          R      o o o o o -
Record-Route          2xx    - o o o o -
Record-Route          18x    - o o o o -
Reply-To              Rr     - - - o - -
Require               Rr     - o - o o o
Retry-After           404    - o o o o o
Retry-After           413    - o o o o o
Retry-After           480    - o o o o o
Retry-After           486    - o o o o o
Retry-After           500    - o o o o o
Retry-After           503    - o o o o o
Retry-After           600    - o o o o o
Retry-After           603    - o o o o o
Route                 R      o o o o o o
Server                r      - o o o o o
Subject               R      - - - o - -
Supported             R      - o o s o o
Supported             2xx    - o o s s o
Timestamp             Rr     o o o o o o
To                    Rr     m m m m m m
Unsupported           420    - m - m m m
User-Agent            Rr     o o o o o o
Via                   Rr     m m m m m m
Warning               r      - o o o o o
WWW-Authenticate      401    - m - m m m
WWW-Authenticate      407    - o - o o o
"""
ROWS = [
    (words[0], words[1], dict(zip(METHODS, words[2:], strict=True)))
    for words in map(str.split, TABLE.split("\n")[1:-1])
]


def holds_for(where: str, message: Message) -> bool:
    if isinstance(message, Request):
        return "R" in where
    assert isinstance(message, Response)
    status = str(message.status)
    if where == "3xx-6xx":
        return message.status >= 300
    return "r" in where or where.replace("x", "") == status[: 3 - where.count("x")]


def faults(message: Message) -> list[str]:
    """What a message lacks, or has although it has no place there."""
    rules: dict[str, set[str]] = {}
    for name, where, of_method in ROWS:
        letter = of_method[message.cseq_method] if holds_for(where, message) else "-"
        rules.setdefault(name, set()).add(letter)
    found = []
    if message.cseq_method == "OPTIONS" and message.text("Accept") == "":
        # The server's own answer: 11.2 wants no Allow from who passes every method on.
        rules["Allow"] = {"o"}
    for name, letters in rules.items():
        there = message.has(name)
        if not there and (letters & {"m", "s"} or ("b" in letters and message.body)):
            found.append(f"{name} is missing")
        if there and letters == {"-"}:
            found.append(f"{name} has no place there")
        if there and letters == {"b"} and not message.body:
            found.append(f"{name} without a body")
    start = message.serialize().split(b"\r\n", 1)[0].decode()
    return [f"{start} ({message.cseq_method}): {fault}" for fault in found]


def calls(site: Site) -> None:
    """A call, one that is cancelled, one that is refused, one to nobody, and questions."""
    alice, bob = site.phone("alice"), site.phone("bob")
    assert (alice.register(), bob.register()) == ([200], [200])
    call = alice.invite("sip:bob@example.com")
    bob.node.call(lambda now: bob.rings[-1].ring(now))
    bob.node.call(lambda now: bob.rings[-1].answer(now))
    site.run(1.0)
    bob.node.call(lambda now: bob.rings[-1].hold(True, lambda error, now: None, now))
    site.run(1.0)
    alice.node.call(call.hang_up)
    site.run(40.0)
    call = alice.invite("sip:bob@example.com")
    bob.node.call(lambda now: bob.rings[-1].ring(now, early_media=True))
    site.run(1.0)
    alice.node.call(call.hang_up)
    site.run(40.0)
    alice.invite("sip:bob@example.com")
    bob.node.call(lambda now: bob.rings[-1].refuse(302, now, (parse_uri("sip:nobody@example.com"),)))
    site.run(40.0)
    alice.invite("sip:bob@example.com")
    bob.node.call(lambda now: bob.rings[-1].refuse(486, now))
    site.run(40.0)
    for whom in ("sip:bob@example.com", f"sip:{SERVER}", f"sip:{bob.node.host}"):
        alice.node.call(lambda now, whom=whom: alice.core.options(parse_uri(whom), lambda *_: None, now))  # type: ignore[misc]
        site.run(5.0)
    registration = bob.core.registration
    assert registration is not None
    bob.node.call(lambda now: registration.stop(now, lambda now: None))
    site.run(5.0)
    alice.invite("sip:bob@example.com")
    site.run(40.0)


def refusals(site: Site) -> None:
    """Requests that nobody would send, to the server, to the proxy and to a phone."""
    bob = site.phone("bob")
    bob.register()
    stranger = site.stranger()
    phone = f"sip:bob@{bob.node.host}"
    edits: list[Callable[[Draft], object]] = [
        lambda draft: draft.add("Require", "magic"),
        lambda draft: draft.add("Proxy-Require", "magic"),
        lambda draft: draft.body(b"x", "x/y"),
        lambda draft: draft.body(b"x", "x/y").add("Content-Encoding", "gzip"),
        lambda draft: draft.add("Accept", "x/y"),
        lambda draft: draft.add("Expires", "1").add("Contact", "<sip:a@b>"),
        lambda draft: draft.set("Max-Forwards", "0"),
        lambda draft: draft,
    ]
    for uri in (f"sip:{SERVER}", "sip:example.com", "sip:bob@example.com", "sip:nobody@example.com", phone, "x:y"):
        for method in ("BYE", "INVITE", "OPTIONS", "REGISTER"):
            for edit in edits:
                site.send(stranger, method, uri, edit)
    site.run(60.0)


@pytest.mark.rfc(
    "3261 20 #1",
    "3261 20 #2",
    "3261 20 #4",
    "3261 20 #6",
    "3261 20 #8",
    "3261 20 #10",
    "3261 20.14 #3",
    "3261 20.15 #1",
    "3261 20.14 #1",
)
@pytest.mark.parametrize("mode", ["proxy", "redirect"])
@pytest.mark.parametrize("scene", [calls, refusals])
def test_what_is_sent_has_what_it_must_and_nothing_out_of_place(scene: Callable[[Site], None], mode: str) -> None:
    site = Site(domain=DomainConfig(name="example.com", mode=mode))  # type: ignore[arg-type]
    scene(site)
    messages = [message for message in site.messages() if message.cseq_method in METHODS]
    ours = [message for message in messages if not is_a_strangers(message)]
    assert len(ours) > 40
    assert [fault for message in ours for fault in faults(message)] == []
    assert all(message.text("Content-Length") == str(len(message.body)) for message in ours)


def is_a_strangers(message: Message) -> bool:
    """Whether a stranger made the message: nobody has to keep his requests from being wrong, nor their copies."""
    return isinstance(message, Request) and "m" in (message.from_tag or "")[:1]


def test_the_table_knows_each_header() -> None:
    assert all(key_named(name) == name.lower() for name, _, _ in ROWS)
    assert len(ROWS) == 70
