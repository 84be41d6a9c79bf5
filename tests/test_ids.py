from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from offhook.ids import MAGIC_COOKIE, IdSource


def drawn(source: IdSource) -> list[object]:
    """One of everything, more than one block's worth."""
    found: list[object] = []
    for _ in range(10):
        found += [source.unique(), source.branch(), source.tag(), source.call_id(), source.number(1000)]
        found.append(source.fraction())
    return found


@pytest.mark.rfc("3261 8.1.1.7 #5")
def test_a_branch_starts_with_the_cookie_and_names_its_origin() -> None:
    branch = IdSource.seeded(1, origin="n1.w2.b3").branch()
    assert re.fullmatch(r"z9hG4bK-n1\.w2\.b3-[0-9a-f]{16}", branch)
    assert branch.startswith(MAGIC_COOKIE)


@pytest.mark.rfc("3261 19.3 #1")
def test_a_tag_names_its_origin() -> None:
    assert re.fullmatch(r"n1\.w2\.b3-[0-9a-f]{16}", IdSource.seeded(1, origin="n1.w2.b3").tag())


@pytest.mark.rfc("3261 8.1.1.4 #3")
def test_a_call_id_is_a_word_of_128_bits() -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", IdSource.seeded(1).call_id())


@pytest.mark.rfc("3261 8.1.1.4 #3", "3261 8.1.1.7 #4", "3261 19.3 #1")
def test_identifiers_do_not_repeat() -> None:
    source = IdSource()
    assert len({source.unique() for _ in range(20_000)}) == 20_000


@pytest.mark.rfc("3261 19.3 #1")
def test_a_source_without_a_key_cannot_be_foretold() -> None:
    assert drawn(IdSource()) != drawn(IdSource())


def test_the_same_seed_gives_the_same_identifiers() -> None:
    assert drawn(IdSource.seeded(7)) == drawn(IdSource.seeded(7))
    assert drawn(IdSource.seeded("seven")) == drawn(IdSource.seeded("seven"))
    assert drawn(IdSource(b"key")) == drawn(IdSource(b"key"))


def test_another_seed_gives_others() -> None:
    assert not set(map(str, drawn(IdSource.seeded(7)))) & set(map(str, drawn(IdSource.seeded(8))))


def test_a_seed_of_foreign_octets_is_taken() -> None:
    assert IdSource.seeded("\udcff").unique() != IdSource.seeded("\udcfe").unique()


@pytest.mark.parametrize("hash_seed", ["0", "1", "4294967295"])
def test_a_seeded_run_repeats_in_another_process(hash_seed: str) -> None:
    program = (
        "from offhook.ids import IdSource\n"
        "source = IdSource.seeded(42, 'o')\n"
        "print([source.branch(), source.call_id(), source.number(100), source.fraction()])\n"
    )
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    printed = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, check=True).stdout
    source = IdSource.seeded(42, "o")
    assert printed.decode().strip() == str([source.branch(), source.call_id(), source.number(100), source.fraction()])


def test_numbers_stay_below_their_bound_and_reach_all() -> None:
    source = IdSource.seeded(3)
    assert {source.number(6) for _ in range(500)} == set(range(6))
    assert source.number(1) == 0
    assert all(0 <= source.number(1 << 53) < 1 << 53 for _ in range(1000))


def test_fractions_are_spread_from_0_to_1() -> None:
    source = IdSource.seeded(3)
    fractions = [source.fraction() for _ in range(4000)]
    assert all(0.0 <= fraction < 1.0 for fraction in fractions)
    assert 0.47 < sum(fractions) / len(fractions) < 0.53


@pytest.mark.parametrize("origin", ["", "a-b", "a b", "a@b", "é", "a\r\n"])
def test_an_origin_that_would_break_a_branch_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        IdSource(origin=origin)
