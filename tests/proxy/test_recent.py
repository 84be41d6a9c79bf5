"""Two generations: the last notes are there, and never too many."""

from __future__ import annotations

from offhook.proxy.recent import Recent


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
