"""Calls that wait for further targets: RFC 3261 16.5."""

from __future__ import annotations

from offhook.proxy import watch
from offhook.proxy.watch import Watch
from tests.proxy.test_context import context_with

BOB, CAROL = "sip:bob@example.com", "sip:carol@example.com"


def test_all_names_exist() -> None:
    assert all(hasattr(watch, name) for name in watch.__all__)


def test_calls_are_found_by_whom_they_are_for() -> None:
    watched = Watch()
    first, second, third = (context_with() for _ in range(3))
    watched.begin(BOB, first)
    watched.begin(BOB, second)
    watched.begin(CAROL, third)
    assert (watched.of(BOB), watched.of(CAROL), watched.of("sip:dave@example.com")) == ([first, second], [third], [])
    assert (watched.holds(BOB), watched.holds("sip:dave@example.com"), len(watched)) == (True, False, 2)


def test_nothing_is_kept_of_calls_that_are_over() -> None:
    watched = Watch()
    calls = [context_with() for _ in range(3)]
    for call in calls:
        watched.begin(BOB, call)
    listed = watched.of(BOB)
    for call in (calls[1], calls[0], calls[2]):
        watched.end(call)
        watched.end(call)
    assert (watched.holds(BOB), watched.of(BOB), len(watched), len(listed)) == (False, [], 0, 3)


def test_the_end_of_a_call_that_was_not_watched_is_nothing() -> None:
    watched = Watch()
    watched.end(context_with())
    assert len(watched) == 0
