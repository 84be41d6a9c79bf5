from __future__ import annotations

from xml.etree import ElementTree

from bench.loads import LOADS, MORE
from bench.measure import Sample
from bench.report import against_goals, plot, table

SAMPLES = {
    "one": [Sample(cpu, cpu / 2, 2**20, 0, [0.001, 0.002, 0.003]) for cpu in (1e-4, 2e-4, 9e-4)],
    "<two>": [Sample(cpu, cpu / 2, 2**21, 1, []) for cpu in (3e-4, 3e-4, 3e-4)],
}


def test_medians_are_compared() -> None:
    rows = table((LOADS[0], SAMPLES), 2.0).splitlines()
    assert rows[0] == "call, 2000 a second, 3 rounds of 2 s, microseconds of CPU each"
    assert rows[4] == "| one | 200 | 100 | 900 | 100 | 2.00 | 3.00 | 1 | 0 | 1.00 |"
    assert rows[5] == "| <two> | 300 | 300 | 300 | 150 | nan | nan | 2 | 3 | 1.50 |"


def test_ratios_stand_beside_their_goals() -> None:
    samples = {
        name: [Sample(cpu, 0.0, 0, 0, [])] for name, cpu in (("kamailio", 2.0), ("interpreted", 2.6), ("compiled", 2.5))
    }
    rows = against_goals([(LOADS[0], samples), (MORE[0], samples)], ["interpreted", "compiled"]).splitlines()
    assert rows[0] == "| work | interpreted | goal |  | compiled | goal |  |"
    assert rows[2:] == [
        "| call | 1.30 | 1.3 | met | 1.25 | 1.0 | missed by 25% |",
        "| REGISTER durable | 1.30 |  |  | 1.25 |  |  |",
    ]


def test_the_plot_has_a_bar_for_each() -> None:
    drawn = ElementTree.fromstring(plot([(LOADS[0], SAMPLES), (LOADS[1], SAMPLES)]))
    bars = [each for each in drawn.iter("{http://www.w3.org/2000/svg}rect") if each.get("fill") != "white"]
    assert len(bars) == 4
    assert float(bars[1].get("width") or 0) == 1.5 * float(bars[0].get("width") or 0)
