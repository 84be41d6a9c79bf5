"""Where a value stands in a TOML text, for messages to people."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["line_of"]

_TABLE: Final = re.compile(r"\s*(\[{1,2})\s*([A-Za-z0-9_.\"' -]+?)\s*\]{1,2}\s*(?:#.*)?$")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')\s*(?:=|\.)")
_PART: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")


def line_of(text: str, path: str, key: str | None = None) -> int | None:
    """The number, from 1, of the line where `path` (such as ``$.listen[1].port``) stands in a TOML text.

    `key` names a key within it. When the value has no line of its own, that of the table it belongs to is given; None
    when nothing fits.
    """
    wanted = [name or int(index) for name, index in _PART.findall(path)]
    if key is not None:
        wanted.append(key)
    best: int | None = None
    best_length = 0
    for number, place in _places(text):
        length = _common(place, wanted)
        if length == len(place) and length > best_length:
            best, best_length = number, length
    return best


def _places(text: str) -> list[tuple[int, list[str | int]]]:
    """Each line that opens a table or sets a key, with its place in the document."""
    found: list[tuple[int, list[str | int]]] = []
    table: list[str | int] = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        opened = _TABLE.match(line)
        if opened is not None:
            name = opened.group(2).strip("\"' ")
            table = list(name.split("."))
            if opened.group(1) == "[[":
                counts[name] = counts.get(name, -1) + 1
                table.append(counts[name])
            found.append((number, table))
            continue
        key = _KEY.match(line)
        if key is not None:
            found.append((number, [*table, key.group(1).strip("\"'")]))
    return found


def _common(place: list[str | int], wanted: list[str | int]) -> int:
    length = 0
    for one, other in zip(place, wanted, strict=False):
        if one != other:
            break
        length += 1
    return length
