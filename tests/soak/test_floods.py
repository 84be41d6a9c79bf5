"""Floods of each kind, one after the other, at one server: what they leave of the calls of its users.

OFFHOOK_FLOOD_SECONDS=120 lets each flood last longer. Under ten minutes as it is.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.interop.floods import FLOODS, Flood, Outcome, prepare

SECONDS = float(os.environ.get("OFFHOOK_FLOOD_SECONDS", "45"))
HARDER = [
    Flood("challenged", 20000, 1),
    Flood("challenged", 6000, 1000),
    Flood("guessing", 3000, 1000),
    Flood("calling", 1500, 1000),
    Flood("searching", 1500, 1000),
]
"""More than the server's share of a core can answer, which shows in the times and not in the calls."""
MOST_MILLISECONDS = 1000
"""Until 99 of 100 calls were answered; each goes through the server six times, and a second is a datagram lost."""
MOST_MEGABYTES = 700
"""Half of the unanswered requests that a server takes, each with its branch, and what is remembered of addresses."""


async def test_floods_leave_the_calls_of_users_alone(tmp_path: Path) -> None:
    site = prepare(tmp_path, "127.99.0.1")
    await site.start()
    outcomes: list[Outcome] = []
    try:
        for flood in (None, *FLOODS, *HARDER, None):
            outcome = await site.calls_during(flood, SECONDS if flood else 10.0)
            outcomes.append(outcome)
            print(outcome)  # noqa: T201
    finally:
        await site.close()
    for flood, outcome in zip((None, *FLOODS, *HARDER, None), outcomes, strict=True):
        assert len(outcome.failed) <= len(outcome.times) // 100, (str(outcome), outcome.failed[:5])
        assert len(outcome.times) > SECONDS, outcome
        assert outcome.quantile(0.99) < MOST_MILLISECONDS, outcome
        assert outcome.answered or flood is None, outcome
        assert outcome.resident < MOST_MEGABYTES << 10, str(outcome)
