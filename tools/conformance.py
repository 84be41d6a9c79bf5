"""Check what shows that Offhook keeps to its RFCs, and write the reference page of it.

usage: python -m tools.conformance [FOLDER]

Each file of tests/conformance has a row for every MUST, MUST NOT, SHOULD and SHOULD NOT of an RFC's sections. A row
says which clause, the how manieth of that clause, whom it binds, and what shows it: the marks of tests
(`@pytest.mark.rfc("3261 16.6 step 8")` is the mark `16.6 step 8` of RFC 3261), or why there are none. Rows that name a
mark which no test bears are mistakes, and so are marks that no row names. With a FOLDER of RFC texts, rfc3261.txt and
so on, the keywords there are counted anew and have to be those of the rows.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.bootstrap import ROOT
from tools.rfc_text import KEYWORDS, keywords, order

__all__ = ["COUNTED", "PAGE", "ConformanceError", "Part", "Row", "Sections", "check", "main", "page", "read", "recount"]

DATA: Final = ROOT / "tests" / "conformance"
TESTS: Final = ROOT / "tests"
PAGE: Final = ROOT / "docs" / "reference" / "conformance.md"

COUNTED: Final = {
    3261: "7-23, 25, 26.2-26.3",
    3263: "4-7",
    3264: "4-11",
    3581: "3-7",
    4320: "4",
    5393: "4-5",
    5922: "3-8",
    6026: "6-8",
    8760: "2-3",
}
"""Which sections of which RFCs have rows: what stands between the terminology and the IANA's considerations."""

COLUMNS: Final = ("clause", "number", "keyword", "role", "shown by")
DEVIATION: Final = "deviation"
NOT_APPLICABLE: Final = "not applicable"
LATER: Final = "later"
SHOWN: Final = "shown"
VERDICTS: Final = (SHOWN, DEVIATION, NOT_APPLICABLE, LATER)

FIRST_LINE: Final = re.compile(r"# RFC (\d+): (\S.*)")
SECOND_LINE: Final = re.compile(r"# sections: (\S.*)")
MARK: Final = re.compile(r"(\d{3,5}) (\S.*)")
CLAUSE: Final = re.compile(r"\d+(?:\.\d+)*")
OWN_MARK: Final = re.compile(r"(\d+) (\d+(?:\.\d+)*) #(\d+)")

HEAD: Final = """\
# Conformance

Every MUST, MUST NOT, SHOULD and SHOULD NOT of these RFCs' sections is one row: the clause and the number of the keyword
within it, whom it binds, and the tests that show that Offhook keeps to it. *Deviation* says what it does instead, and
why. *Not applicable* names a role that Offhook never takes, or says why nothing can be shown; *later* names a role, or
a faculty of one, that does not exist yet. The sentences themselves stand in the RFCs. A later RFC goes before an
earlier one that it updates.

`make conformance` writes this page from the rows of `tests/conformance` and from the marks of the tests, and checks
them against each other; `RFC=folder make conformance` counts the keywords anew in the texts of a folder, `rfc3261.txt`
and so on.
"""


class ConformanceError(Exception):
    """What keeps a file from being read: one sentence with the place."""


class Sections:
    """Sections of one RFC, such as "7-23, 25, 26.2-26.3"; each stands for all clauses within it."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._ranges = [tuple(order(end) for end in part.strip().split("-")) for part in text.split(",")]
        except ValueError as error:
            raise ConformanceError(f"no sections: {text}") from error

    def hold(self, clause: str) -> bool:
        place = order(clause)
        return any(ends[0] <= place[: len(ends[0])] <= ends[-1] for ends in self._ranges)


@dataclass(frozen=True, slots=True)
class Row:
    """One keyword. `marks` is empty where `verdict` is not "shown"; `why` then says what it says instead."""

    rfc: int
    clause: str
    number: int
    keyword: str
    role: str
    verdict: str
    marks: tuple[str, ...]
    why: str

    def __str__(self) -> str:
        return f"RFC {self.rfc} {self.clause} #{self.number}"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of rows: an RFC, or some sections of it."""

    rfc: int
    title: str
    sections: Sections
    rows: tuple[Row, ...]


