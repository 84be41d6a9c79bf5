from __future__ import annotations

from offhook.testing.clock import VirtualClock


def test_it_stands_still() -> None:
    clock = VirtualClock()
    assert (clock.now().monotonic, clock.now().wall) == (0.0, 1_767_225_600.0)
    assert clock.now().monotonic == clock.now().monotonic


def test_both_clocks_go_on_together_and_never_back() -> None:
    clock = VirtualClock(wall=1000.0)
    clock.advance_to(2.5)
    assert (clock.monotonic, clock.now().wall) == (2.5, 1002.5)
    clock.advance_to(1.0)
    assert clock.monotonic == 2.5


def test_the_wall_clock_may_jump_alone() -> None:
    clock = VirtualClock(wall=1000.0)
    clock.step_wall(-400.0)
    clock.advance_to(1.0)
    assert (clock.now().monotonic, clock.now().wall) == (1.0, 601.0)
