"""The server's configuration: a TOML file, read into typed values.

Every mistake becomes one ConfigError whose sentence names the file, the line and the mend.
"""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from ipaddress import ip_network
from os import environ
from pathlib import Path
from typing import Literal

import msgspec

from offhook.errors import ConfigError, ParseError
from offhook.security.digest import require_algorithms
from offhook.server.toml_lines import line_of
from offhook.sip.host import checked_host
from offhook.sip.uri import SipUri, parse_uri

__all__ = [
    "DomainConfig",
    "LimitConfig",
    "ListenConfig",
    "LocationConfig",
    "LogConfig",
    "RegistrarConfig",
    "ServerConfig",
    "TimerConfig",
    "TlsConfig",
    "default_data_folder",
    "load",
    "parse",
]


class _Section(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the file; a key that it does not know is a mistake."""


class ListenConfig(_Section):
    """One `[[listen]]`: where messages are received and sent from."""

    transport: Literal["udp", "tcp", "tls"]
    address: str
    """A numeric address; 0.0.0.0 and :: stand for all of their family."""
    port: int | None = None
    advertise: str = ""
    """What others reach us by, where that is not the address: host or host:port."""


class TlsConfig(_Section):
    """`[tls]`: without a certificate the server offers no TLS."""

    certificate: str = ""
    key: str = ""
    authorities: str = ""
    """Certificates of authorities that peers are checked against; the system's own when empty."""


class DomainConfig(_Section):
    """One `[[domain]]` that the server answers for."""

    name: str
    aliases: list[str] = []
    mode: Literal["proxy", "redirect", "stateless"] = "proxy"
    realm: str = ""
    """What users see when they are asked for a password; the domain's name when empty."""
    algorithms: list[str] = msgspec.field(default_factory=lambda: ["MD5"])
    """Digest algorithms in the order in which they are offered. Old phones give up at anything but MD5."""
    trusted: list[str] = []
    """Networks whose requests are not challenged."""
    fallback: str = ""
    """A URI for addresses-of-record without a binding, such as a trunk's."""


class RegistrarConfig(_Section):
    """`[registrar]`: seconds, and how many contacts one address-of-record may have."""

    default_expires: int = 3600
    min_expires: int = 60
    max_expires: int = 7200
    max_contacts: int = 10


class LocationConfig(_Section):
    """`[location]`: where bindings are kept. With "sqlite" no acknowledged one is lost."""

    store: Literal["sqlite", "memory"] = "sqlite"


class TimerConfig(_Section):
    """`[timers]`, in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    timer_c: float = 190.0


class LimitConfig(_Section):
    """`[limits]` on one message and on connections."""

    message_octets: int = 65536
    header_fields: int = 128
    vias: int = 70
    connections: int = 10000
    idle_seconds: float = 1800.0


class LogConfig(_Section):
    """`[log]`."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class ServerConfig(_Section):
    """The whole file. Without any file: loopback, SQLite, and two accounts for trying things out."""

    data: str = ""
    """The folder for databases and the server's secret; the user's data folder when empty."""
    listen: list[ListenConfig] = []
    domain: list[DomainConfig] = []
    tls: TlsConfig = msgspec.field(default_factory=TlsConfig)
    registrar: RegistrarConfig = msgspec.field(default_factory=RegistrarConfig)
    location: LocationConfig = msgspec.field(default_factory=LocationConfig)
    timers: TimerConfig = msgspec.field(default_factory=TimerConfig)
    limits: LimitConfig = msgspec.field(default_factory=LimitConfig)
    log: LogConfig = msgspec.field(default_factory=LogConfig)


def default_data_folder() -> Path:
    """Where the server keeps its data when nothing else is said (the XDG base directory specification)."""
    base = environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "offhook"


def load(path: Path) -> ServerConfig:
    """Read a configuration file. Raises ConfigError."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text") from error
    return parse(text, str(path))


def parse(text: str, name: str = "offhook.toml") -> ServerConfig:
    """Read and check a configuration; `name` stands in the messages. Raises ConfigError."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: {error}; see toml.io for how TOML is written") from error
    try:
        config = msgspec.convert(values, ServerConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(_explained(str(error), text, name)) from error
    _check(config, text, name)
    return config


def _explained(message: str, text: str, name: str) -> str:
    """msgspec's sentence with the line and, for a key that does not exist, the nearest one that does."""
    what, _, path = message.partition(" - at `")
    path = path.rstrip("`") or "$"
    unknown = what.partition("unknown field `")[2].rstrip("`")
    where = _place(text, name, path, unknown or None)
    if not unknown:
        key = path.rpartition(".")[2]
        return f"{where}: {key}: {what[:1].lower()}{what[1:]}"
    known = _fields_at(path)
    near = get_close_matches(unknown, known, 1)
    mend = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
    return f"{where}: there is no setting {unknown!r}; {mend}"


def _place(text: str, name: str, path: str, key: str | None = None) -> str:
    line = line_of(text, path, key)
    return name if line is None else f"{name} line {line}"


def _fields_at(path: str) -> list[str]:
    sections: dict[str, type[_Section]] = {
        "$": ServerConfig,
        "listen": ListenConfig,
        "domain": DomainConfig,
        "tls": TlsConfig,
        "registrar": RegistrarConfig,
        "location": LocationConfig,
        "timers": TimerConfig,
        "limits": LimitConfig,
        "log": LogConfig,
    }
    section = sections.get(path.removeprefix("$.").partition("[")[0], ServerConfig)
    return list(section.__struct_fields__)


def _check(config: ServerConfig, text: str, name: str) -> None:
    """What types alone do not tell."""
    for position, domain in enumerate(config.domain):
        _check_domain(domain, f"$.domain[{position}]", text, name)
    seen: set[str] = set()
    for position, domain in enumerate(config.domain):
        for host in (domain.name, *domain.aliases):
            if host.lower() in seen:
                raise ConfigError(f"{_place(text, name, f'$.domain[{position}].name')}: {host} is served twice")
            seen.add(host.lower())
    for position, listen in enumerate(config.listen):
        where = f"$.listen[{position}]"
        if listen.transport == "tls" and not config.tls.certificate:
            place = _place(text, name, where, "transport")
            raise ConfigError(f"{place}: TLS needs a certificate; add [tls] with certificate and key")
        if listen.port is not None and not 0 <= listen.port <= 65535:
            raise ConfigError(f"{_place(text, name, where, 'port')}: a port is a number from 0 to 65535")
    registrar = config.registrar
    if not 0 < registrar.min_expires <= registrar.default_expires <= registrar.max_expires:
        place = _place(text, name, "$.registrar")
        raise ConfigError(f"{place}: min_expires, default_expires and max_expires must rise in that order")
    timers = config.timers
    if not 0 < timers.t1 <= timers.t2 or timers.t4 <= 0:
        raise ConfigError(f"{_place(text, name, '$.timers')}: t1 must be above 0 and at most t2, t4 above 0")
    if timers.timer_c <= 180:
        place = _place(text, name, "$.timers", "timer_c")
        raise ConfigError(f"{place}: Timer C must be more than 180 seconds (RFC 3261 16.6)")


def _check_domain(domain: DomainConfig, path: str, text: str, name: str) -> None:
    for host in (domain.name, *domain.aliases):
        try:
            checked_host(host)
        except ParseError as error:
            raise ConfigError(f"{_place(text, name, path, 'name')}: {host!r} is not a host name") from error
    for network in domain.trusted:
        try:
            ip_network(network)
        except ValueError as error:
            place = _place(text, name, path, "trusted")
            raise ConfigError(f"{place}: {network!r} is not a network; write for example 192.0.2.0/24") from error
    if domain.fallback:
        try:
            sip = isinstance(parse_uri(domain.fallback), SipUri)
        except ParseError:
            sip = False
        if not sip:
            place = _place(text, name, path, "fallback")
            raise ConfigError(f"{place}: {domain.fallback!r} is not a SIP URI; write for example sip:trunk.example.com")
    try:
        require_algorithms(domain.algorithms)
    except ConfigError as error:
        raise ConfigError(f"{_place(text, name, path, 'algorithms')}: {error}") from error
