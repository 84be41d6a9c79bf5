"""The Python blocks of the project's pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

__all__ = ["DOCS", "README", "program", "run"]

ROOT: Final = Path(__file__).resolve().parent.parent
README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"


def program(page: Path) -> str:
    """The blocks of a page as one program; each line stands at its place in the page, for tracebacks."""
    lines: list[str] = []
    inside = False
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("```"):
            inside = line == "```python"
            line = ""
        lines.append(line if inside else "")
    return "\n".join(lines)


def run(page: Path) -> dict[str, Any]:
    """The names that the blocks of a page define, run one after the other."""
    names: dict[str, Any] = {}
    exec(compile(program(page), str(page), "exec"), names)
    return names
