"""`offhook lint`: say of raw messages whether they are SIP, and what is wrong with them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from offhook.cli.exits import USAGE
from offhook.cli.say import put
from offhook.sip.checks import INVALID, MALFORMED, OK, Judgement, judge
from offhook.sip.parser import Limits
from offhook.trace.printable import printable

__all__ = ["lint"]

NOT_OK: Final = 1
_STDIN: Final = "-"
_MOST_OCTETS: Final = 1 << 24
_LIMITS: Final = Limits(_MOST_OCTETS, 100_000, 100_000)
"""A server bounds what strangers send; here it is one's own, and SIP knows no bounds."""
_STYLES: Final = {OK: "green", INVALID: "yellow", MALFORMED: "bold red"}


def lint(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files with one message each; - is the standard input.")
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Judge raw SIP messages as datagrams: malformed, invalid or ok.

    Exits with 1 when any message is not ok, with 2 when a file cannot be read.
    """
    counts: Counter[str] = Counter()
    unreadable = False
    for file in files:
        try:
            data = _read(file)
        except OSError as error:
            print(f"offhook: {printable(file)} cannot be read: {error.strerror}", file=sys.stderr)
            unreadable = True
            continue
        judgement = judge(data, _LIMITS)
        counts[judgement.verdict] += 1
        if as_json:
            put(_json(file, judgement))
        else:
            _show(_line(file, judgement))
    if not as_json and sum(counts.values()) > 1:
        _show(Text(", ".join([f"{counts[verdict]} {verdict}" for verdict in (OK, INVALID, MALFORMED)]), style="dim"))
    if unreadable:
        raise typer.Exit(USAGE)
    if counts[INVALID] or counts[MALFORMED]:
        raise typer.Exit(NOT_OK)


def _read(file: str) -> bytes:
    if file == _STDIN:
        return sys.stdin.buffer.read(_MOST_OCTETS)
    with Path(file).open("rb") as stream:
        return stream.read(_MOST_OCTETS)


def _json(file: str, judgement: Judgement) -> str:
    # ASCII alone: a stranger's octets, which are surrogates here, leave as escapes.
    return json.dumps(
        {
            "file": file,
            "verdict": judgement.verdict,
            "status": judgement.status,
            "clause": judgement.clause,
            "reason": judgement.reason,
        }
    )


def _line(file: str, judgement: Judgement) -> Text:
    line = Text(printable(file), style="bold").append(": ", style="not bold")
    line.append(judgement.verdict, style=f"not bold {_STYLES[judgement.verdict]}")
    if judgement.reason is not None:
        status = "" if judgement.status is None else f"{judgement.status}, "
        line.append(f": {status}{printable(judgement.reason)}", style="not bold")
    if judgement.clause is not None:
        line.append(f" [{judgement.clause}]", style="not bold cyan")
    return line


def _show(line: Text) -> None:
    if sys.stdout.isatty():
        Console().print(line, soft_wrap=True)
    else:
        put(line.plain)
