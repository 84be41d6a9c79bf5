from __future__ import annotations

import pytest

from offhook.accounts import retransmissions
from offhook.accounts.retransmissions import Retransmissions
from offhook.clock import Moment
from offhook.sip.message import Request
from offhook.sip.serializer import new_request


def request(
    number: int = 1, contact: str = "<sip:a@192.0.2.1>", received: str = "192.0.2.1", body: bytes = b""
) -> Request:
    draft = new_request("REGISTER", "sip:example.com")
    draft.add("Via", f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1;received={received}").add("Call-ID", "c")
    return draft.add("CSeq", f"{number} REGISTER").add("Contact", contact).body(body, "text/plain").request()


def at(second: float) -> Moment:
    return Moment(second, 0.0)


def test_all_names_exist() -> None:
    assert all(hasattr(retransmissions, name) for name in retransmissions.__all__)


@pytest.mark.parametrize(
    "other",
    [
        request(number=2),
        request(contact="<sip:eve@192.0.2.66>"),
        request(received="192.0.2.66"),
        request(body=b"more"),
    ],
)
def test_only_the_same_octets_from_the_same_source_are_known_again(other: Request) -> None:
    known = Retransmissions()
    known.remember(request(), at(0.0))
    assert known.holds(request(), at(1.0))
    assert not known.holds(other, at(1.0))


def test_it_is_forgotten_after_a_while() -> None:
    known = Retransmissions(32.0)
    for second in range(100):
        known.remember(request(number=second), at(second))
    assert not known.holds(request(number=67), at(99.0))
    assert known.holds(request(number=68), at(99.0))
    assert len(known) == 32


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    known = Retransmissions(32.0, most=2)
    for number in range(3):
        known.remember(request(number=number), at(0.0))
    assert len(known) == 2
    assert [known.holds(request(number=number), at(0.0)) for number in range(3)] == [False, True, True]
