"""Where a response goes (RFC 3261 18.2.2, RFC 3581 4), and the answer to a request that could not be parsed."""

from __future__ import annotations

import re
from typing import Final

from offhook.errors import ParseError, Salvage
from offhook.flow import Flow
from offhook.sip.headers.via import Via
from offhook.sip.host import HOST, bare_host, checked_port, is_ip_address, reaches_many
from offhook.sip.message import Message, Response
from offhook.sip.scan import scan_via, stamped_via
from offhook.sip.serializer import new_response, tagged
from offhook.sip.status import phrase_for

__all__ = ["flow_back", "flow_of_via", "reply_to_broken"]

# What is readable of a Via whose parameters are not: protocol and sent-by.
_SENT_BY: Final = re.compile(
    rf"[^ \t;,/]+[ \t]*/[ \t]*[^ \t;,/]+[ \t]*/[ \t]*[^ \t;,/]+[ \t]+{HOST}(?::([0-9]+))?(?=[ \t;,])"
)
_MOST_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 128
_ways: Final[dict[tuple[bytes, bytes, str, tuple[str, int]], Flow | None]] = {}
"""Flows by what their Vias say before and behind the branch, and by the listener."""
_RPORT: Final = re.compile(r";[ \t]*rport[ \t]*(?:[;,=]|\Z)", re.IGNORECASE)


def flow_back(request: Message, arrival: Flow) -> Flow:
    """The flow for responses to a request that came over `arrival`.

    A stream: the connection itself. Datagrams: maddr; else the source address with its port where rport asked for it,
    else the source address with the port of sent-by. Raises ParseError.
    """
    if arrival.reliable:
        return arrival
    via = request.top_via
    host, port = arrival.remote
    maddr = _one_host(via.maddr)
    if maddr is not None:
        host, port = maddr, via.port or 5060
    elif not via.rport:
        port = via.port or 5060
    if port == arrival.remote[1] and host == arrival.remote[0]:
        return arrival
    return Flow(arrival.transport, arrival.listener, arrival.local, (host, port))


def flow_of_via(message: Message, over: Flow) -> Flow | None:
    """The flow of datagrams that the top Via stands for, with received and rport, sent from the listener of `over`.

    None where it names no single address. A name bore the address that its request came from (18.2.1): whoever answered
    has taken that out, and could have us look up whatever he likes. Raises ParseError.
    """
    via = message.top_via
    # All of it but the branch is the same for each peer.
    before, _, behind = (message.octets("via") or b"")[: via.length].partition(b";branch=")
    branch, _, stamps = behind.partition(b";")
    if branch != via.branch or len(before) + len(stamps) > _LONGEST_REMEMBERED:
        return _flow_of(message.vias[0], over)
    key = (before, stamps, over.listener, over.local)
    if key in _ways:
        return _ways[key]
    if len(_ways) >= _MOST_REMEMBERED:
        _ways.clear()
    flow = _ways[key] = _flow_of(message.vias[0], over)
    return flow


def _flow_of(via: Via, over: Flow) -> Flow | None:
    host = _one_host(via.maddr) or _one_host(via.received or via.host)
    return None if host is None else Flow("UDP", over.listener, over.local, (host, via.rport or via.port or 5060))


def _one_host(maddr: str | None) -> str | None:
    """The address of a maddr that is followed; None for one that is passed over.

    A name is: a stranger could have us look up whatever he likes. So is a group of hosts: we are in none, so that no
    request has come by multicast, and he could have one datagram answered to all of them.
    """
    # Behind "%" stands the zone of a neighbour whom we have written into received.
    if maddr is None or not is_ip_address(maddr.partition("%")[0]):
        return None
    address = bare_host(maddr)
    return None if reaches_many(address) else address


def reply_to_broken(error: ParseError, flow: Flow, to_tag: str) -> tuple[Response, Flow] | None:
    """The answer to a request that `error` was raised for, and its flow; None when it cannot or must not be answered.

    An ACK is never answered, nor is anything that looks like a response; without a readable sent-by nobody can match
    it. A Via whose parameters alone are broken goes back as it came (RFC 4475 3.1.2.1 asks for an answer).
    """
    salvage: Salvage | None = error.salvage
    if salvage is None or salvage.method is None or salvage.method == "ACK" or not salvage.via:
        return None
    vias = [value.replace(b"\r\n", b"").replace(b"\n", b"").replace(b"\r", b"") for value in salvage.via]
    back: Flow | None = None
    try:
        vias[0] = _stamped(vias[0], flow)
    except ParseError:
        back = _flow_by_sent_by(vias[0].decode("utf-8", "surrogateescape"), flow)
        if back is None:
            return None
    draft = new_response(error.status, phrase_for(error))
    for value in vias:
        draft.add("Via", value)
    found = (("From", salvage.from_), ("To", salvage.to), ("Call-ID", salvage.call_id), ("CSeq", salvage.cseq))
    for name, raw in found:
        if raw is None:
            continue
        value = b" ".join(raw.split())
        if name == "To" and b"tag=" not in value:
            value = tagged(value, to_tag)
        draft.add(name, value)
    draft.add("Warning", f'399 offhook "{_quotable(error.reason)}"')
    response = draft.response()
    return response, back or flow_back(response, flow)


def _stamped(value: bytes, flow: Flow) -> bytes:
    via = scan_via(value)
    stamped = stamped_via(value, via, *flow.remote)
    return value if stamped is None else stamped + value[via.length :]


def _flow_by_sent_by(via: str, arrival: Flow) -> Flow | None:
    """The flow back by a sent-by that can be read though its Via cannot; None when it cannot either."""
    found = _SENT_BY.match(via)
    if found is None:
        return None
    if arrival.reliable or _RPORT.search(via) is not None:
        return arrival
    try:
        port = checked_port(found.group(1) or "5060")
    except ParseError:
        return None
    return Flow(arrival.transport, arrival.listener, arrival.local, (arrival.remote[0], port or 5060))


def _quotable(text: str) -> str:
    plain = text.encode("ascii", "replace").decode("ascii")
    return "".join(letter if letter.isprintable() and letter not in '"\\' else "?" for letter in plain)[:120]
