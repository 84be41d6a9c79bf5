from __future__ import annotations

import pytest

from offhook.media.rtp.packet import RtpPacket
from offhook.media.rtp.session import Address
from offhook.media.rtp.symmetric import LEARNING, RUN, SILENCE, SymmetricLatch

SIGNALLED = ("192.0.2.7", 4000)
SIGNALLED_RTCP = ("192.0.2.7", 4001)
BEHIND_NAT = ("198.51.100.9", 62000)
STRANGER = ("203.0.113.66", 5004)
SSRC = 77


def latch(symmetric: bool = True) -> SymmetricLatch:
    made = SymmetricLatch(symmetric=symmetric)
    made.signal(SIGNALLED, SIGNALLED_RTCP, 0.0)
    return made


def hear(
    latch: SymmetricLatch, source: Address, now: float, *, count: int = 1, first: int = 0, ssrc: int = SSRC
) -> list[bool]:
    packets = (RtpPacket(0, (first + number) % 65536, 0, ssrc, b"") for number in range(count))
    return [latch.accept(packet, source, now) for packet in packets]


def test_the_signalled_address_is_heard_at_once() -> None:
    made = latch()
    assert made.destination == SIGNALLED
    assert made.rtcp_destination == SIGNALLED_RTCP
    assert hear(made, SIGNALLED, 1.0) == [True]
    assert made.latched == SIGNALLED


@pytest.mark.rfc("4961 3")
def test_a_peer_behind_a_nat_is_heard_after_a_run_and_answered_there() -> None:
    made = latch()
    assert hear(made, BEHIND_NAT, 1.0, count=RUN) == [False] * (RUN - 1) + [True]
    assert made.destination == BEHIND_NAT
    assert hear(made, BEHIND_NAT, 1.1, first=RUN) == [True]
    assert made.rejected == RUN - 1


def test_the_nat_may_take_its_time() -> None:
    made = latch()
    hear(made, BEHIND_NAT, 60.0, count=RUN)
    assert made.destination == BEHIND_NAT


def test_a_run_is_in_sequence_and_of_one_source() -> None:
    made = latch()
    assert not any(hear(made, STRANGER, 1.0, first=number * 7)[0] for number in range(20))
    assert not any(hear(made, STRANGER, 1.0, first=number, ssrc=number)[0] for number in range(20))
    assert made.destination == SIGNALLED


def test_a_stranger_does_not_take_a_call_that_runs() -> None:
    made = latch()
    hear(made, SIGNALLED, 1.0)
    for step in range(100):
        now = 1.0 + step * 0.02
        assert hear(made, SIGNALLED, now, first=step) == [True]
        # Even with the right SSRC and sequence numbers.
        assert hear(made, STRANGER, now, first=step + 1) == [False]
    assert made.destination == SIGNALLED


def test_a_stranger_who_was_faster_loses_to_the_signalled_address() -> None:
    made = latch()
    hear(made, STRANGER, 1.0, count=RUN, ssrc=666)
    assert made.destination == STRANGER
    assert hear(made, STRANGER, 1.0 + LEARNING, first=RUN, ssrc=666) == [True]
    assert hear(made, SIGNALLED, 1.0 + LEARNING) == [True]
    assert made.destination == SIGNALLED
    assert hear(made, STRANGER, 1.1 + LEARNING, count=50, ssrc=666) == [False] * 50


def test_after_learning_the_latch_is_firm() -> None:
    made = latch()
    hear(made, BEHIND_NAT, 1.0, count=RUN)
    later = 1.1 + LEARNING
    hear(made, BEHIND_NAT, later, first=RUN)
    assert hear(made, SIGNALLED, later) == [False]
    assert hear(made, STRANGER, later, count=50, ssrc=666) == [False] * 50
    assert made.destination == BEHIND_NAT


