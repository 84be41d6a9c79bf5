"""What was noted lately is there, what is older goes, and there is never too much."""

from __future__ import annotations

from offhook.recent import ForAWhile, Recent
from tests.sip.messages import seconds_of


def test_the_last_notes_are_there_and_old_ones_go() -> None:
    recent: Recent[int, str] = Recent(3)
    for number in range(20):
        recent.note(number, str(number))
        assert len(recent) <= 6
        assert [recent.get(back) for back in range(max(0, number - 2), number + 1)] == [
            str(back) for back in range(max(0, number - 2), number + 1)
        ]
    assert recent.get(0) is None


def test_a_newer_note_takes_the_place_of_an_older_one() -> None:
    recent: Recent[str, str] = Recent(2)
    for key, value in (("a", "first"), ("b", "x"), ("a", "second"), ("c", "y"), ("a", "third")):
        recent.note(key, value)
    assert recent.get("a") == "third"


def test_a_note_is_there_for_its_time() -> None:
    notes: ForAWhile[str, int] = ForAWhile(32.0, 10)
    notes.note("a", 1, 0.0)
    assert notes.get("a", 31.9) == 1
    assert notes.get("a", 32.0) is None
    assert notes.get("b", 0.0) is None


def test_what_has_had_its_time_takes_no_room() -> None:
    notes: ForAWhile[int, int] = ForAWhile(32.0, 1000)
    for second in range(100):
        notes.note(second, second, second)
    assert len(notes) == 32


def test_the_oldest_makes_room() -> None:
    notes: ForAWhile[int, int] = ForAWhile(32.0, 3)
    for number in range(10):
        notes.note(number, number, 0.0)
    assert [number for number in range(10) if notes.get(number, 0.0) == number] == [7, 8, 9]


def test_what_is_noted_again_starts_its_time_again() -> None:
    notes: ForAWhile[str, int] = ForAWhile(32.0, 2)
    for second, key in enumerate(("a", "b", "a", "c")):
        notes.note(key, second, second)
    assert [notes.get(key, 3.0) for key in "abc"] == [2, None, 3]
    assert notes.get("a", 33.9) == 2


def test_to_forget_the_oldest_takes_no_longer_among_many() -> None:
    def seconds(most: int) -> float:
        notes: ForAWhile[int, int] = ForAWhile(32.0, most)
        for number in range(most):
            notes.note(number, 0, 0.0)
        numbers = iter(range(most, most + 100_000))

        def note() -> None:
            for _ in range(5000):
                notes.note(next(numbers), 0, 0.0)

        return seconds_of(note, 6)

    assert seconds(15_000) < 4 * seconds(15)
