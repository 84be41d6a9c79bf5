"""Timer values: RFC 3261 table 4."""

from __future__ import annotations

import pytest

from offhook.transaction.timers import TimerValues


def test_the_defaults() -> None:
    values = TimerValues()
    assert (values.t1, values.t2, values.t4) == (0.5, 4.0, 5.0)
    assert (values.timeout, values.timer_d) == (32.0, 32.0)


@pytest.mark.parametrize(
    ("t1", "timeout", "timer_d"), [(0.1, 6.4, 32.0), (0.5, 32.0, 32.0), (1.0, 64.0, 64.0), (2.0, 128.0, 128.0)]
)
def test_what_follows_from_t1(t1: float, timeout: float, timer_d: float) -> None:
    values = TimerValues(t1=t1)
    assert (values.timeout, values.timer_d) == (timeout, timer_d)


@pytest.mark.parametrize(("t1", "t4", "seconds"), [(0.5, 5.0, 37.0), (0.5, 0.25, 32.25), (1.0, 5.0, 69.0)])
def test_how_long_copies_of_a_request_arrive(t1: float, t4: float, seconds: float) -> None:
    """The last is sent at 64*T1, and no message is under way for longer than T4 (RFC 3261 17.1.2.2)."""
    assert TimerValues(t1=t1, t4=t4).repeating == seconds


@pytest.mark.rfc("4320 4.1 #2", "4320 4.1 #3")
@pytest.mark.parametrize(
    ("t1", "t2", "seconds"), [(0.5, 4.0, 3.5), (1.0, 4.0, 3.0), (0.5, 3.0, 3.5), (4.0, 4.0, 4.0), (0.25, 16.0, 15.75)]
)
def test_when_timer_e_has_become_t2(t1: float, t2: float, seconds: float) -> None:
    """The sum of T1, 2*T1, 4*T1 ... below T2; with T1 = T2 it is T2 from the first firing on."""
    assert TimerValues(t1=t1, t2=t2).trying_non_invite == seconds


@pytest.mark.parametrize("values", [(0.0, 4.0, 5.0), (-1.0, 4.0, 5.0), (5.0, 4.0, 5.0), (0.5, 4.0, 0.0)])
def test_values_that_make_no_sense_are_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="T1 must be"):
        TimerValues(*values)
