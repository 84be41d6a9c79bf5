"""The q parameter: preference among several (RFC 3261 20.10, 25.1)."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError

__all__ = ["parse_q", "strict_q"]

# ABNF qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
_QVALUE: Final = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
# What else phones send for it: no zero before the point, several, or more digits than three behind it.
_LOOSE: Final = re.compile(r"0*(1?)(?:\.([0-9]{0,12}))?")


def strict_q(text: str) -> str:
    """`text` in the form that the grammar allows. Raises ParseError when it is no number from 0 to 1."""
    if _QVALUE.fullmatch(text) is not None:
        return text
    found = _LOOSE.fullmatch(text)
    if found is None or text in ("", "."):
        raise ParseError("malformed q", clause="RFC 3261 25.1 qvalue")
    digits = (found.group(2) or "")[:3]
    if found.group(1) and digits.strip("0"):
        raise ParseError("q is above 1", clause="RFC 3261 25.1 qvalue")
    return "1" if found.group(1) else f"0.{digits}" if digits else "0"


def parse_q(params: dict[str, str | None]) -> dict[str, str | None]:
    """`params` with its q, if there is one, in strict form. Raises ParseError."""
    q = params.get("q")
    if q is not None:
        params["q"] = strict_q(q)
    return params
