from __future__ import annotations

import pytest

from offhook.media.pacing import Pacing


def test_ticks_are_counted_from_the_start() -> None:
    pacing = Pacing(1000.1, 160, 8000)
    assert pacing.deadline() == 1000.1
    for tick in range(100_000):
        deadline = pacing.deadline()
        assert deadline == pytest.approx(1000.1 + tick * 0.02, abs=1e-9)
        assert pacing.position == tick * 160
        # However late the last one was taken.
        assert pacing.take(deadline + 0.019 * (tick % 7) / 7) == 1


def test_a_deadline_is_reached_at_itself() -> None:
    for start in (0.1, 123456.7, 1e6 / 3):
        pacing = Pacing(start, 160, 8000)
        for _ in range(5000):
            assert pacing.take(pacing.deadline()) == 1


def test_before_the_deadline_nothing_is_due() -> None:
    pacing = Pacing(10.0, 160, 8000)
    assert pacing.take(9.0) == 0
    assert pacing.take(10.0) == 1
    assert pacing.take(10.0199) == 0
    assert pacing.take(5.0) == 0


def test_missed_ticks_are_told() -> None:
    pacing = Pacing(10.0, 160, 8000)
    assert pacing.take(13.0) == 151
    assert pacing.position == 151 * 160
    assert pacing.deadline() == pytest.approx(13.02)


def test_another_period_begins_at_the_next_tick() -> None:
    pacing = Pacing(10.0, 160, 8000)
    pacing.take(10.05)
    pacing.change(240)
    assert pacing.deadline() == pytest.approx(10.06)
    assert (pacing.position, pacing.frame) == (480, 240)
    assert pacing.take(10.06) == 1
    assert pacing.deadline() == pytest.approx(10.09)
    assert pacing.position == 720
    pacing.change(240)
    assert pacing.position == 720
