"""What the commands print. Nothing that a stranger sent can act on the terminal."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from offhook.errors import RequestFailed, SipError
from offhook.trace.printable import printable

__all__ = ["OutputFailed", "complain", "note", "prepare", "put", "say"]


class OutputFailed(SipError):
    """What the command had to say cannot be written, such as to a full disk."""


def prepare() -> None:
    """Let a terminal that lacks a letter show its escape instead of failing, and what is closed be as good as empty.

    What is opened gets the lowest number that is free: no socket takes the place of a closed output.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def say(text: str = "") -> None:
    """One line, at once, also into a pipe. Raises OutputFailed when it cannot be written."""
    put(printable(text))


def put(line: str) -> None:
    """One line that is fit for a terminal already, at once. Raises OutputFailed when it cannot be written."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would fail once more at the very end.
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        raise OutputFailed(f"the output cannot be written: {(error.strerror or str(error)).lower()}") from None


def note(text: str) -> None:
    """One line beside the output."""
    print(f"offhook: {printable(text)}", file=sys.stderr, flush=True)


def complain(error: SipError) -> None:
    """Say why the command ends, in one line."""
    cause = error.__cause__
    # Where no answer came at all, its made-up status would only confuse.
    note(str(cause if isinstance(error, RequestFailed) and isinstance(cause, SipError) else error))
