"""Tables of races, written by hand: what is sent and told when one event is right behind another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["Row", "Table"]


class Row:
    """One line of a table: `second` comes right behind `first` in the state `start`; `why` names the clause."""

    def __init__(self, cells: list[str]) -> None:
        self.first, self.second, self.start, self.sent, *told, self.why = cells
        self.told = told[0] if told else ""

    def __repr__(self) -> str:
        return f"{self.first} {self.second} {self.start}"


class Table:
    """The page of a name beside this file: its first table has the rows, its second the pairs that cannot be."""

    def __init__(self, name: str) -> None:
        tables = [part.split("\n\n", 1)[-1] for part in Path(__file__).with_name(name).read_text().split("\n## ")[1:]]
        rows, never = [[_cells(line) for line in table.strip().splitlines()[2:]] for table in tables]
        self.rows = [Row(cells) for cells in rows]
        self._never = never

    def missing(self, events: Sequence[str]) -> set[tuple[str, str]]:
        """The ordered pairs of events without an outcome and without a reason why they cannot be, or with both."""
        shown = {(row.first, row.second) for row in self.rows}
        never = set()
        for first, second, reason in self._never:
            assert reason
            never |= {(one, other) for one in first.split() for other in second.split()}
        return (shown & never) | (shown | never).symmetric_difference((one, two) for one in events for two in events)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
