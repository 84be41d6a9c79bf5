"""The listeners of a configuration."""

from __future__ import annotations

from offhook.server.config import ListenConfig, ServerConfig
from offhook.transport.listener import Listener
from offhook.transport.tls import TlsSettings

__all__ = ["listeners_of"]

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


def _on_loopback(with_tls: bool) -> list[ListenConfig]:
    listens = [ListenConfig(transport="udp", address=LOOPBACK), ListenConfig(transport="tcp", address=LOOPBACK)]
    return [*listens, ListenConfig(transport="tls", address=LOOPBACK)] if with_tls else listens
