"""Whatever strangers send, in whatever order: nothing raises, every request is answered once, and nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import hypothesis.strategies as st
from hypothesis import given, settings

from offhook.errors import ProtocolError
from offhook.sip.serializer import Draft, new_request
from tests.ua.household import House, sdp

METHODS = ("INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "OPTIONS", "MESSAGE", "INFO", "REGISTER", "DANCE")
BODIES = (b"", sdp(), sdp(codecs="3"), sdp(direction="sendonly"), sdp(port=0), b"v=0\r\nno", b"\xff\x00", sdp() * 2)
HEADERS = (
    ("Require", "100rel"),
    ("Require", "magic"),
    ("Require", ";"),
    ("Supported", "100rel"),
    ("Supported", ",,"),
    ("RAck", "1 1 INVITE"),
    ("RAck", "x"),
    ("Expires", "1"),
    ("Expires", "x"),
    ("Content-Disposition", "render"),
    ("Content-Encoding", "gzip"),
    ("Accept", "text/plain"),
    ("Accept", "\xff"),
    ("Reason", '"'),
    ("Record-Route", "<sip:192.0.2.9;lr>"),
    ("Record-Route", "<sip:192.0.2.9>"),
    ("Record-Route", "<tel:+1>"),
    ("Contact", "*"),
    ("Contact", "<mailto:x@y>"),
    ("Contact", "<sip:other@192.0.2.9:5060>"),
    ("Contact", '"'),
    ("Replaces", "x;to-tag=1;from-tag=2"),
    ("Session-Expires", "90"),
    ("Route", "<sip:192.0.2.9;lr>"),
)
ACTS = ("ring", "early media", "answer", "refuse", "hang up", "hold")

step = st.one_of(
    st.tuples(
        st.sampled_from(METHODS),
        st.integers(0, 4),
        st.booleans(),
        st.sampled_from(BODIES),
        st.lists(st.sampled_from(HEADERS), max_size=3),
        st.sampled_from(("sip:bob@192.0.2.1", "tel:+1", "sips:bob@x", "sip:[", "x:y")),
    ),
    st.sampled_from(ACTS),
    st.floats(0.01, 40.0),
)


def made(method: str, number: int, body: bytes, headers: list[tuple[str, str]], uri: str, to_tag: str | None) -> Draft:
    draft = new_request(method, uri).add("Max-Forwards", "70").add("From", "<sip:peer@example.com>;tag=theirs")
    draft.add("To", "<sip:bob@example.com>" if to_tag is None else f"<sip:bob@example.com>;tag={to_tag}")
    draft.add("Call-ID", "one").add("CSeq", f"{number} {method}")
    if not any(name == "Contact" for name, _ in headers):
        draft.add("Contact", "<sip:peer@192.0.2.9:5060>")
    for name, value in headers:
        draft.add(name, value.encode("latin-1"))
    return draft.body(body, "application/sdp") if body else draft


@settings(max_examples=150)
@given(st.lists(step, max_size=14))
def test_nothing_that_strangers_send_does_harm(steps: list[object]) -> None:
    house = House()
    bob = house.phone("bob", None, answer_time=60.0, longest_call=60.0)
    bob.core.take_messages(lambda message: True)
    script = house.script()
    asked = 0
    tag: str | None = None
    for one in steps:
        if isinstance(one, float):
            house.run(house.now + one)
        elif isinstance(one, str):
            act(house, one)
        elif isinstance(one, tuple):
            method, number, inside, body, headers, uri = one
            draft = made(method, number, body, headers, uri, tag if inside else None)
            if method == "ACK":
                script.send_ack(draft, bob)
            else:
                asked += 1
                script.send(draft, bob)
            house.run(house.now + 0.01)
        for response in script.responses:
            tag = response.to_tag or tag
    for call in bob.got:
        if call.end is None:
            bob.do(call.hang_up)
    house.run()
    finals = [response for response in script.responses if response.status >= 200]
    # A 2xx to an INVITE comes again until its ACK; everything else is answered once.
    once = {(response.branch, response.cseq_method) for response in finals}
    assert len(once) == asked
    assert house.nothing_is_left()


def act(house: House, what: str) -> None:
    """Let Bob do something with his last call, if it can be done."""
    bob = house.phones[0]
    if not bob.got:
        return
    call = bob.got[-1]
    waiting = call.end is None and call.session is None and not call._accepting
    if what == "hold":
        if call.session is not None and call.session.usage.confirmed and call.session.change is None:
            bob.do(lambda now: call.hold(not call.session.holding, lambda error, now: None, now))  # type: ignore[union-attr]
    elif what == "hang up":
        bob.do(call.hang_up)
    elif waiting:
        acts: dict[str, Callable[[], None]] = {
            "ring": bob.ring,
            "early media": lambda: bob.ring(early_media=True),
            "answer": bob.answer,
        }
        # Where no media can be agreed on the caller has got its 488.
        with suppress(ProtocolError):
            acts.get(what, lambda: bob.refuse(486))()
        bob.node.flush()
