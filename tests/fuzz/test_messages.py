"""Fuzzing: 200,000 mutated messages, whole and in random stream splits (RFC 3261 16.3 step 1: nothing may break).

Each shard is a test of its own and always the same; what ever fails is printed as a literal to become a test.
"""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from tests.fuzz.judge import check_stream, check_whole
from tests.fuzz.mutations import corpus, mutants

SHARDS: Final = 40
MUTANTS: Final = 5000
IN_A_STREAM: Final = 5


def test_the_mutator_repeats_itself() -> None:
    one, again, other = list(mutants(1, 300)), list(mutants(1, 300)), list(mutants(2, 300))
    assert one == again
    assert len(set(one) & set(other)) < 30
    assert len(set(one)) > 290


@pytest.mark.parametrize("data", corpus())
def test_what_is_not_mutated(data: bytes) -> None:
    check_whole(data)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_mutated_messages(shard: int) -> None:
    random = Random(shard)
    accepted = framed = 0
    stream: list[bytes] = []
    for data in mutants(shard, MUTANTS):
        try:
            accepted += check_whole(data)
        except Exception as error:
            raise AssertionError(f"as a datagram: {data[:3000]!r}") from error
        stream.append(data)
        if len(stream) == IN_A_STREAM:
            try:
                framed += check_stream(stream, random)
            except Exception as error:
                raise AssertionError(f"as a stream: {[data[:3000] for data in stream]!r}") from error
            stream.clear()
    # A mutator that only breaks, or never does, would prove little.
    assert 0.15 * MUTANTS < accepted < 0.85 * MUTANTS
    assert framed > MUTANTS / 4
