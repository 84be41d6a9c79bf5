"""What the text of an RFC demands: the keywords of RFC 2119, clause by clause."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["KEYWORDS", "keywords", "order"]

KEYWORDS: Final = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT")

# The longer ones first, so that MUST NOT is never taken for MUST.
KEYWORD: Final = re.compile(rf"\b(?:{'|'.join(sorted(KEYWORDS, key=len, reverse=True))})\b")

# Sections are numbered at the margin; the table of contents is indented, or has dots before its page numbers.
HEADING: Final = re.compile(r"(\d+(?:\.\d+)*)\.?[ \t]+\S(?!.*\.{3}|.*(?: \.){3})")

FOOTER: Final = re.compile(r"\S.*\[Page \d+\]\s*$")
HEADER: Final = re.compile(r"RFC \d+ {2,}\S.* \d{4}\s*$")


def keywords(text: str) -> dict[str, list[str]]:
    """The keywords of each clause, the deepest numbered section, in the order of the text.

    Page headers and footers do not count as text, so that a sentence may go on over the page; what stands before the
    first section belongs to no clause, and what follows without a number belongs to the clause before it.
    """
    bodies: dict[str, list[str]] = {}
    body: list[str] = []
    for line in text.lstrip("\ufeff").replace("\f", "\n").splitlines():
        if FOOTER.match(line) or HEADER.match(line):
            continue
        if heading := HEADING.match(line):
            body = bodies.setdefault(heading[1], [])
        else:
            body.append(line)
    return {clause: KEYWORD.findall(" ".join(" ".join(lines).split())) for clause, lines in bodies.items()}


def order(clause: str) -> tuple[int, ...]:
    """Where a clause stands among the others: "8.1.1.10" after "8.1.1.9"."""
    return tuple(int(number) for number in clause.split("."))
