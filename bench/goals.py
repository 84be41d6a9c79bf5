"""A figure beside its goal."""

from __future__ import annotations

__all__ = ["Goal", "verdicts"]


class Goal:
    """What was measured, by interpreter, and the most that it may be: None where nothing was set."""

    def __init__(self, what: str, found: dict[str, float], most: float | None, unit: str) -> None:
        self.what = what
        self.found = found
        self.most = most
        self.unit = unit

    def verdict(self, name: str) -> str:
        """Whether an interpreter's figure meets the goal, or by how much it misses it."""
        value = self.found.get(name)
        if value is None or self.most is None:
            return ""
        if value <= self.most:
            return "met"
        return f"missed by {value / self.most - 1:.0%}"


def verdicts(goals: list[Goal], names: list[str]) -> str:
    """A table of all figures."""
    heads = [f"{name} | " for name in names]
    lines = [f"| what | goal | {' | '.join(heads)} |", "|---|---|" + "---|---|" * len(names)]
    for goal in goals:
        most = "" if goal.most is None else f"at most {_written(goal.most)} {goal.unit}"
        cells: list[str] = []
        for name in names:
            value = goal.found.get(name)
            cells += ["" if value is None else f"{_written(value)} {goal.unit}", goal.verdict(name)]
        lines.append(f"| {goal.what} | {most} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _written(value: float) -> str:
    """Three digits that count, and no more zeros than there are."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