def test_a_stranger_does_not_take_over_a_pause() -> None:
    made = latch()
    hear(made, SIGNALLED, 1.0)
    assert hear(made, STRANGER, 60.0, count=50, ssrc=666) == [False] * 50
    assert hear(made, STRANGER, 60.0, count=50, first=40000) == [False] * 50


@pytest.mark.parametrize(
    ("source", "ssrc"),
    [(("198.51.100.9", 62999), SSRC), (("203.0.113.5", 1024), SSRC), (("198.51.100.9", 62999), 4711)],
    ids=["another port", "another host", "another port and SSRC"],
)
def test_a_nat_that_moves_the_peer_is_followed(source: Address, ssrc: int) -> None:
    made = latch()
    hear(made, BEHIND_NAT, 1.0, count=RUN)
    made.latch_rtcp(("198.51.100.9", 62001))
    assert not any(hear(made, source, 1.0 + SILENCE / 2, count=10, first=RUN, ssrc=ssrc))
    moved = hear(made, source, 1.0 + SILENCE, count=RUN, first=20, ssrc=ssrc)
    assert moved[-1]
    assert made.destination == source
    assert made.rtcp_destination == SIGNALLED_RTCP


def test_the_signalled_address_is_taken_back_after_silence() -> None:
    made = latch()
    hear(made, BEHIND_NAT, 1.0, count=RUN)
    assert hear(made, SIGNALLED, 60.0, ssrc=5) == [True]
    assert made.destination == SIGNALLED


@pytest.mark.rfc("3264 8.3.1 #4")
def test_a_new_description_starts_over_and_the_same_one_does_not() -> None:
    made = latch()
    hear(made, BEHIND_NAT, 1.0, count=RUN)
    made.signal(SIGNALLED, SIGNALLED_RTCP, 20.0)
    assert made.destination == BEHIND_NAT
    other = ("192.0.2.99", 6000)
    made.signal(other, None, 20.0)
    assert (made.latched, made.destination) == (None, other)
    assert hear(made, BEHIND_NAT, 20.1) == [False]
    assert hear(made, other, 20.1) == [True]


@pytest.mark.rfc("3264 5.1 #16")
def test_what_comes_before_the_description_is_heard_but_not_answered() -> None:
    made = SymmetricLatch()
    hear(made, BEHIND_NAT, 1.0, count=RUN)
    assert (made.latched, made.destination, made.rtcp_destination) == (BEHIND_NAT, None, None)
    made.signal(SIGNALLED, SIGNALLED_RTCP, 30.0)
    assert made.destination == BEHIND_NAT
    assert hear(made, SIGNALLED, 30.0 + LEARNING) == [True]


def test_a_hold_without_an_address_sends_nothing() -> None:
    made = latch()
    hear(made, SIGNALLED, 1.0)
    made.signal(None, None, 2.0)
    assert made.destination is None


def test_without_symmetry_only_the_signalled_address_counts() -> None:
    made = latch(symmetric=False)
    assert hear(made, BEHIND_NAT, 1.0, count=50) == [False] * 50
    assert hear(made, SIGNALLED, 1.0) == [True]
    assert not made.accept_rtcp(("192.0.2.7", 9999))
    made.latch_rtcp(SIGNALLED)
    assert made.rtcp_destination == SIGNALLED_RTCP


def test_rtcp_is_heard_from_the_host_that_is_heard() -> None:
    made = latch()
    assert made.accept_rtcp(SIGNALLED_RTCP)
    assert made.accept_rtcp(("192.0.2.7", 9999))
    assert not made.accept_rtcp(STRANGER)
    hear(made, BEHIND_NAT, 1.0, count=RUN)
    mapped = ("198.51.100.9", 50000)
    assert made.accept_rtcp(mapped)
    made.latch_rtcp(mapped)
    assert made.rtcp_destination == mapped
    assert not made.accept_rtcp(STRANGER)


def test_rtcp_from_anywhere_is_refused_while_nobody_is_known() -> None:
    assert not SymmetricLatch().accept_rtcp(STRANGER)
