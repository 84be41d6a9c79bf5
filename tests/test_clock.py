from __future__ import annotations

import time
from math import inf

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from offhook.clock import COMPACT_FROM, MAX_LANES, Moment, Timer, Timers, now


def at(monotonic: float) -> Moment:
    return Moment(monotonic, 1_700_000_000.0 + monotonic)


def fire_all(timers: Timers, moment: Moment) -> list[tuple[object, str]]:
    fired = []
    while (due := timers.take_due(moment)) is not None:
        fired.append(due)
    return fired


def test_now_reads_both_clocks() -> None:
    before = (time.monotonic(), time.time())
    moment = now()
    after = (time.monotonic(), time.time())
    assert before[0] <= moment.monotonic <= after[0]
    assert before[1] <= moment.wall <= after[1]


def test_moment_shows_both_clocks() -> None:
    assert repr(Moment(1.5, 2.5)) == "Moment(monotonic=1.5, wall=2.5)"


def test_nothing_runs_at_first() -> None:
    timers = Timers()
    assert len(timers) == 0
    assert timers.next_deadline() is None
    assert timers.take_due(at(1e9)) is None


def test_a_timer_fires_at_its_deadline_and_once() -> None:
    timers = Timers()
    timers.start(0.5, "owner", "timer_a", at(10.0))
    assert timers.next_deadline() == 10.5
    assert timers.take_due(at(10.499)) is None
    assert len(timers) == 1
    assert timers.take_due(at(10.5)) == ("owner", "timer_a")
    assert timers.take_due(at(10.5)) is None
    assert len(timers) == 0
    assert timers.next_deadline() is None


def test_timers_fire_in_the_order_of_their_deadlines_across_durations() -> None:
    timers = Timers()
    for delay in (32.0, 0.5, 4.0, 1.0, 2.0):
        timers.start(delay, "owner", str(delay), at(0.0))
    assert timers.next_deadline() == 0.5
    assert [event for _, event in fire_all(timers, at(100.0))] == ["0.5", "1.0", "2.0", "4.0", "32.0"]


def test_equal_deadlines_fire_in_the_order_of_their_start() -> None:
    timers = Timers()
    timers.start(2.0, "first", "e", at(0.0))
    timers.start(1.0, "second", "e", at(1.0))
    timers.start(2.0, "third", "e", at(0.0))
    assert [owner for owner, _ in fire_all(timers, at(2.0))] == ["first", "second", "third"]


def test_an_earlier_moment_does_not_disturb_its_lane() -> None:
    """A caller whose moment lies before an earlier caller's starts a timer of the same duration."""
    timers = Timers()
    timers.start(1.0, "late", "e", at(10.0))
    timers.start(1.0, "early", "e", at(5.0))
    timers.start(1.0, "latest", "e", at(11.0))
    assert timers.next_deadline() == 6.0
    assert timers.take_due(at(6.0)) == ("early", "e")
    assert timers.take_due(at(6.0)) is None
    assert fire_all(timers, at(12.0)) == [("late", "e"), ("latest", "e")]


def test_an_out_of_order_timer_can_be_cancelled() -> None:
    timers = Timers()
    timers.start(1.0, "late", "e", at(10.0))
    early = timers.start(1.0, "early", "e", at(5.0))
    timers.cancel(early)
    assert timers.next_deadline() == 11.0
    assert fire_all(timers, at(20.0)) == [("late", "e")]


def test_cancelling_is_final_and_may_be_repeated() -> None:
    timers = Timers()
    timer = timers.start(1.0, "owner", "e", at(0.0))
    timers.cancel(timer)
    timers.cancel(timer)
    assert len(timers) == 0
    assert timers.next_deadline() is None
    assert timers.take_due(at(5.0)) is None


def test_cancelling_after_firing_changes_nothing() -> None:
    timers = Timers()
    fired = timers.start(1.0, "fired", "e", at(0.0))
    timers.start(2.0, "running", "e", at(0.0))
    assert timers.take_due(at(1.0)) == ("fired", "e")
    timers.cancel(fired)
    assert len(timers) == 1
    assert timers.take_due(at(2.0)) == ("running", "e")
    assert len(timers) == 0


@pytest.mark.parametrize("fire", [True, False])
def test_a_timer_that_is_over_holds_no_owner(fire: bool) -> None:
    timers = Timers()
    timer = timers.start(1.0, object(), "e", at(0.0))
    timers.start(1.0, "other", "e", at(0.0))
    if fire:
        timers.take_due(at(1.0))
    else:
        timers.cancel(timer)
    assert timer.owner is None


def test_a_timer_started_while_others_fire_takes_its_place() -> None:
    timers = Timers()
    timers.start(1.0, "a", "e", at(0.0))
    timers.start(3.0, "c", "e", at(0.0))
    assert timers.take_due(at(3.0)) == ("a", "e")
    timers.start(0.0, "b", "e", at(2.0))
    assert fire_all(timers, at(3.0)) == [("b", "e"), ("c", "e")]


