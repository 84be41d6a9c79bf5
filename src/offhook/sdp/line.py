"""One line of a session description (RFC 8866 section 5).

<type>=<value>
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from offhook.sdp.grammar import malformed

__all__ = ["CRLF", "Line", "serialize"]

CRLF: Final = "\r\n"
_FORBIDDEN: Final = re.compile("[\x00\r\n]")


@dataclass(frozen=True, slots=True)
class Line:
    """A line as it stands on the wire.

    `type` is its letter, `value` all behind the equals sign, `end` what ended it: CRLF, a lone LF, or nothing for a
    last line that was not ended. `offset` is the octet at which its value begins in the description that it was
    parsed from; it takes no part in comparisons. Raises ParseError for a value with NUL, CR or LF in it, so that no
    value can smuggle in a second line.
    """

    type: str
    value: str
    end: str = CRLF
    offset: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if _FORBIDDEN.search(self.value) is not None:
            raise malformed(f"NUL or CR inside the {self.type}= line", "RFC 8866 9 (byte-string)", self.offset)


def serialize(lines: Iterable[Line]) -> str:
    """The lines as text. One without an end gets it when another line follows."""
    text = ""
    parts: list[str] = []
    for line in lines:
        if text and not text.endswith("\n"):
            parts.append(CRLF)
        text = f"{line.type}={line.value}{line.end}"
        parts.append(text)
    return "".join(parts)
