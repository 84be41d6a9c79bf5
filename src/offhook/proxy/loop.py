"""Loops (RFC 3261 16.3 step 4 and 16.6 step 8, both as RFC 5393 4.2 replaces them)."""

from __future__ import annotations

from zlib import crc32

from offhook.errors import ParseError
from offhook.proxy.own import OwnNames
from offhook.sip.headers.grammar import split_list
from offhook.sip.headers.via import parse_via
from offhook.sip.message import Request
from offhook.sip.scan import field_value

__all__ = ["has_looped", "loop_mark"]


def loop_mark(request: Request) -> str:
    """The second part of a branch: it varies with all that decides where a request goes, and with nothing else of it.

    That is the Request-URI and the Route values as received, and for a telephone number the caller, whose domain says
    which gateway takes it; the Call-ID keeps two requests whose sums collide from doing so each time (RFC 5393 4.2.4,
    which finds a CRC sufficient).
    """
    mark = crc32(request.raw_uri, crc32(request.call_id.encode("utf-8", "surrogateescape")))
    if request.raw_uri[:4].lower() == b"tel:":
        mark = crc32(request.octets("from") or b"", mark)
    for place in request.places("route"):
        mark = crc32(field_value(request.lines[place]), mark)
    return f"{mark:08x}"


def has_looped(request: Request, mark: str, own: OwnNames) -> bool:
    """Whether the request went through here before with the same mark."""
    ending = b"-" + mark.encode("ascii")
    for place in request.places("via"):
        if request.lines[place].find(ending) >= 0:
            return _bears_mark(request, mark, own)
    return False


def _bears_mark(request: Request, mark: str, own: OwnNames) -> bool:
    ours = [sent_by.decode("utf-8", "surrogateescape") for sent_by in own.sent_by]
    for text in request.texts("Via"):
        for value in split_list(text):
            try:
                via = parse_via(value)
            except ParseError:
                # The Via of somebody else: what it looks like is none of our business (RFC 5393 4.2.4).
                continue
            if via.branch is not None and via.branch.endswith(f"-{mark}") and via.sent_by.lower() in ours:
                return True
    return False
