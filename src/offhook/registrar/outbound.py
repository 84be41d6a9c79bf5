"""Client-initiated connections (RFC 5626 6), and the way back to a phone."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Final

from offhook.errors import ParseError
from offhook.flow import Flow
from offhook.registrar.contacts import WantedContact
from offhook.registrar.refused import Refused
from offhook.sip.headers.address import parse_route
from offhook.sip.host import is_ip_address
from offhook.sip.message import Request
from offhook.sip.uri import SipUri

__all__ = ["binds_flow", "is_first_hop", "leads_back", "supports"]

# Addresses that mean another host in each network: RFC 1918, RFC 6598, loopback, link-local, RFC 4193.
_INNER: Final = tuple(
    [
        ip_network(text)
        for text in (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("::1/128", "fe80::/10", "fc00::/7"),
        )
    ]
)


def supports(request: Request, option: str) -> bool:
    """Whether the client supports an option, or requires it. Raises ParseError."""
    return option in [tag.lower() for tag in request.tokens("Supported") + request.tokens("Require")]


def is_first_hop(request: Request) -> bool:
    """Whether the request came from the client itself: it bears one Via."""
    if len(request.places("via")) > 1:
        return False
    return request.top_via.length == len(request.octets("via") or b"")


def binds_flow(request: Request, contacts: list[WantedContact], path: tuple[str, ...], first_hop: bool) -> bool:
    """Whether the contacts are bound to the flow (their reg-id counts); where it does not, it is taken away.

    Raises Refused 439 when the client asks for it and its first hop cannot, and ParseError when several are bound.
    """
    if not any(contact.reg_id for contact in contacts):
        return False
    if not first_hop and not _first_hop_supports(path):
        if supports(request, "outbound"):
            raise Refused(439)
        for contact in contacts:
            contact.reg_id = 0
        return False
    if len([contact for contact in contacts if contact.expires]) > 1:
        raise ParseError("one REGISTER binds several contacts to its flow", header="Contact", clause="RFC 5626 6")
    return True


def _first_hop_supports(path: tuple[str, ...]) -> bool:
    # The client's first hop was the first to write itself into Path, each further one stands above it.
    if not path:
        return False
    uri = parse_route(path[-1]).uri
    return isinstance(uri, SipUri) and "ob" in uri.params


def leads_back(request: Request, flow: Flow, contact: WantedContact) -> bool:
    """Whether a contact names whoever sent the request, so that the flow of the REGISTER leads to it.

    The host of the contact is the one that the message came from or that its sender took for its own (a phone behind
    a NAT knows its inner address alone). A private address cannot be reached from outside its network in any other
    way; ".invalid" is how browsers write theirs (RFC 7118 5). Any other host is another place, registered from here.
    So is another port of the same host, where the Via shows that no NAT has changed the sender's own.
    """
    host = contact.host.lower()
    source, port = flow.remote
    if host == source and not flow.reliable and (contact.port or 5060) != port:
        return (request.top_via.port or 5060) != port
    if host == source or host == request.top_via.host.lower() or host.endswith(".invalid"):
        return True
    if not is_ip_address(host):
        return False
    return ip_address(host) == ip_address(source) or (_is_inner(host) and not _is_inner(source))


def _is_inner(host: str) -> bool:
    address = ip_address(host)
    return any(address in network for network in _INNER)
