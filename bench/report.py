"""What was measured, as tables and as a plot."""

from __future__ import annotations

import statistics
from html import escape

from bench.goals import Goal
from bench.loads import Load
from bench.measure import Sample

__all__ = ["Result", "against_goals", "plot", "ratio", "table"]

Result = tuple[Load, dict[str, list[Sample]]]
"""A load, and the samples of each server by its name; the first is the one that the others are compared with."""

COLOURS = ("#8c8c8c", "#3b7dd8", "#e07b39", "#5aa469")
WIDTH = 760
BAR = 18
LEFT = 190


def ratio(samples: dict[str, list[Sample]], name: str) -> float:
    """CPU time for each operation, median by median, of that of the first server."""
    base = statistics.median(sample.cpu for sample in next(iter(samples.values())))
    own = statistics.median(sample.cpu for sample in samples[name])
    return own / base if base else float("nan")


def table(result: Result, seconds: float) -> str:
    """One row for each server."""
    load, samples = result
    rounds = len(next(iter(samples.values())))
    lines = [
        f"{load.name}, {load.rate} a second, {rounds} rounds of {seconds:g} s, microseconds of CPU each\n",
        "| server | median | least | most | of it user | p50 ms | p99 ms | most MiB | failed | ratio |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, own in samples.items():
        cpu = [sample.cpu * 1e6 for sample in own]
        user = statistics.median(sample.user for sample in own) * 1e6
        delays = sorted(delay * 1e3 for sample in own for delay in sample.delays)
        memory = max(sample.resident for sample in own) / 2**20
        failed = sum(sample.failed for sample in own)
        figures = f"{statistics.median(cpu):.0f} | {min(cpu):.0f} | {max(cpu):.0f} | {user:.0f}"
        figures += f" | {_share(delays, 0.5):.2f} | {_share(delays, 0.99):.2f}"
        lines.append(f"| {name} | {figures} | {memory:.0f} | {failed} | {ratio(samples, name):.2f} |")
    return "\n".join([*lines, ""])


def _share(ordered: list[float], part: float) -> float:
    """The value that a part of all are not above."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else float("nan")


def against_goals(results: list[Result], names: list[str]) -> str:
    """A table of the ratios beside their goals, a row for each load."""
    lines = [f"| work | {' | '.join(f'{name} | goal | ' for name in names)} |", "|---|" + "---|---|---|" * len(names)]
    for load, samples in results:
        cells: list[str] = []
        for name in names:
            goal = Goal(load.name, {name: ratio(samples, name)}, load.goals.get(name), "")
            cells += [f"{goal.found[name]:.2f}", "" if goal.most is None else f"{goal.most:.1f}", goal.verdict(name)]
        lines.append(f"| {load.name} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def plot(results: list[Result]) -> str:
    """An SVG of the ratios: a bar for each server of each load, with a line where they cost the same."""
    most = max([2.0, *(ratio(samples, name) for _, samples in results for name in samples)])
    scale = (WIDTH - LEFT - 110) / most
    parts: list[str] = []
    y = 34.0
    for load, samples in results:
        parts.append(f'<text x="{LEFT - 10}" y="{y + BAR}" text-anchor="end" class="load">{escape(load.name)}</text>')
        for number, name in enumerate(samples):
            its = ratio(samples, name)
            colour = COLOURS[number % len(COLOURS)]
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{its * scale:.1f}" height="{BAR - 4}" fill="{colour}"/>')
            words = f"{name} {its:.2f}"
            parts.append(f'<text x="{LEFT + its * scale + 6:.1f}" y="{y + BAR - 7}">{escape(words)}</text>')
            y += BAR
        y += 14
    same = LEFT + scale
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 10:.0f}" '
        'font-family="sans-serif" font-size="11"><style>.load{font-weight:bold}</style>'
        '<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{LEFT}" y="18">CPU time for each operation, as a multiple of the first server\'s</text>'
    )
    line = f'<line x1="{same:.1f}" x2="{same:.1f}" y1="26" y2="{y:.0f}" stroke="#444" stroke-dasharray="3 3"/>'
    return "\n".join([head, line, *parts, "</svg>", ""])
