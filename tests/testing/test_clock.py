"""The virtual clock."""

from __future__ import annotations

from offhook.testing.clock import VirtualClock


def test_it_stands_still() -> None:
    clock = VirtualClock(wall=1000.0)
    assert (clock.now().monotonic, clock.now().wall) == (0.0, 1000.0)


def test_both_clocks_move_together() -> None:
    clock = VirtualClock(wall=1000.0)
    clock.advance_to(12.5)
    assert (clock.now().monotonic, clock.now().wall) == (12.5, 1012.5)


def test_it_never_moves_back() -> None:
    clock = VirtualClock()
    clock.advance_to(5.0)
    clock.advance_to(2.0)
    assert clock.now().monotonic == 5.0


def test_the_wall_clock_can_jump_alone() -> None:
    clock = VirtualClock(wall=1000.0)
    clock.advance_to(1.0)
    clock.step_wall(-600.0)
    assert (clock.now().monotonic, clock.now().wall) == (1.0, 401.0)
