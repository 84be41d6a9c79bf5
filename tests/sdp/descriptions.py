"""The session descriptions of tests/data/sdp, for the tests of this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from offhook import sdp
from offhook.sdp import SessionDescription

__all__ = ["DATA", "bodies", "description", "exchanges"]

DATA = Path(__file__).parent.parent / "data" / "sdp"


def bodies() -> list[tuple[str, bytes]]:
    """(source, body) of every example message."""
    return [(row["source"], row["body"].encode("ascii")) for row in read(DATA / "bodies.jsonl")]


def exchanges() -> dict[str, list[SessionDescription]]:
    """The descriptions of every worked exchange, by its RFC and section."""
    return {
        f"{row['source']} {row['section']}": [sdp.parse(step["body"].encode("ascii")) for step in row["descriptions"]]
        for row in read(DATA / "exchanges.jsonl")
    }


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def description(*lines: str, connection: str | None = "IN IP4 192.0.2.1") -> SessionDescription:
    """A description with these lines behind the ones that every one has."""
    head = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-"]
    head += [] if connection is None else [f"c={connection}"]
    return sdp.parse("".join(f"{line}\r\n" for line in [*head, "t=0 0", *lines]).encode("utf-8", "surrogateescape"))