def test_what_fires_again_waits_though_a_later_timer_was_cancelled() -> None:
    """A retransmission comes once in a moment, whatever the timers say of transactions that are over."""
    timers = Timers()
    timers.cancel(timers.start_at(40.0, "over", "e"))
    timers.start(0.5, "sent", "e", at(0.0))
    assert timers.take_due(at(1.0)) == ("sent", "e")
    timers.start(4.0, "sent", "e", at(1.0))
    assert timers.take_due(at(1.0)) is None
    assert timers.next_deadline() == 5.0
    assert held(timers) == 1


def test_more_durations_than_lanes() -> None:
    timers = Timers()
    count = 3 * MAX_LANES
    for index in range(count, 0, -1):
        timers.start(float(index), index, "e", at(0.0))
    assert len(timers) == count
    assert [owner for owner, _ in fire_all(timers, at(1000.0))] == list(range(1, count + 1))
    # The lanes are free again.
    timers.start(1.0, "again", "e", at(0.0))
    assert timers.take_due(at(1.0)) == ("again", "e")


def held(timers: Timers) -> int:
    """How many timers lie in the structure, dead ones too."""
    return sum(len(lane) for lane in timers._lanes.values()) + len(timers._others) + len(timers._due)


def test_cancelled_timers_do_not_pile_up() -> None:
    """As with calls that are answered: each long timer is cancelled long before it is due."""
    timers = Timers()
    keep = timers.start(180.0, "keep", "timer_c", at(0.0))
    largest = 0
    for index in range(10 * COMPACT_FROM):
        timers.cancel(timers.start(180.0, index, "timer_c", at(index / 1000)))
        largest = max(largest, held(timers))
    assert largest <= COMPACT_FROM + 2
    assert len(timers) == 1
    assert timers.next_deadline() == 180.0
    assert timers.take_due(at(180.0)) == ("keep", "timer_c")
    assert keep.owner is None


def test_compaction_keeps_the_living_in_order() -> None:
    timers = Timers()
    started: list[Timer] = []
    for index in range(4 * COMPACT_FROM):
        # Every third moment lies in the past, so that lanes and heap are both filled.
        moment = at(index - 500.0 if index % 3 == 0 else float(index))
        started.append(timers.start(float(index % 80), index, "e", moment))
    living = []
    for timer in started:
        if timer.serial % 5:
            timers.cancel(timer)
        else:
            living.append(timer)
    assert len(timers) == len(living)
    assert held(timers) < len(started)
    expected = [timer.owner for timer in sorted(living, key=lambda timer: (timer.deadline, timer.serial))]
    assert [owner for owner, _ in fire_all(timers, at(1e6))] == expected


delays = st.sampled_from([0.0, 0.5, 1.0, 4.0, 32.0, 180.0]) | st.floats(0.0, 200.0)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["start", "repeat", "start at"]), delays),
            st.tuples(st.just("cancel"), st.integers(0, 200)),
            st.tuples(st.just("move"), st.floats(-5.0, 50.0)),
            st.tuples(st.just("look"), st.just(0.0)),
        ),
        max_size=120,
    )
)
@example([("start at", 40.0), ("cancel", 0), ("repeat", 0.5), ("move", 1.0)])
def test_any_course_agrees_with_a_sorted_list(steps: list[tuple[str, float]]) -> None:
    timers = Timers()
    started: list[Timer] = []
    running: dict[int, Timer] = {}
    repeated: dict[int, float] = {}
    clock = 100.0

    def begin(timer: Timer) -> int:
        running[len(started)] = timer
        started.append(timer)
        return len(started) - 1

    for step, value in steps:
        if step == "start":
            begin(timers.start(value, len(started), "e", at(clock)))
        elif step == "start at":
            begin(timers.start_at(clock + value, len(started), "e"))
        elif step == "repeat":
            repeated[begin(timers.start(value, len(started), "e", at(clock)))] = max(value, 0.5)
        elif step == "cancel" and started:
            index = int(value) % len(started)
            timers.cancel(started[index])
            running.pop(index, None)
        elif step == "move":
            clock += value
            while (due := timers.take_due(at(clock))) is not None:
                owner = due[0]
                assert isinstance(owner, int)
                assert owner == min(running, key=lambda index: (running[index].deadline, running[index].serial))
                assert running.pop(owner).deadline <= clock
                if owner in repeated:
                    repeated[begin(timers.start(repeated[owner], len(started), "e", at(clock)))] = repeated[owner]
            assert all(timer.deadline > clock for timer in running.values())
        elif step == "look":
            # Not each time: looking tidies up.
            assert timers.next_deadline() == min((timer.deadline for timer in running.values()), default=None)
            assert timers.earliest == min((timer.deadline for timer in running.values()), default=inf)
        assert timers.earliest <= min((timer.deadline for timer in running.values()), default=inf)
        assert len(timers) == len(running)
