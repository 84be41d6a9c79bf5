from __future__ import annotations

import pytest

from offhook.media.rtp.sequence import MAX_DROPOUT, MAX_MISORDER, Arrival, SequenceState


def valid(first: int) -> SequenceState:
    """A source that has passed probation with `first` as its first counted packet."""
    state = SequenceState((first - 1) % 65536)
    assert state.update((first - 1) % 65536) is Arrival.PROBATION
    assert state.update(first) is Arrival.VALIDATED
    return state


@pytest.mark.rfc("3550 A.1")
def test_two_packets_in_sequence_end_probation() -> None:
    state = SequenceState(100)
    assert state.update(100) is Arrival.PROBATION
    assert state.update(101) is Arrival.VALIDATED
    assert (state.base_seq, state.max_seq, state.received) == (101, 101, 1)


@pytest.mark.rfc("3550 A.1")
def test_a_gap_on_probation_begins_it_again() -> None:
    state = SequenceState(100)
    assert [state.update(number) for number in (100, 102, 104, 105)] == [
        Arrival.PROBATION,
        Arrival.PROBATION,
        Arrival.PROBATION,
        Arrival.VALIDATED,
    ]
    assert state.base_seq == 105


@pytest.mark.rfc("3550 A.1")
def test_probation_passes_over_the_wrap() -> None:
    state = SequenceState(65535)
    assert state.update(65535) is Arrival.PROBATION
    assert state.update(0) is Arrival.VALIDATED


@pytest.mark.rfc("3550 A.1")
def test_the_wrap_counts_a_cycle() -> None:
    state = valid(65534)
    assert state.update(65535) is Arrival.VALID
    assert state.update(0) is Arrival.VALID
    assert state.extended_max == 65536
    assert state.expected == 3
    assert state.lost == 0


@pytest.mark.rfc("3550 A.1")
@pytest.mark.parametrize(
    ("ahead", "arrival"),
    [
        (0, Arrival.VALID),
        (1, Arrival.VALID),
        (MAX_DROPOUT - 1, Arrival.VALID),
        (MAX_DROPOUT, Arrival.INVALID),
        (30000, Arrival.INVALID),
        (65536 - MAX_MISORDER, Arrival.INVALID),
        (65536 - MAX_MISORDER + 1, Arrival.VALID),
        (65535, Arrival.VALID),
    ],
)
def test_the_bounds_of_dropout_and_misorder(ahead: int, arrival: Arrival) -> None:
    state = valid(1000)
    assert state.update((1000 + ahead) % 65536) is arrival


@pytest.mark.rfc("3550 A.1")
def test_two_packets_after_a_jump_are_a_restart() -> None:
    state = valid(1000)
    for number in range(1001, 1011):
        state.update(number)
    assert state.update(40000) is Arrival.INVALID
    assert state.max_seq == 1010
    assert state.update(40001) is Arrival.RESTARTED
    assert (state.base_seq, state.received, state.lost) == (40001, 1, 0)


@pytest.mark.rfc("3550 A.1")
def test_a_jump_that_is_not_followed_changes_nothing() -> None:
    state = valid(1000)
    assert state.update(40000) is Arrival.INVALID
    assert state.update(1001) is Arrival.VALID
    assert state.update(40002) is Arrival.INVALID
    assert state.max_seq == 1001


@pytest.mark.rfc("3550 A.3")
def test_losses_are_counted_in_all_and_by_interval() -> None:
    state = valid(0)
    for number in (1, 2, 3, 6, 7):
        state.update(number)
    # Of 0 to 7, 4 and 5 are missing: 2/8 in 1/256.
    assert (state.expected, state.received, state.lost) == (8, 6, 2)
    assert state.take_fraction_lost() == 64
    assert state.take_fraction_lost() == 0
    for number in (8, 10, 11):
        state.update(number)
    assert state.take_fraction_lost() == 64
    assert state.lost == 3


@pytest.mark.rfc("3550 A.3")
def test_duplicates_make_the_loss_negative() -> None:
    state = valid(5)
    for number in (6, 6, 6):
        state.update(number)
    assert state.lost == -2
    assert state.take_fraction_lost() == 0


@pytest.mark.parametrize("first", [1, 0, 65535])
def test_the_packet_before_the_first_can_be_counted(first: int) -> None:
    state = valid(first)
    state.include_previous()
    state.update((first + 1) % 65536)
    assert (state.expected, state.received, state.lost) == (3, 3, 0)