# The rows


def read(file: Path) -> Part:
    """Read one file of rows.

    Raises:
        ConformanceError: a line is not what it should be.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    head = FIRST_LINE.fullmatch(lines[0]) if lines else None
    sections = SECOND_LINE.fullmatch(lines[1]) if len(lines) > 1 else None
    if head is None or sections is None or len(lines) < 3 or tuple(lines[2].split("\t")) != COLUMNS:
        raise ConformanceError(f"{file.name}: begins with other lines than '# RFC', '# sections' and the columns")
    rfc = int(head[1])
    rows: list[Row] = []
    for number, line in enumerate(lines[3:], 4):
        try:
            rows.append(row(rfc, line))
        except ValueError as error:
            raise ConformanceError(f"{file.name}:{number}: {error}") from error
    return Part(rfc, head[2], Sections(sections[1]), tuple(rows))


def row(rfc: int, line: str) -> Row:
    cells = line.split("\t")
    if len(cells) != len(COLUMNS) or not all(cells):
        raise ValueError(f"a row has {len(COLUMNS)} cells with tabs between them")
    clause, number, keyword, role, shown = cells
    if not CLAUSE.fullmatch(clause) or not number.isdecimal():
        raise ValueError(f"no clause and number: {clause} {number}")
    if keyword not in KEYWORDS:
        raise ValueError(f"no keyword: {keyword}")
    verdict, colon, why = shown.partition(": ")
    if verdict != SHOWN and verdict in VERDICTS:
        if not colon or not why:
            raise ValueError(f"'{verdict}' names no role and no reason")
        return Row(rfc, clause, int(number), keyword, role, verdict, (), why)
    named = tuple(mark if MARK.fullmatch(mark) else f"{rfc} {mark}" for mark in shown.split(", "))
    return Row(rfc, clause, int(number), keyword, role, SHOWN, named, "")


# The marks


def marks(tests: Path) -> dict[str, list[str]]:
    """Which tests bear each mark: "proxy/test_context.py::test_a" by "3261 16.6 step 8"; read without running them.

    Raises:
        ConformanceError: a mark is no literal text, or stands at something that is no test.
    """
    found: dict[str, list[str]] = {}
    for file in sorted(tests.rglob("test_*.py")):
        text = file.read_text(encoding="utf-8")
        if "mark.rfc(" not in text:
            continue
        name = file.relative_to(tests).as_posix()
        try:
            for mark, test in marked(ast.parse(text), ""):
                found.setdefault(mark, []).append(f"{name}::{test}" if test else name)
        except ValueError as error:
            raise ConformanceError(f"{name}: {error}") from error
    return found


def marked(node: ast.AST, within: str) -> Iterator[tuple[str, str]]:
    """Each (mark, test) of a statement; the test is empty for marks of a whole file or of cases listed in it."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        within = f"{within}.{node.name}" if within else node.name
    if isinstance(node, ast.Call) and is_mark(node.func):
        if within and not within.lower().startswith("test"):
            raise ValueError(f"{within} bears a mark and is no test")
        yield from ((mark, within) for mark in arguments(node))
    for child in ast.iter_child_nodes(node):
        yield from marked(child, within)


