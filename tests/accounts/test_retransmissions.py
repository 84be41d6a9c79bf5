from __future__ import annotations

from offhook.accounts import retransmissions
from offhook.accounts.retransmissions import Retransmissions
from offhook.sip.message import Request
from offhook.sip.serializer import new_request


def request(branch: str = "1", number: int = 1, call_id: str = "c") -> Request:
    draft = new_request("REGISTER", "sip:example.com").add("Via", f"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{branch}")
    return draft.add("Call-ID", call_id).add("CSeq", f"{number} REGISTER").request()


def test_all_names_exist() -> None:
    assert all(hasattr(retransmissions, name) for name in retransmissions.__all__)


def test_a_request_is_known_by_its_via_call_id_cseq_and_use_of_a_nonce() -> None:
    known = Retransmissions()
    known.remember(request(), "n", 1, 0.0)
    assert known.holds(request(), "n", 1, 1.0)
    for other in (request("2"), request(number=2), request(call_id="d")):
        assert not known.holds(other, "n", 1, 1.0)
    assert not known.holds(request(), "m", 1, 1.0)
    assert not known.holds(request(), "n", 2, 1.0)


def test_it_is_forgotten_after_a_while() -> None:
    known = Retransmissions(32.0)
    for second in range(100):
        known.remember(request(number=second), "n", second, float(second))
    assert not known.holds(request(number=67), "n", 67, 99.0)
    assert known.holds(request(number=68), "n", 68, 99.0)
    assert len(known) == 32


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    known = Retransmissions(32.0, most=2)
    for number in range(3):
        known.remember(request(number=number), "n", number, 0.0)
    assert len(known) == 2
    assert [known.holds(request(number=number), "n", number, 0.0) for number in range(3)] == [False, True, True]


def test_what_has_no_via_was_never_sent() -> None:
    known = Retransmissions()
    lost = new_request("REGISTER", "sip:example.com").request()
    known.remember(lost, "n", 1, 0.0)
    assert len(known) == 0
    assert not known.holds(lost, "n", 1, 0.0)
