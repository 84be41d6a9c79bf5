"""Every race of two events at a caller, against the table in caller.md, which was written by hand from the RFCs."""

from __future__ import annotations

import pytest

from tests.races.agents import EVENTS, Caller
from tests.races.table import Row, Table

TABLE = Table("caller.md")


def test_every_ordered_pair_is_in_the_table_or_cannot_be() -> None:
    assert TABLE.missing(EVENTS) == set()


@pytest.mark.parametrize("row", TABLE.rows, ids=repr)
def test_a_race_ends_as_the_table_says(row: Row) -> None:
    world = Caller()
    assert world.race(row) == (row.sent, row.told), row.why
    assert world.left() == []
