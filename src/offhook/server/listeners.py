"""The listeners of a configuration."""

from __future__ import annotations

from pathlib import Path

from offhook.server.config import ListenConfig, ServerConfig
from offhook.sip.host import bare_host
from offhook.transport.listener import Listener
from offhook.transport.tls import TlsSettings, own_refusal

__all__ = ["certificate_refusals", "listeners_of"]

LOOPBACK = "127.0.0.1"


def listeners_of(config: ServerConfig) -> list[Listener]:
    """What the server binds. Without any `[[listen]]` it is reached from this machine alone. Raises ConfigError."""
    tls = config.tls
    settings = TlsSettings(tls.certificate or None, tls.key or None, tls.authorities or None)
    wanted = config.listen or _on_loopback(bool(tls.certificate))
    return [
        Listener(
            listen.transport.upper(),
            listen.address,
            listen.port,
            advertise=listen.advertise,
            tls=settings if listen.transport == "tls" else None,
        )
        for listen in wanted
    ]


def certificate_refusals(config: ServerConfig, wall: float) -> list[str]:
    """What peers will have against our certificate when they look for our domains. Raises ConfigError."""
    if not any(listener.transport == "TLS" for listener in listeners_of(config)):
        return []
    names = [domain.name for domain in config.domain]
    found = [own_refusal(Path(config.tls.certificate), bare_host(name), wall) for name in names]
    return [refusal for refusal in found if refusal is not None]


def _on_loopback(with_tls: bool) -> list[ListenConfig]:
    listens = [ListenConfig(transport="udp", address=LOOPBACK), ListenConfig(transport="tcp", address=LOOPBACK)]
    return [*listens, ListenConfig(transport="tls", address=LOOPBACK)] if with_tls else listens
