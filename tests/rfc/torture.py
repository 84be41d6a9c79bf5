"""The torture messages with their rows of the manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["BY_NAME", "ROWS", "SETS", "Row"]

DATA: Final = Path(__file__).parents[1] / "data" / "torture"
SETS: Final = {"rfc4475": 24, "rfc4475_rest": 25, "rfc5118": 12}


class Row(NamedTuple):
    """One message: where it lies, its octets, and its row of the manifest."""

    name: str
    path: Path
    data: bytes
    manifest: dict[str, object]

    @property
    def expect(self) -> object:
        return self.manifest["expect"]

    @property
    def facts(self) -> dict[str, object]:
        facts = self.manifest.get("facts")
        return facts if isinstance(facts, dict) else {}


def rows() -> list[Row]:
    found = []
    for folder in SETS:
        for line in (DATA / folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
            manifest = json.loads(line)
            path = DATA / folder / manifest["file"]
            found.append(Row(manifest["id"], path, path.read_bytes(), manifest))
    return found


ROWS: Final = rows()
BY_NAME: Final = {row.name: row for row in ROWS}
