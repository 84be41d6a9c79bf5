"""What the commands print. Nothing that a stranger sent can act on the terminal."""

from __future__ import annotations

import io
import sys

from offhook.errors import RequestFailed, SipError
from offhook.trace.printable import printable

__all__ = ["complain", "note", "prepare", "say"]


def prepare() -> None:
    """Let a terminal that lacks a letter show its escape instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """One line, at once, also into a pipe."""
    print(printable(text), flush=True)


def note(text: str) -> None:
    """One line beside the output."""
    print(f"offhook: {printable(text)}", file=sys.stderr, flush=True)


def complain(error: SipError) -> None:
    """Say why the command ends, in one line."""
    cause = error.__cause__
    # Where no answer came at all, its made-up status would only confuse.
    note(str(cause if isinstance(error, RequestFailed) and isinstance(cause, SipError) else error))
