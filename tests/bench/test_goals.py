from __future__ import annotations

from bench.goals import Goal, verdicts


def test_each_figure_stands_beside_its_goal() -> None:
    goals = [
        Goal("octets", {"interpreted": 1200.0, "compiled": 1000.0}, 1000.0, "octets"),
        Goal("rate", {"interpreted": 0.4321}, None, "/s"),
    ]
    assert verdicts(goals, ["interpreted", "compiled"]).splitlines() == [
        "| what | goal | interpreted |  | compiled |  |",
        "|---|---|---|---|---|---|",
        "| octets | at most 1,000 octets | 1,200 octets | missed by 20% | 1,000 octets | met |",
        "| rate |  | 0.432 /s |  |  |  |",
    ]
