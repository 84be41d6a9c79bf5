"""What the watch over the messages finds, shown with messages that may not be."""

from __future__ import annotations

import pytest

from tests.simulation.wire import Wire


def request(method: str, number: int, branch: str, tags: str = "ab", call_id: str = "c") -> bytes:
    to = f";tag={tags[1]}" if tags[1:] else ""
    return (
        f"{method} sip:b@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{branch}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:a@example.com>;tag={tags[0]}\r\nTo: <sip:b@example.com>{to}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def answer(status: int, method: str, branch: str) -> bytes:
    return (
        f"SIP/2.0 {status} X\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{branch}\r\nFrom: <sip:a@example.com>;tag=a\r\n"
        f"To: <sip:b@example.com>;tag=b\r\nCall-ID: c\r\nCSeq: 7 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def faults(*sent: bytes) -> list[str]:
    wire = Wire()
    for data in sent:
        wire.send("h", data)
    return wire.faults


def test_a_cseq_that_falls_is_found() -> None:
    assert faults(request("INFO", 5, "1"), request("BYE", 4, "2")) == ["h sent 4 BYE after 5 in the call c"]
    assert len(faults(request("REGISTER", 5, "1", "a"), request("REGISTER", 4, "2", "x"))) == 1


@pytest.mark.parametrize(
    "second",
    [
        request("BYE", 6, "2"),
        request("BYE", 5, "2"),
        request("BYE", 4, "2", "ax"),
        request("BYE", 4, "2", "ba"),
        request("BYE", 4, "2", call_id="d"),
        request("ACK", 4, "2"),
        request("CANCEL", 4, "2"),
    ],
)
def test_a_cseq_that_rises_or_is_of_another_dialog_or_transaction_is_none(second: bytes) -> None:
    assert faults(request("INFO", 5, "1"), second) == []


def test_what_is_sent_again_may_come_after_what_followed_it() -> None:
    first = request("PRACK", 2, "1")
    assert faults(first, request("UPDATE", 3, "2"), first) == []


def test_requests_that_are_passed_on_are_not_judged() -> None:
    wire = Wire()
    wire.proxies.add("h")
    for data in (request("INFO", 5, "1"), request("BYE", 4, "2")):
        wire.send("h", data)
    assert wire.faults == []


def test_two_answers_to_one_request_are_found() -> None:
    assert faults(answer(200, "BYE", "1"), answer(481, "BYE", "1")) == [
        "h answered 200, then 481 to 7 BYE of the call c"
    ]
    assert len(faults(answer(200, "INVITE", "1"), answer(486, "INVITE", "1"))) == 1


def test_an_answer_that_is_sent_again_is_one() -> None:
    assert faults(answer(100, "INVITE", "1"), answer(180, "INVITE", "1"), *[answer(486, "INVITE", "1")] * 2) == []
    assert faults(answer(200, "INVITE", "1"), answer(202, "INVITE", "1")) == []
    assert faults(answer(200, "BYE", "1"), answer(481, "BYE", "2")) == []
    assert faults(answer(200, "INVITE", "1"), answer(481, "CANCEL", "1")) == []


def test_who_has_restarted_may_answer_in_another_way() -> None:
    wire = Wire()
    wire.send("h", answer(200, "BYE", "1"))
    wire.forget("h")
    wire.send("h", answer(481, "BYE", "1"))
    assert wire.faults == []


def test_a_register_that_another_has_overtaken_may_fail() -> None:
    first, last = request("REGISTER", 7, "1", "a"), request("REGISTER", 8, "2", "a")
    answers = [answer(200, "REGISTER", "1"), answer(500, "REGISTER", "1")]
    assert faults(first, last, *answers) == []
    assert len(faults(first, *answers)) == 1
