"""What ever failed does not fail again."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from tests.fuzz.messages import DATA
from tests.fuzz.targets import TARGETS

KEPT: Final[list[dict[str, Any]]] = [
    json.loads(line) for line in (DATA / "fuzz" / "kept.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("record", KEPT, ids=lambda record: f"{record['target']} {record['name']}")
def test_what_ever_failed(record: dict[str, Any]) -> None:
    TARGETS[record["target"]].check(b"".join([text.encode("latin-1") * times for text, times in record["octets"]]))


def test_each_has_a_name_of_its_own() -> None:
    names = [record["name"] for record in KEPT]
    assert len(set(names)) == len(names)
