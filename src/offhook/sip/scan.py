"""The routing scan: what every hop needs of a message, read straight from the octets.

Each function has a fast way for the usual form and falls back on the header's full grammar for anything else, so that
both give the same answer.
"""

from __future__ import annotations

import re
from typing import Final

from offhook.sip.headers.address import parse_name_addr
from offhook.sip.headers.cseq import parse_cseq
from offhook.sip.headers.grammar import comma_offsets, unfold
from offhook.sip.headers.via import Via, parse_via
from offhook.sip.host import bare_host
from offhook.sip.method import METHODS
from offhook.sip.uri import OtherUri, SipUri, TelUri, parse_uri

__all__ = [
    "PLAIN_HOST",
    "PLAIN_USER",
    "WHITE",
    "TopVia",
    "consists_of",
    "decoded",
    "field_value",
    "has_bare_nul",
    "is_call_id",
    "is_irregular",
    "is_request_uri",
    "method_name",
    "scan_address",
    "scan_cseq",
    "scan_tag",
    "scan_via",
    "separators",
    "stamped_via",
]

WHITE: Final = b" \t\r\n"
"""White space as it stands around a field's value, folding included."""

# An octet is found ten times faster as a number than as bytes.
_NUL: Final = 0x00
_LF: Final = 0x0A
_CR: Final = 0x0D
_SPACE: Final = 0x20
_COMMA: Final = 0x2C
# The usual form of a Via, as phones and proxies write it; everything else is read by the grammar.
_PROTOCOLS: Final = {f"SIP/2.0/{name}".encode("ascii"): name for name in ("UDP", "TCP", "TLS", "WS", "WSS", "SCTP")}
_BEFORE_BRANCH: Final = re.compile(
    rb"(SIP/2\.0/[A-Z]+) ([A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]+){0,127}\.?)(?::([0-9]{1,5}))?(;rport)?"
)
_BRANCH: Final = b";branch="
_TAG: Final = b">;tag="


def _table_of(octet: str) -> bytes:
    """The octets that a pattern matches, for `consists_of`: what `bytes.translate` makes NUL of all others with."""
    pattern = re.compile(octet.encode("ascii"))
    return bytes([number if pattern.fullmatch(bytes([number])) else _NUL for number in range(256)])


def consists_of(octets: bytes, table: bytes) -> bool:
    """Whether there are octets, and only those of a table; a pattern takes several times as long to tell."""
    return octets != b"" and _NUL not in octets.translate(table)


PLAIN_USER: Final = _table_of(r"[A-Za-z0-9_.!~*\-+]")
"""Of a user part that is canonical as it stands."""
PLAIN_HOST: Final = _table_of(r"[A-Za-z0-9_.\-]")
"""Of a host that is no IPv6 address; its labels are looked at apart."""
_WORD: Final = _table_of(r"[!#-')-+\--:=?-~]")
"""A parameter's value without quotes, as `offhook.sip.headers.grammar` says, but for the start of a comment."""
_TOKEN: Final = _table_of(r"[!#-+\-./0-:=?-~]")
"""A tag, as it stands behind an address."""
_CALL_ID: Final = _table_of(r"[^\x00-\x20\x7f]")
"""What a Call-ID is read as; see `offhook.sip.headers.call_id`."""
_URI: Final = _table_of(r"[\x21\x23-\x3b\x3d\x3f-\xff]")
_RPORT: Final = re.compile(rb"rport=[1-5]?[0-9]{1,4}")
_RECEIVED: Final = re.compile(rb"received=[0-9A-Fa-f.:]+")
_MOST_PEERS: Final = 4096
_LONGEST_REMEMBERED: Final = 128
_peers: Final[dict[bytes, tuple[str, str, int, bool]]] = {}
"""What Vias of the same peers begin with: transport, host, port (0 when it is left out), and whether rport follows."""
# A name-addr with a tag or without any parameter; quoted-pairs and folds are left to the grammar.
_TAGGED: Final = re.compile(
    rb'(?:"[^"\\\r\n]*"[ \t]*|[^\x00-\x08\x0a-\x1f\x7f"<>,;]*)<([^<>"\r\n]+)>(?:;tag=([!#-+\-./0-:=?-~]+))?'
)


