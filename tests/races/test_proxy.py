"""Every race of two events at a proxy, against the tables in proxy_one_branch.md and proxy_three_branches.md.

They were written by hand from the RFCs.
"""

from __future__ import annotations

import re

import pytest

from tests.races.proxied import EVENTS, ProxyWorld, contexts_left
from tests.races.table import Row, Table

TABLES = {1: Table("proxy_one_branch.md"), 3: Table("proxy_three_branches.md")}
ROWS = [(branches, row) for branches, table in TABLES.items() for row in table.rows]


def spread(sent: str) -> str:
    """What a table says, with the three callees that `*` stands for."""
    return re.sub(r"\*: ([^;]*)", r"1: \1; 2: \1; 3: \1", sent)


@pytest.mark.parametrize("branches", TABLES)
def test_every_ordered_pair_is_in_the_table_or_cannot_be(branches: int) -> None:
    assert TABLES[branches].missing(EVENTS) == set()


@pytest.mark.parametrize(("branches", "row"), ROWS, ids=[f"{branches} {row}" for branches, row in ROWS])
def test_a_race_ends_as_the_table_says(branches: int, row: Row) -> None:
    world = ProxyWorld(branches)
    assert world.race(row) == spread(row.sent), row.why
    assert world.left() == []


@pytest.mark.parametrize("branches", TABLES)
def test_no_race_leaves_a_response_context(branches: int) -> None:
    rows = TABLES[branches].rows
    worlds = [ProxyWorld(branches) for _ in rows]
    for world, row in zip(worlds, rows, strict=True):
        world.race(row)
    assert contexts_left(worlds) == []
