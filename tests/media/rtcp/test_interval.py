from __future__ import annotations

import pytest

from offhook.media.rtcp.interval import (
    COMPENSATION,
    MIN_INTERVAL,
    RtcpTiming,
    deterministic_interval,
    randomized,
)


@pytest.mark.rfc("3550 6.3.1")
@pytest.mark.parametrize(
    ("members", "senders", "we_sent", "initial", "seconds"),
    [
        # Two parties: the minimum rules.
        (2, 2, True, False, 5.0),
        (2, 2, True, True, 2.5),
        # 1000 members, all senders: 100 octets * 1000 / 500.
        (1000, 1000, True, False, 200.0),
        # A tenth sends. The senders share a quarter of 500: 100 * 100 / 125. The others the rest: 100 * 900 / 375.
        (1000, 100, True, False, 80.0),
        (1000, 100, False, False, 240.0),
        # Exactly a quarter still counts as few.
        (1000, 250, True, False, 200.0),
        (1000, 250, False, False, 200.0),
    ],
)
def test_the_deterministic_interval(members: int, senders: int, we_sent: bool, initial: bool, seconds: float) -> None:
    assert deterministic_interval(members, senders, 500.0, we_sent, 100.0, initial) == pytest.approx(seconds)


@pytest.mark.rfc("3550 6.3.1")
def test_the_interval_is_drawn_between_half_and_one_and_a_half() -> None:
    assert randomized(5.0, 0.0) == pytest.approx(2.5 / COMPENSATION)
    assert randomized(5.0, 0.5) == pytest.approx(5.0 / COMPENSATION)
    assert randomized(5.0, 1.0) == pytest.approx(7.5 / COMPENSATION)
    assert pytest.approx(1.21828) == COMPENSATION


def timing(now: float = 100.0) -> RtcpTiming:
    return RtcpTiming(now, 500.0, 72.0, 0.5)


@pytest.mark.rfc("3550 6.3.2")
def test_the_first_report_comes_after_half_the_minimum() -> None:
    first = timing()
    assert first.next == pytest.approx(100 + MIN_INTERVAL / 2 / COMPENSATION)
    assert first.average_size == 100.0


@pytest.mark.rfc("3550 6.3.6")
def test_a_report_is_sent_when_the_new_interval_has_passed_too() -> None:
    schedule = timing()
    schedule.sent(72, 102.0, 0.5)
    assert not schedule.initial
    due = schedule.next
    assert not schedule.expired(due, 1.0)
    assert schedule.next == pytest.approx(102 + 7.5 / COMPENSATION)
    assert schedule.expired(schedule.next, 0.0)


@pytest.mark.rfc("3550 6.3.3")
def test_the_average_size_follows_slowly() -> None:
    schedule = timing()
    schedule.received(132)
    assert schedule.average_size == pytest.approx(100 * 15 / 16 + 160 / 16)
    schedule.sent(72, 102.0, 0.5)
    assert schedule.average_size == pytest.approx((100 * 15 / 16 + 160 / 16) * 15 / 16 + 100 / 16)


@pytest.mark.rfc("3550 6.3.4")
def test_a_goodbye_brings_the_next_report_nearer() -> None:
    schedule = timing()
    schedule.update(4, 0, False, 100.0)
    schedule.expired(100.0, 0.5)
    schedule.previous, schedule.next = 90.0, 120.0
    schedule.update(1, 0, False, 100.0)
    assert schedule.next == pytest.approx(105.0)
    assert schedule.previous == pytest.approx(97.5)
    assert schedule.pmembers == 1


@pytest.mark.rfc("3550 6.3.4")
def test_more_members_do_not_move_the_next_report() -> None:
    schedule = timing()
    before = schedule.next
    schedule.update(10, 2, True, 101.0)
    assert schedule.next == before


@pytest.mark.rfc("3550 6.3.5")
def test_members_time_out_after_five_intervals_and_senders_after_two() -> None:
    schedule = timing()
    schedule.sent(72, 101.0, 0.5)
    assert schedule.member_timeout == pytest.approx(25.0)
    assert schedule.sender_timeout == pytest.approx(10.0)
