"""Tables of races, written by hand: what is sent and told when one event is right behind another."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Row", "pairs_of", "rows_of"]


class Row:
    """One line of a table: `second` comes right after `first` in the state `start`; the clause says why it ends so."""

    def __init__(self, line: str) -> None:
        cells = [cell.strip() for cell in line.split("|")]
        self.first, self.second, self.start, self.sent, self.told, self.why = cells

    def __repr__(self) -> str:
        return f"{self.first} {self.second} {self.start}"


def rows_of(table: str) -> list[Row]:
    """The rows of a table; its first line names the columns, and lines that begin with # explain."""
    lines = [line for line in table.strip().splitlines()[1:] if line.strip() and not line.startswith("#")]
    return [Row(line) for line in lines]


def pairs_of(table: str, events: Sequence[str]) -> set[tuple[str, str]]:
    """The pairs of a list of those that cannot be, each line "first | second or * | reason"."""
    pairs: set[tuple[str, str]] = set()
    for line in table.strip().splitlines():
        first, second, reason = (cell.strip() for cell in line.split("|"))
        assert reason, line
        pairs |= {(one, other) for one in _meant(first, events) for other in _meant(second, events)}
    return pairs


def _meant(cell: str, events: Sequence[str]) -> Sequence[str]:
    return events if cell == "*" else cell.split()
