from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.ids import IdSource
from offhook.security import nonce
from offhook.security.nonce import NonceGuard, NonceSource, NonceState

SECRET = b"0123456789abcdef"
NOW = 1_800_000_000.0

wire_text = st.binary(max_size=30).map(lambda octets: octets.decode("utf-8", "surrogateescape"))


def source(secret: bytes = SECRET, lifetime: float = 300.0, seed: int = 1) -> NonceSource:
    return NonceSource(secret, IdSource.seeded(seed), lifetime)


def test_all_names_exist() -> None:
    assert all(hasattr(nonce, name) for name in nonce.__all__)


def test_a_nonce_ages() -> None:
    nonces = source(lifetime=60.0)
    made = nonces.issue("r", NOW)
    assert nonces.check(made, "r", NOW) is NonceState.FRESH
    assert nonces.check(made, "r", NOW + 60.0) is NonceState.FRESH
    assert nonces.check(made, "r", NOW + 60.1) is NonceState.STALE


def test_a_clock_that_was_set_back_makes_nonces_stale() -> None:
    made = source().issue("r", NOW)
    assert source().check(made, "r", NOW - 4.0) is NonceState.FRESH
    assert source().check(made, "r", NOW - 3600.0) is NonceState.STALE


def test_a_nonce_before_1970_can_be_made() -> None:
    assert source().check(source().issue("r", -1.0), "r", 0.0) is NonceState.FRESH


def test_another_worker_with_the_secret_agrees() -> None:
    made = source(seed=1).issue("r", NOW, "192.0.2.1")
    assert source(seed=2).check(made, "r", NOW, "192.0.2.1") is NonceState.FRESH


@given(realm=wire_text, bound=wire_text, other=wire_text)
def test_a_nonce_is_bound_to_its_realm_and_source(realm: str, bound: str, other: str) -> None:
    nonces = source()
    made = nonces.issue(realm, NOW, bound)
    assert re.fullmatch(r"[0-9a-f]{54}", made)
    assert nonces.check(made, realm, NOW, bound) is NonceState.FRESH
    assert nonces.check(made, realm, NOW, other) is (NonceState.FRESH if other == bound else NonceState.FORGED)
    assert nonces.check(made, other, NOW, bound) is (NonceState.FRESH if other == realm else NonceState.FORGED)


def test_a_realm_and_a_source_cannot_be_cut_elsewhere() -> None:
    nonces = source()
    assert nonces.check(nonces.issue("ab", NOW, "c"), "a", NOW, "bc") is NonceState.FORGED


def test_nonces_differ() -> None:
    nonces = source()
    assert len({nonces.issue("r", NOW) for _ in range(1000)}) == 1000


@given(wire_text)
def test_any_text_is_forged(text: str) -> None:
    assert source().check(text, "r", NOW) is NonceState.FORGED


@given(position=st.integers(0, 53), character=st.characters())
def test_any_change_is_forged(position: int, character: str) -> None:
    nonces = source()
    made = nonces.issue("r", NOW)
    changed = made[:position] + character + made[position + 1 :]
    assert nonces.check(changed, "r", NOW) is (NonceState.FRESH if changed == made else NonceState.FORGED)


def test_only_one_writing_of_a_nonce_counts() -> None:
    nonces = source()
    made = nonces.issue("r", NOW)
    spaced = made[:2] + " " * 2 + made[2:]
    for other in (made.upper(), spaced, spaced[: len(made)]):
        assert other != made
        assert nonces.check(other, "r", NOW) is NonceState.FORGED
    assert bytes.fromhex(spaced) == bytes.fromhex(made.upper()) == bytes.fromhex(made), "Python reads all of them"


def test_another_secret_makes_it_forged() -> None:
    assert source(b"another secret..").check(source().issue("r", NOW), "r", NOW) is NonceState.FORGED


@pytest.mark.parametrize(("secret", "lifetime"), [(b"short", 300.0), (bytes(65), 300.0), (SECRET, 0.0), (SECRET, -1.0)])
def test_weak_settings_are_refused(secret: bytes, lifetime: float) -> None:
    with pytest.raises(ValueError, match=r"secret|lifetime"):
        source(secret, lifetime)


def test_a_count_serves_once() -> None:
    guard, made = NonceGuard(), source().issue("r", NOW)
    assert guard.accept(made, 1)
    assert not guard.accept(made, 1)
    assert guard.accept(made, 2)
    assert not guard.accept(made, 1)


def test_without_a_count_a_nonce_serves_once() -> None:
    guard, made = NonceGuard(), source().issue("r", NOW)
    assert guard.accept(made, 0)
    assert not guard.accept(made, 0)


def test_requests_may_overtake_each_other_by_64() -> None:
    guard, made = NonceGuard(), source().issue("r", NOW)
    assert guard.accept(made, 100)
    assert guard.accept(made, 37)
    assert not guard.accept(made, 37)
    assert not guard.accept(made, 36)
    assert guard.accept(made, 0xFFFFFFFF)
    assert not guard.accept(made, 0xFFFFFFFF)
    assert guard.accept(made, 0xFFFFFFFE)
    assert not guard.accept(made, 100)


@given(st.lists(st.integers(0, 200), max_size=200))
def test_no_count_is_ever_accepted_twice(counts: list[int]) -> None:
    guard, made = NonceGuard(), source().issue("r", NOW)
    seen: set[int] = set()
    for count in counts:
        expected = count not in seen and count > max(seen, default=count) - 64
        assert guard.accept(made, count) == expected
        if expected:
            seen.add(count)
    remembered = {count for count in seen if count > max(seen) - 64}
    assert {count for count in range(202) if guard.has_accepted(made, count)} == remembered


def test_memory_is_bounded_and_a_dropped_nonce_cannot_be_replayed() -> None:
    guard, nonces = NonceGuard(capacity=3), source()
    made = [nonces.issue("r", NOW + index) for index in range(5)]
    for text in made[:3]:
        assert guard.accept(text, 1)
    assert guard.accept(made[0], 2), "used again, so made[1] is the least recently used"
    assert guard.accept(made[3], 1)
    assert len(guard) == 3
    assert not guard.accept(made[1], 1)
    assert guard.accept(made[0], 3), "still known, though older than the dropped one"
    assert guard.accept(made[4], 1)
    assert len(guard) == 3


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), max_size=100), st.integers(1, 4))
def test_the_bound_opens_no_way_for_a_replay(uses: list[tuple[int, int]], capacity: int) -> None:
    guard, nonces = NonceGuard(capacity), source()
    made = [nonces.issue("r", NOW + index) for index in range(21)]
    accepted: set[tuple[int, int]] = set()
    for index, count in uses:
        if guard.accept(made[index], count):
            assert (index, count) not in accepted
            accepted.add((index, count))
        assert len(guard) <= capacity


def test_a_guard_takes_only_nonces() -> None:
    assert not NonceGuard().accept("made up", 1)
    with pytest.raises(ValueError, match="at least one"):
        NonceGuard(0)