def decoded(octets: bytes) -> str:
    """Wire octets as text, nothing lost."""
    return octets.decode("utf-8", "surrogateescape")


def method_name(octets: bytes) -> str:
    """The method as text; the same object for every known one."""
    known = METHODS.get(octets)
    return decoded(octets) if known is None else known


def field_value(octets: bytes) -> bytes:
    """The value of a field, without the white space around it."""
    value = octets.partition(b":")[2]
    if len(value) > 1 and value[0] == _SPACE and value[1] > _SPACE and value[-1] > _SPACE:
        return value[1:]
    return value.strip(WHITE)


def is_call_id(octets: bytes) -> bool:
    """Whether this is read as a Call-ID."""
    return consists_of(octets, _CALL_ID)


def is_request_uri(octets: bytes) -> bool:
    """Whether this may stand in a request line: white space, quotes and brackets may not (RFC 3261 7.1)."""
    return consists_of(octets, _URI)


def is_irregular(octets: bytes) -> bool:
    """Whether there is a CR, a LF or a NUL in what is to stand on one line."""
    return _LF in octets or _CR in octets or _NUL in octets


def has_bare_nul(octets: bytes) -> bool:
    """Whether a NUL stands outside of a quoted-pair, the only place that RFC 3261 25.1 has for it."""
    return _NUL in octets and _NUL in octets.replace(b"\\\\", b"").replace(b"\\\0", b"")


class _Address:
    """The URI of an address, decoded where somebody asks for it."""

    __slots__ = ("_octets", "_uri")

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._uri: SipUri | TelUri | OtherUri | None = None

    def read(self) -> SipUri | TelUri | OtherUri:
        """The URI. Raises ParseError."""
        uri = self._uri
        if uri is None:
            uri = self._uri = parse_uri(decoded(self._octets.strip()))
        return uri


_addresses: Final[dict[bytes, _Address]] = {}
"""Addresses of the same people, all before the bracket that closes them."""


class TopVia:
    """What transactions and replies need of the topmost Via (RFC 3261 17.1.3, 17.2.3, 18.2).

    `length` octets of the field's value belong to this Via; when `more`, a comma and further ones follow. `branch` is
    raw, or None; `host` is as written, an IPv6 reference without its brackets; `port` 0 when absent; `rport` tells that
    the parameter is there, with a value or without; `params` that received or maddr stand there already; `plain` that
    the octets may be edited in place.
    """

    __slots__ = ("branch", "host", "length", "maddr", "more", "params", "plain", "port", "rport", "transport")

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
        more: bool,
        plain: bool,
    ) -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.branch = branch
        self.rport = rport
        self.params = params
        self.maddr = maddr
        self.length = length
        self.more = more
        self.plain = plain


def scan_via(value: bytes) -> TopVia:
    """Read the first Via of a field's value. Raises ParseError."""
    before, found, behind = value.partition(_BRANCH)
    peer = _peers.get(before) or _read_peer(before)
    if not found or peer is None:
        return _parse_via(value)
    length = len(value)
    if _COMMA in behind:
        last = behind.partition(b",")[0]
        length -= len(behind) - len(last)
        behind = last
    branch, more, stamps = behind.partition(b";")
    if not consists_of(branch, _WORD):
        return _parse_via(value)
    transport, host, port, rport = peer
    plain = True
    received = False
    if stamps == b"rport" and not rport:
        rport = True
    elif more:
        # What others have written in: at most one of each.
        plain = False
        for stamp in stamps.split(b";"):
            if not rport and (stamp == b"rport" or _RPORT.fullmatch(stamp) is not None):
                rport = True
            elif not received and _RECEIVED.fullmatch(stamp) is not None:
                received = True
            else:
                return _parse_via(value)
    return TopVia(transport, host, port, branch, rport, received, None, length, length < len(value), plain)


