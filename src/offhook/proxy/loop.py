"""Loops (RFC 3261 16.3 step 4 and 16.6 step 8, both as RFC 5393 4.2 replaces them)."""

from __future__ import annotations

from zlib import crc32

from offhook.proxy.own import OwnNames
from offhook.sip.message import Request

__all__ = ["has_looped", "loop_mark"]


def loop_mark(request: Request) -> str:
    """The second part of a branch: it varies with all that decides where a request goes, and with nothing else.

    That is the Request-URI and the Route values as received; a CRC is what RFC 5393 4.2.4 finds sufficient.
    """
    mark = crc32(request.raw_uri)
    if "route" in request.keys:
        for position, key in enumerate(request.keys):
            if key == "route":
                mark = crc32(request.lines[position], mark)
    return f"{mark:08x}"


def has_looped(request: Request, mark: str, own: OwnNames) -> bool:
    """Whether the request went through here before with the same mark. Raises ParseError."""
    for position, key in enumerate(request.keys):
        if key != "via":
            continue
        line = request.lines[position]
        for sent_by in own.sent_by:
            if sent_by in line:
                return _bears_mark(request, mark, own)
    return False


def _bears_mark(request: Request, mark: str, own: OwnNames) -> bool:
    ours = [sent_by.decode("ascii", "replace") for sent_by in own.sent_by]
    return any(
        via.sent_by.lower() in ours and via.branch is not None and via.branch.rpartition("-")[2] == mark
        for via in request.vias
    )
