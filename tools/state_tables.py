"""Write the reference page of all state machines from the tables that they run by.

usage: python -m tools.state_tables [FILE]

Sphinx does so before it builds, so that the page cannot say anything else than the code does.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["main", "page", "write"]

ROOT: Final = Path(__file__).resolve().parent.parent
SOURCE: Final = ROOT / "src"
PAGE: Final = ROOT / "docs" / "reference" / "machines.md"

HEAD: Final = """\
# State machines

Every machine is one table: in a state, an event leads to an action and to the next state. What a state does not list
changes nothing: from the wire it is ignored and counted, from a caller it is an
{py:class}`~offhook.errors.InvalidState`. This page is written from the tables that run.
"""

Row = Mapping[str, tuple[Callable[..., None] | None, str]]
Table = Mapping[str, Row]


def tables() -> Iterator[tuple[str, str, str, Table]]:
    """Each module with a table, its first sentence, the table's name, and the table, in the order of the modules."""
    for file in sorted((SOURCE / "offhook").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if ": Table = {" not in text:
            continue
        tree = ast.parse(text)
        module = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
        says = " ".join((ast.get_docstring(tree) or "").partition("\n\n")[0].split())
        for name in table_names(tree):
            yield module, says, name, getattr(importlib.import_module(module), name)


def table_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "Table":
            yield ast.unparse(node.target)


def page() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD]
    seen = ""
    for module, says, name, table in tables():
        if module != seen:
            seen = module
            parts.append(f"## {module.partition('.')[2]}\n\n{says}\n")
        if name != "TRANSITIONS":
            parts.append(f"### {name.replace('_', ' ').capitalize()}\n")
        parts.append(drawn(table))
    return "\n".join(parts)


def drawn(table: Table) -> str:
    """One table in Markdown, a row for each event of each state; a state without events is an end."""
    rows = ["| State | Event | Action | Next state |", "|---|---|---|---|"]
    for state, row in table.items():
        if not row:
            rows.append(f"| {cell(state)} | | | |")
        shown = state
        for event, (action, following) in row.items():
            rows.append(f"| {cell(shown)} | {cell(event)} | {said(action)} | {cell(following)} |")
            shown = ""
    return "\n".join(rows) + "\n"


def said(action: Any) -> str:
    """An action by its name, in words; nothing where an event is taken without any."""
    return "" if action is None else action.__name__.strip("_").replace("_", " ")


def cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("*", "\\*")


def write(file: Path = PAGE) -> None:
    """Write the page where it does not stand already, so that nothing is built anew without need."""
    text = page()
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    write(Path(arguments[0]) if arguments else PAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
