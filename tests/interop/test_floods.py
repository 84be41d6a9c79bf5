"""A slice of tests/soak/test_floods.py: registered users call each other while strangers flood their server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.floods import FLOODS, Flood, prepare

MOST_SECONDS = 8.0
"""How long a call may take to be answered: a few datagrams of each may be lost, and the machine may be busy."""


@pytest.mark.parametrize("flood", FLOODS, ids=lambda flood: f"{flood.kind}-{flood.sources}")
async def test_registered_users_call_each_other(flood: Flood, tmp_path: Path, loopback: str) -> None:
    site = prepare(tmp_path, loopback)
    await site.start()
    try:
        outcome = await site.calls_during(flood, 4.0)
    finally:
        await site.close()
    assert not outcome.failed
    assert len(outcome.times) > 5, outcome
    assert max(outcome.times) < MOST_SECONDS, outcome
    assert "'503'" not in outcome.flood
    assert outcome.answered
