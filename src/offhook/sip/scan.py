"""The routing scan: what every hop needs of a message, read straight from the octets.

Each function has a fast way for the usual form and falls back on the header's full grammar for anything else, so that
both give the same answer. Budget on CPython 3.11: 0.5 us a call or less on the fast way.
"""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError
from offhook.sip.headers.address import parse_name_addr
from offhook.sip.headers.grammar import unfold
from offhook.sip.headers.via import parse_via
from offhook.sip.host import bare_host
from offhook.sip.method import METHODS

__all__ = ["TopVia", "method_name", "scan_cseq", "scan_tag", "scan_via"]

_ODD_VIA: Final = re.compile(rb'["(\n\t]|;(?:received|maddr)')

_AFTER_RPORT: Final = b";= "


def method_name(octets: bytes) -> str:
    """The method as text; the same object for every known one."""
    known = METHODS.get(octets)
    return octets.decode("utf-8", "surrogateescape") if known is None else known


class TopVia:
    """What transactions and replies need of the topmost Via (RFC 3261 17.1.3, 17.2.3, 18.2).

    `length` octets of the field's value belong to this Via; a comma and further ones may follow. `branch` is raw, or
    None; `host` is as written, an IPv6 reference without its brackets; `port` 0 when absent; `rport` tells that the
    parameter is there, with a value or without; `params` that received or maddr stand there already.
    """

    __slots__ = ("branch", "host", "length", "maddr", "params", "port", "rport", "transport")

    def __init__(
        self,
        transport: str,
        host: str,
        port: int,
        branch: bytes | None,
        rport: bool,
        params: bool,
        maddr: str | None,
        length: int,
    ) -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.branch = branch
        self.rport = rport
        self.params = params
        self.maddr = maddr
        self.length = length


def scan_via(value: bytes) -> TopVia:
    """Read the first Via of a field's value. Raises ParseError."""
    if _ODD_VIA.search(value) is not None:
        return _parse_via(value)
    length = value.find(b",")
    if length < 0:
        length = len(value)
    space = value.find(b" ", 8)
    semicolon = value.find(b";", space, length)
    if value[:8] != b"SIP/2.0/" or space < 9 or space > length or semicolon < 0:
        return _parse_via(value)
    sent_by = value[space + 1 : semicolon]
    colon = sent_by.find(b":")
    port = 0
    if colon >= 0:
        digits = sent_by[colon + 1 :]
        if not digits.isdigit() or len(digits) > 5 or sent_by[:1] == b"[":
            return _parse_via(value)
        port = int(digits)
        sent_by = sent_by[:colon]
    start = value.find(b";branch=", semicolon, length)
    if start < 0 or b" " in sent_by or not sent_by or port > 65535:
        return _parse_via(value)
    end = value.find(b";", start + 8, length)
    branch = value[start + 8 : length if end < 0 else end].strip()
    flag = value.find(b";rport", semicolon, length)
    rport = flag > 0 and (flag + 6 == length or value[flag + 6] in _AFTER_RPORT)
    transport = value[8:space].decode("utf-8", "surrogateescape")
    host = sent_by.decode("utf-8", "surrogateescape")
    return TopVia(transport, host, port, branch, rport, False, None, length)


def _parse_via(value: bytes) -> TopVia:
    length = _first_element(value)
    via = parse_via(unfold(value[:length].decode("utf-8", "surrogateescape")))
    branch = None if via.branch is None else via.branch.encode("utf-8", "surrogateescape")
    params = via.received is not None or via.maddr is not None
    rport = via.rport_requested
    return TopVia(via.transport, bare_host(via.host), via.port or 0, branch, rport, params, via.maddr, length)


def _first_element(value: bytes) -> int:
    """The length of the first element of a comma-separated list, with quoted strings and comments stepped over."""
    quoted = False
    depth = 0
    position = 0
    while position < len(value):
        octet = value[position : position + 1]
        if octet == b"\\" and (quoted or depth):
            position += 1
        elif octet == b'"' and not depth:
            quoted = not quoted
        elif not quoted:
            if octet == b"(":
                depth += 1
            elif octet == b")" and depth:
                depth -= 1
            elif octet == b"," and not depth:
                return position
        position += 1
    return len(value)


def scan_cseq(value: bytes) -> tuple[int, str]:
    """The number and the method of a CSeq value (RFC 3261 20.16: below 2**31, 8.1.1.5). Raises ParseError."""
    parts = value.split()
    if len(parts) != 2 or not parts[0].isdigit() or len(parts[0]) > 20:
        raise ParseError("CSeq is not a number and a method", header="CSeq", clause="RFC 3261 20.16")
    number = int(parts[0])
    if number >= 1 << 31:
        raise ParseError(f"CSeq number {number} is not below 2**31", header="CSeq", clause="RFC 3261 8.1.1.5")
    return number, method_name(parts[1])


def scan_tag(value: bytes) -> str | None:
    """The tag of a From or To value, or None. Raises ParseError when the address is broken."""
    if b"\n" not in value and b"\\" not in value:
        end = value.find(b">")
        quotes = value.count(b'"')
        if quotes == 2 and value[:1] == b'"':
            end = value.find(b">", value.find(b'"', 1))
            quotes = 0
        if end > 0 and quotes == 0:
            start = value.find(b";tag=", end)
            if start == end + 1:
                stop = value.find(b";", start + 5)
                tag = value[start + 5 :] if stop < 0 else value[start + 5 : stop]
                return tag.strip().decode("utf-8", "surrogateescape")
            if end == len(value) - 1:
                return None
    return parse_name_addr(unfold(value.decode("utf-8", "surrogateescape"))).tag