def _read_peer(octets: bytes) -> tuple[str, str, int, bool] | None:
    """What stands before the branch of a Via; None when it is unusual. The same peers are met again and again."""
    found = _BEFORE_BRANCH.fullmatch(octets)
    if found is None:
        return None
    protocol, host, digits, rport = found.groups()
    transport = _PROTOCOLS.get(protocol)
    port = 0 if digits is None else int(digits)
    if transport is None or port > 65535:
        return None
    read = (transport, host.decode("ascii"), port, rport is not None)
    if len(octets) <= _LONGEST_REMEMBERED:
        if len(_peers) >= _MOST_PEERS:
            _peers.clear()
        _peers[octets] = read
    return read


def _first_via(value: bytes) -> tuple[Via, int]:
    commas = separators(value, 1)
    length = commas[0] if commas else len(value)
    return parse_via(unfold(decoded(value[:length].strip(WHITE)))), length


def _parse_via(value: bytes) -> TopVia:
    via, length = _first_via(value)
    branch = None if via.branch is None else via.branch.encode("utf-8", "surrogateescape")
    params = via.received is not None or via.maddr is not None
    host = bare_host(via.host)
    more = length < len(value)
    rport = via.rport_requested
    return TopVia(via.transport, host, via.port or 0, branch, rport, params, via.maddr, length, more, False)


def stamped_via(value: bytes, via: TopVia, address: str, port: int) -> bytes | None:
    """The first Via of a field's value with the source of its request written in; None when nothing is to be written.

    See `Via.with_source`, whose answer this gives (RFC 3261 18.2.1, RFC 3581 4).
    """
    if via.plain:
        first = value[: via.length]
        if via.rport:
            stamp = b";rport=%d;received=%b" % (port, address.encode("ascii", "replace"))
            return first.replace(b";rport", stamp, 1)
        return None if via.host == address else b"%b;received=%b" % (first, address.encode("ascii", "replace"))
    read = _first_via(value)[0]
    stamped = read.with_source(address, port)
    return None if stamped is read else stamped.serialize().encode("utf-8", "surrogateescape")


def separators(value: bytes, most: int = -1) -> list[int]:
    """The offsets of the commas that separate the values of a list field, `most` of them at most."""
    if _COMMA not in value:
        return []
    # As long as the octets, so that offsets hold: ISO 8859-1 has one character for each, and folds become blanks.
    return comma_offsets(value.decode("latin-1").replace("\r\n", "  ").replace("\n", " "), most)


def scan_cseq(value: bytes) -> tuple[int, str]:
    """The number and the method of a CSeq value (RFC 3261 20.16: below 2**31, 8.1.1.5). Raises ParseError."""
    space = value.find(b" ")
    method = METHODS.get(value[space + 1 :])
    digits = value[:space]
    if method is not None and len(digits) < 10 and digits.isdigit():
        return int(digits), method
    cseq = parse_cseq(unfold(decoded(value)))
    return cseq.number, cseq.method


def scan_tag(value: bytes) -> str | None:
    """The tag of a From or To value, or None. Raises ParseError when the address is broken.

    The fast way does not look into the URI: who needs it reads the header.
    """
    address, _, tag = value.partition(_TAG)
    if address in _addresses and consists_of(tag, _TOKEN):
        return tag.decode("ascii")
    match = _TAGGED.fullmatch(value)
    if match is None:
        return parse_name_addr(unfold(decoded(value))).tag
    token: bytes | None = match.group(2)
    if token is None:
        return None
    # In quotes the display name may have what looks like a tag.
    if len(address) == match.end(1):
        _remember(address, match.group(1))
    return token.decode("ascii")


def _remember(address: bytes, uri: bytes) -> None:
    """Take note of an address, all before its closing bracket, that is written as most are."""
    if len(address) <= _LONGEST_REMEMBERED:
        if len(_addresses) >= _MOST_PEERS:
            _addresses.clear()
        _addresses[address] = _Address(uri)


def scan_address(value: bytes) -> SipUri | TelUri | OtherUri:
    """The URI of a From or To value. Raises ParseError.

    The fast way does not look at the display name.
    """
    address, _, tag = value.partition(_TAG)
    known = _addresses.get(address)
    if known is not None and consists_of(tag, _TOKEN):
        return known.read()
    match = _TAGGED.fullmatch(value)
    if match is None:
        return parse_name_addr(unfold(decoded(value))).uri
    uri: bytes = match.group(1)
    return parse_uri(decoded(uri.strip()))
