"""The sockets of a user agent."""

from __future__ import annotations

import socket

from offhook.transport.interfaces import interface_addresses
from offhook.transport.listener import Listener, host_and_port
from offhook.transport.tls import TlsSettings

__all__ = ["listeners_for"]


def listeners_for(local: str, advertise: str, tls: TlsSettings | None) -> list[Listener]:
    """UDP and TCP on one port, and TLS on the next; without a certificate TLS only connects."""
    host, port = host_and_port(local) if local else ("", 0)
    hosts = [host] if host else _wildcards()
    certified = tls is not None and tls.certificate is not None
    tls_port = port + 1 if port and certified else 0
    listeners: list[Listener] = []
    for one in hosts:
        listeners.append(Listener("UDP", one, port, advertise=advertise))
        listeners.append(Listener("TCP", one, port, advertise=advertise))
        listeners.append(Listener("TLS", one, tls_port, advertise=advertise, tls=tls))
    return listeners


def _wildcards() -> list[str]:
    """The wildcards of the address families that this machine has."""
    families = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))
    return [wildcard for family, wildcard in families if interface_addresses(family)]
