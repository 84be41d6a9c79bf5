"""kill -9, and power cuts, at the write points of a server: what was acknowledged is there, and nothing half.

The soak of this name does it several hundred times.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.kill_runs import kill_first_commands, kill_servers
from tests.server.zygote import Zygote


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote() as zygote:
        yield zygote


def test_servers_killed_at_their_write_points(tmp_path: Path, zygote: Zygote) -> None:
    deaths = kill_servers(
        tmp_path,
        zygote,
        [
            (3, "half", ""),
            (40, "before", "write log"),
            (17, "half", "write log"),
            (9, "cut", "sync log"),
            (5, "after", "sync log"),
            (1, "half", "write database"),
            (1, "cut", "sync database"),
        ],
    )
    assert sorted(deaths) == [
        "after sync log",
        "before write log",
        "cut sync database",
        "cut sync log",
        "half write database",
        "half write journal",
        "half write log",
    ]


def test_the_first_command_killed_at_its_write_points(tmp_path: Path, zygote: Zygote) -> None:
    deaths = kill_first_commands(tmp_path, zygote, step=9)
    assert deaths.total() >= 3
