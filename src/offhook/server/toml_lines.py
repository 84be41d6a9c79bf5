"""Where a value stands in a TOML text, for messages to people."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["line_of", "parts_of"]

Place = list[str | int]

_NAME: Final = r"(?:[A-Za-z0-9_-]+|\"[^\"]*\"|'[^']*')"
_KEY: Final = rf"{_NAME}(?:[ \t]*\.[ \t]*{_NAME})*"
_TABLE: Final = re.compile(rf"[ \t]*(\[\[?)[ \t]*({_KEY})[ \t]*\]\]?[ \t]*(?:#.*)?")
_SETTING: Final = re.compile(rf"[ \t]*({_KEY})[ \t]*=")
_PART: Final = re.compile(_NAME)
_STEP: Final = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]")


def parts_of(path: str) -> Place:
    """The steps of a path: ``$.listen[1].port`` is "listen", 1, "port"."""
    return [name or int(index) for name, index in _STEP.findall(path)]


def line_of(text: str, path: str) -> int | None:
    """The number, from 1, of the line where the value at a path stands in a TOML text.

    When it has no line of its own, that of the nearest table or list around it is given; None when there is none.
    """
    wanted = parts_of(path)
    best: int | None = None
    best_length = 0
    for number, place in _places(text):
        length = len(place)
        if length > best_length and place == wanted[:length]:
            best, best_length = number, length
    return best


def _places(text: str) -> list[tuple[int, Place]]:
    """Each line that opens a table or sets a key, with its place in the document."""
    found: list[tuple[int, Place]] = []
    table: Place = []
    counts: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        opened = _TABLE.fullmatch(line)
        if opened is not None:
            table = _keys(opened[2])
            if opened[1] == "[[":
                name = ".".join(map(str, table))
                counts[name] = counts.get(name, -1) + 1
                table.append(counts[name])
            found.append((number, table))
            continue
        setting = _SETTING.match(line)
        if setting is not None:
            found.append((number, [*table, *_keys(setting[1])]))
    return found


def _keys(written: str) -> Place:
    return [part.strip("\"'") for part in _PART.findall(written)]
