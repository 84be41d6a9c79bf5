"""A table that lacks a pair, or says two things of one, is found out."""

from __future__ import annotations

from tests.races.agents import EVENTS
from tests.races.table import Table


def test_what_a_table_lacks_is_missing() -> None:
    table = Table("caller.md")
    table.rows = [row for row in table.rows if (row.first, row.second) != ("200", "AGAIN")]
    assert table.missing(EVENTS) == {("200", "AGAIN")}


def test_a_pair_that_happens_and_cannot_be_is_told() -> None:
    table = Table("caller.md")
    table.rows[0].second = "BYE>"
    assert table.missing(EVENTS) == {("CANCEL", "BYE>"), ("CANCEL", "CANCEL")}
