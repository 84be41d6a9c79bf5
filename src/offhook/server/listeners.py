"""The listeners of a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from msgspec import structs

from offhook.flow import default_port, is_secure
from offhook.server.config import ListenConfig, ServerConfig, TlsConfig
from offhook.sip.host import bare_host, is_ip_address
from offhook.transport.listener import Listener
from offhook.transport.tls import TlsSettings, own_refusal

__all__ = ["certificate_refusals", "listeners_of"]

LOOPBACK = "127.0.0.1"


def listeners_of(config: ServerConfig) -> list[Listener]:
    """What the server binds. Without any `[[listen]]` it is reached from this machine alone. Raises ConfigError."""
    wanted = _with_tcp(config.listen) or _on_loopback(bool(config.tls.certificate))
    return [
        Listener(
            listen.transport.upper(),
            listen.address,
            listen.port,
            advertise=listen.advertise,
            tls=_tls_settings(config.tls, listen.require_client_certificate) if listen.transport == "tls" else None,
        )
        for listen in wanted
    ]


def _tls_settings(tls: TlsConfig, require_client_certificate: bool) -> TlsSettings:
    return TlsSettings(
        tls.certificate or None,
        tls.key or None,
        tls.authorities or None,
        require_client_certificate=require_client_certificate,
        revocations=tls.revocations or None,
        ciphers=tls.ciphers,
        named=[(named.certificate, named.key or None) for named in tls.named],
    )


def _with_tcp(listens: list[ListenConfig]) -> list[ListenConfig]:
    """And TCP wherever there is UDP alone: whoever listens for the one has to for the other too (RFC 3261 18.2.1)."""
    streams = [listen for listen in listens if listen.transport != "udp"]
    missing = [
        structs.replace(listen, transport="tcp")
        for listen in listens
        if listen.transport == "udp" and not any(_share_a_port(listen, stream) for stream in streams)
    ]
    return [*listens, *missing]


def _share_a_port(one: ListenConfig, other: ListenConfig) -> bool:
    """Whether TCP at the place of `one` is `other`, or could not be bound beside it."""
    first, second = (ip_address(bare_host(listen.address)) for listen in (one, other))
    overlap = first == second or ((first.is_unspecified or second.is_unspecified) and first.version == second.version)
    return overlap and _port(one) == _port(other)


def _port(listen: ListenConfig) -> int:
    return default_port(listen.transport.upper()) if listen.port is None else listen.port


def certificate_refusals(config: ServerConfig, wall: float, reached: Iterable[str] = ()) -> list[str]:
    """What peers will have against our certificates when they look for our domains. Raises ConfigError.

    And for the hosts by which Record-Route leads back to us over TLS (RFC 5922 7.5): `reached`, and what the
    listeners say of themselves. Nobody but this machine looks for a loopback address.
    """
    listeners = [listener for listener in listeners_of(config) if is_secure(listener.transport)]
    if not listeners:
        return []
    settings = listeners[0].tls
    names = [bare_host(domain.name) for domain in config.domain]
    hosts = [listener.host if listener.advertise is None else listener.advertise[0] for listener in listeners]
    hosts = [host for host in dict.fromkeys((*hosts, *reached)) if host not in names and not _is_own_machines(host)]
    found = [own_refusal(settings, name, wall) for name in names]
    ways = [own_refusal(settings, host, wall) for host in hosts]
    return [
        *(refusal for refusal in found if refusal is not None),
        *(f"{refusal}; advertise a host that it is for" for refusal in ways if refusal is not None),
    ]


def _is_own_machines(host: str) -> bool:
    """Whether a host is a loopback address, or stands for all addresses that there are."""
    if not is_ip_address(host):
        return False
    address = ip_address(host)
    return address.is_loopback or address.is_unspecified


def _on_loopback(with_tls: bool) -> list[ListenConfig]:
    listens = [ListenConfig(transport="udp", address=LOOPBACK), ListenConfig(transport="tcp", address=LOOPBACK)]
    return [*listens, ListenConfig(transport="tls", address=LOOPBACK)] if with_tls else listens
