"""What is ours: the names and addresses by which others know this server."""

from __future__ import annotations

from offhook.flow import Flow, default_port, secured
from offhook.sip.host import bare_host, host_key, is_ip_address
from offhook.sip.message import Request
from offhook.sip.uri import SipUri

__all__ = ["OwnNames", "transport_of"]


class OwnNames:
    """The served domains, and (host, port) of each listener as others write it.

    `sent_by` holds what our Vias say, for loop detection; `addresses` the hosts of the listeners without their ports.
    """

    __slots__ = ("_numeric", "_ports", "addresses", "domains", "hosts", "sent_by")

    def __init__(self, domains: frozenset[str]) -> None:
        self.domains = domains
        self._numeric = frozenset([domain for domain in domains if is_ip_address(domain)])
        self._ports: set[int] = set()
        self.addresses: set[str] = set()
        self.hosts: set[tuple[str, int]] = set()
        self.sent_by: list[bytes] = []

    def add(self, host: str, port: int) -> None:
        """A listener: its host as sent-by says it, or as a request reaches it, without brackets."""
        key = host_key(host)
        self.addresses.add(key)
        self.hosts.add((key, port))
        self._ports.add(port)
        bare = bare_host(host).lower()
        written = f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"
        octets = written.encode("utf-8", "surrogateescape")
        if octets not in self.sent_by:
            self.sent_by.append(octets)

    def is_listener(self, uri: SipUri) -> bool:
        """Whether host and port of a URI are those of a listener, or a domain of ours without a port."""
        host = uri.host_key
        port = uri.port
        if port is None:
            return host in self.domains or (host, default_port(transport_of(uri))) in self.hosts
        return (host, port) in self.hosts or (host in self.domains and port in self._ports)

    def is_maddr(self, uri: object) -> bool:
        """Whether a URI has a maddr, and it is ours (RFC 3261 16.4)."""
        return (
            isinstance(uri, SipUri) and uri.maddr is not None and self.is_listener(uri.with_host(uri.maddr, uri.port))
        )

    def is_ours(self, uri: SipUri) -> bool:
        """Whether a URI names this server or a domain of it, whoever its user is."""
        return self.domain_of(uri) is not None or self.is_listener(uri)

    def is_served(self, uri: object) -> bool:
        """Whether somebody's URI is of a served domain. No port makes him a stranger."""
        return isinstance(uri, SipUri) and uri.host_key in self.domains

    def sent(self, request: Request, flow: Flow) -> bool:
        """Whether a request comes back from ourselves, rather than from a neighbour at our address.

        A datagram shows it by its source. The port of a connection says nothing, but the topmost Via is then ours.
        """
        if flow.remote[0] not in self.addresses:
            return False
        if not flow.reliable:
            return flow.remote in self.hosts
        via = request.top_via
        return (host_key(via.host), via.port or default_port(via.transport)) in self.hosts

    def domain_of(self, uri: SipUri) -> str | None:
        """The served domain of a URI, or None when somebody else answers for it (RFC 3261 16.5).

        A port tells no users of a domain name apart; but a domain that is an address shares it with whatever else
        listens there.
        """
        host = uri.host_key
        if host not in self.domains:
            return None
        port = uri.port
        return None if port is not None and host in self._numeric and port not in self._ports else host


def transport_of(uri: SipUri) -> str:
    """The transport that a URI indicates; RFC 3261 26.2.2: with sips, TLS over the one that it names."""
    named = (uri.transport or "").upper()
    return (secured(named or "TCP") or "TLS") if uri.secure else named or "UDP"
