"""Check single inputs again.

usage: python -m tests.fuzz.repeat TARGET FILE...
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from tests.fuzz.target import Failed
from tests.fuzz.targets import TARGETS

__all__ = ["FOLDER", "how_to_repeat", "main"]

FOLDER = Path(__file__).parents[2] / "build" / "fuzz"
"""Where inputs that failed are kept."""


def how_to_repeat(failure: Failed) -> str:
    """What went wrong, and the command that shows it again; the input is written into a file."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{failure.target}-{hashlib.sha256(failure.data).hexdigest()[:12]}"
    file.write_bytes(failure.data)
    return f"{failure.__cause__!r}: python -m tests.fuzz.repeat {failure.target} {file}"


def main(arguments: list[str]) -> None:
    target = TARGETS[arguments[0]]
    for name in arguments[1:]:
        accepted = target.check(Path(name).read_bytes())
        print(f"{name}: {'accepted' if accepted else 'refused'}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