def is_mark(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and ast.unparse(function) == "pytest.mark.rfc"


def arguments(call: ast.Call) -> Iterator[str]:
    for argument in call.args:
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise ValueError(f"line {call.lineno}: a mark is no literal text: {ast.unparse(call)}")
        yield argument.value


# The checks


def check(parts: Sequence[Part], borne: dict[str, list[str]]) -> list[str]:
    """The mistakes of rows and marks, each a sentence."""
    rows = [row for part in parts for row in part.rows]
    named = {mark for row in rows for mark in row.marks}
    return [
        *(mistake for part in parts for mistake in out_of_place(part)),
        *twice(rows),
        *(f"{row} names {mark}, which no test bears" for row in rows for mark in row.marks if mark not in borne),
        *(
            f"{tests[0]} bears {mark}, which no row names"
            for mark, tests in borne.items()
            if mark not in named and is_due(mark, parts)
        ),
        *own_rows(rows, borne),
    ]


def out_of_place(part: Part) -> Iterator[str]:
    """Rows go by clause and number, within the sections of the file, which are among those that are counted."""
    previous, count = "", 0
    counted = Sections(COUNTED[part.rfc]) if part.rfc in COUNTED else None
    for row in part.rows:
        if counted is None or not counted.hold(row.clause):
            yield f"{row}: this section is not counted"
        elif not part.sections.hold(row.clause):
            yield f"{row}: not of the sections {part.sections.text}"
        if row.clause != previous and previous and order(row.clause) < order(previous):
            yield f"{row}: stands after clause {previous}"
        count = count + 1 if row.clause == previous else 1
        if row.number != count:
            yield f"{row}: is number {count} of its clause"
        previous = row.clause


def twice(rows: Sequence[Row]) -> Iterator[str]:
    seen: set[str] = set()
    for row in rows:
        if str(row) in seen:
            yield f"{row}: stands twice"
        seen.add(str(row))


def is_due(mark: str, parts: Sequence[Part]) -> bool:
    """Whether a row has to name a mark: its RFC is counted, and the rows of its clause are there."""
    rfc, _, place = mark.partition(" ")
    if not rfc.isdecimal() or int(rfc) not in COUNTED:
        return False
    ours = [part for part in parts if part.rfc == int(rfc)]
    clause = place.partition(" ")[0]
    if CLAUSE.fullmatch(clause) and any(part.sections.hold(clause) for part in ours):
        return True
    return bool(ours) and not uncovered(int(rfc), ours)


def uncovered(rfc: int, parts: Sequence[Part]) -> list[str]:
    """The sections of an RFC, whole ones or those that are counted alone, that no file has rows for yet."""
    missing: list[str] = []
    for span in COUNTED[rfc].split(", "):
        first, _, last = span.partition("-")
        *above, low = order(first)
        for number in range(low, order(last or first)[-1] + 1):
            section = ".".join(str(part) for part in [*above, number])
            if not any(part.rfc == rfc and part.sections.hold(section) for part in parts):
                missing.append(section)
    return missing


def own_rows(rows: Sequence[Row], borne: dict[str, list[str]]) -> Iterator[str]:
    """A mark that gives a keyword's number is for that row."""
    by_name = {f"{row.rfc} {row.clause} #{row.number}": row for row in rows}
    for mark in borne:
        if OWN_MARK.fullmatch(mark) and mark in by_name and mark not in by_name[mark].marks:
            yield f"{by_name[mark]} does not name {mark}, its own mark"


def recount(parts: Sequence[Part], folder: Path) -> list[str]:
    """How the keywords of the texts in a folder differ from those of the rows, each a sentence."""
    mistakes: list[str] = []
    texts: dict[int, dict[str, list[str]]] = {}
    for part in parts:
        if part.rfc not in texts:
            try:
                texts[part.rfc] = keywords((folder / f"rfc{part.rfc}.txt").read_text(encoding="utf-8"))
            except FileNotFoundError as error:
                raise ConformanceError(f"there is no {error.filename}") from error
        wanted = {clause: its for clause, its in texts[part.rfc].items() if its and part.sections.hold(clause)}
        have: dict[str, list[str]] = {}
        for row in part.rows:
            have.setdefault(row.clause, []).append(row.keyword)
        mistakes += [
            f"RFC {part.rfc} {clause}: the text has {', '.join(wanted.get(clause, ())) or 'none'};"
            f" the rows have {', '.join(have.get(clause, ())) or 'none'}"
            for clause in sorted(wanted.keys() | have.keys(), key=order)
            if wanted.get(clause) != have.get(clause)
        ]
    return mistakes


# The page


def page(parts: Sequence[Part], borne: dict[str, list[str]]) -> str:
    """The whole page, in Markdown."""
    by_rfc: dict[int, list[Part]] = {}
    for part in sorted(parts, key=lambda part: (part.rfc, order(part.rows[0].clause) if part.rows else ())):
        by_rfc.setdefault(part.rfc, []).append(part)
    rows = {rfc: [row for part in its for row in part.rows] for rfc, its in by_rfc.items()}
    everything = [row for its in rows.values() for row in its]
    text = [HEAD, counts("RFC", [*((f"RFC {rfc}", its) for rfc, its in rows.items()), ("Together", everything)])]
    for rfc, its in by_rfc.items():
        sections = ", ".join(part.sections.text for part in its)
        text.append(f"## RFC {rfc}\n\n{its[0].title}. Sections counted: {sections}.\n")
        text.append(counts("Section", list(by_section(rows[rfc]).items())))
        text.append(table(rows[rfc], borne))
    return "\n".join(text)


def by_section(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.clause.partition(".")[0], []).append(row)
    return found


def counts(what: str, groups: Sequence[tuple[str, Sequence[Row]]]) -> str:
    lines = [
        f"| {what} | Rows | {' | '.join(KEYWORDS)} | Shown | Deviation | Not applicable | Later |",
        "|---" * 10 + "|",
    ]
    for name, rows in groups:
        each = [sum(row.keyword == keyword for row in rows) for keyword in KEYWORDS]
        each += [sum(row.verdict == verdict for row in rows) for verdict in VERDICTS]
        lines.append(f"| {name} | {len(rows)} | {' | '.join(map(str, each))} |")
    return "\n".join(lines) + "\n"


def table(rows: Sequence[Row], borne: dict[str, list[str]]) -> str:
    lines = ["| Clause | No. | Keyword | Binds | Shown by |", "|---|---|---|---|---|"]
    lines += [f"| {row.clause} | {row.number} | {row.keyword} | {row.role} | {evidence(row, borne)} |" for row in rows]
    return "\n".join(lines) + "\n"


def evidence(row: Row, borne: dict[str, list[str]]) -> str:
    """What shows a row: the tests by their files, or the reason why there are none."""
    if row.verdict != SHOWN:
        return f"*{row.verdict}*: {row.why}"
    files: dict[str, list[str]] = {}
    for mark in row.marks:
        for test in borne.get(mark, ()):
            file, _, name = test.partition("::")
            names = files.setdefault(file, [])
            if name and name not in names:
                names.append(name)
    return "; ".join(
        f"`{file}`: {', '.join(f'`{name}`' for name in names)}" if names else f"`{file}`"
        for file, names in sorted(files.items())
    )


def main(arguments: list[str]) -> int:
    parts = [read(file) for file in sorted(DATA.glob("*.tsv"))]
    borne = marks(TESTS)
    mistakes = check(parts, borne)
    if arguments:
        mistakes += recount(parts, Path(arguments[0]))
    for mistake in mistakes:
        print(mistake)
    if mistakes:
        return 1
    PAGE.write_text(page(parts, borne), encoding="utf-8")
    rows = [row for part in parts for row in part.rows]
    shares = ", ".join(f"{sum(row.verdict == its for row in rows)} {its}" for its in VERDICTS)
    print(f"{len(rows)} rows: {shares}")
    left_out = {rfc: missing for rfc in COUNTED if (missing := uncovered(rfc, parts))}
    for rfc, missing in left_out.items():
        print(f"RFC {rfc}: no rows for the sections {', '.join(missing)}")
    return 1 if left_out else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ConformanceError as error:
        sys.exit(f"offhook: {error}")
