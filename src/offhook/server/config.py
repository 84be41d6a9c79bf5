"""The server's configuration: a TOML file, read into typed values.

Every mistake becomes one ConfigError whose sentence names the file, the line and the mend.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from math import inf, isfinite
from os import environ
from pathlib import Path
from typing import Final, Literal

import msgspec

from offhook.errors import ConfigError, ParseError
from offhook.security.digest import require_algorithms
from offhook.server.stores import STORES, LocationConfig
from offhook.server.toml_file import Section, TomlText
from offhook.sip.host import bracketed_host, checked_host, host_key
from offhook.sip.uri import SipUri, parse_uri
from offhook.transport.carriers import LISTENED
from offhook.transport.listener import Listener

__all__ = [
    "DATABASE",
    "DomainConfig",
    "LimitConfig",
    "ListenConfig",
    "LocationConfig",
    "LogConfig",
    "NamedConfig",
    "RegistrarConfig",
    "ServerConfig",
    "ThrottleConfig",
    "TimerConfig",
    "TlsConfig",
    "default_data_folder",
    "load",
    "parse",
]

DATABASE: Final = "offhook.db"
"""The database's name in the data folder."""
_ABOVE_ZERO: Final = (
    "header_fields",
    "vias",
    "connections",
    "connections_per_address",
    "idle_seconds",
    "transactions",
    "unanswered",
)
LEAST_MESSAGE: Final = 1300
"""Octets that any element takes over UDP (RFC 3261 18.1.1 sends as many)."""


class ListenConfig(Section):
    """One `[[listen]]`: where messages are received and sent from."""

    transport: str
    """"udp", "tcp" or "tls": one of `offhook.transport.carriers`."""
    address: str
    """A numeric address; 0.0.0.0 and :: stand for all of their family."""
    port: int | None = None
    """The transport's own (5060, 5061 for tls) when nothing is said; 0 for one that the kernel chooses."""
    advertise: str = ""
    """What others reach us by, where that is not the address: host or host:port."""
    require_client_certificate: bool = False
    """Whether whoever connects over TLS has to show a certificate (RFC 3261 26.3.1). Few phones have one."""


class NamedConfig(Section):
    """One `[[tls.named]]`: a certificate for those who ask for a domain that it names (SNI)."""

    FILES = ("certificate", "key")

    certificate: str
    key: str = ""


class TlsConfig(Section):
    """`[tls]`: without a certificate the server offers no TLS."""

    FILES = ("certificate", "key", "authorities", "revocations")

    certificate: str = ""
    key: str = ""
    """The certificate's key, where it is not in the same file."""
    authorities: str = ""
    """Certificates of authorities that peers are checked against; the system's own when empty."""
    revocations: str = ""
    """Lists of revoked certificates; none are looked for when empty."""
    ciphers: str = ""
    """OpenSSL's list of ciphers for TLS 1.2; those that are taken for safe today when empty."""
    named: list[NamedConfig] = msgspec.field(default_factory=list)
    """Further certificates; whoever asks for none of their names gets the one above."""


class DomainConfig(Section):
    """One `[[domain]]` that the server answers for."""

    name: str
    aliases: list[str] = msgspec.field(default_factory=list)
    """Further names and addresses of the domain; its users are the same by each of them."""
    mode: Literal["proxy", "redirect", "stateless"] = "proxy"
    realm: str = ""
    """What users see when they are asked for a password; the domain's name when empty."""
    algorithms: list[str] = msgspec.field(default_factory=lambda: ["MD5"])
    """Digest algorithms in the order in which they are offered. Old phones give up at anything but MD5."""
    trusted: list[str] = msgspec.field(default_factory=list)
    """Networks whose requests are not challenged."""
    fallback: str = ""
    """A URI for addresses-of-record without a binding, such as a trunk's."""
    fallback_for_strangers: bool = False
    """Whether callers of other domains reach the fallback too: of a trunk they could call whom they like."""
    hide_users: bool = False
    """Whether callers of other domains get 480 in place of 404 (which deviates from RFC 3261 16.5)."""


class RegistrarConfig(Section):
    """`[registrar]`: seconds, and how many contacts one address-of-record may have."""

    default_expires: int = 3600
    min_expires: int = 60
    max_expires: int = 7200
    max_contacts: int = 10


class TimerConfig(Section):
    """`[timers]`, in seconds."""

    t1: float = 0.5
    t2: float = 4.0
    t4: float = 5.0
    timer_c: float = 190.0


class LimitConfig(Section):
    """`[limits]` on one message, on connections, and on what is under way at once."""

    message_octets: int = 65536
    header_fields: int = 128
    vias: int = 70
    connections: int = 10000
    connections_per_address: int = 1000
    idle_seconds: float = 3900.0
    """How long a connection may be silent: longer than the usual hour of a registration."""
    transactions: int = 300000
    """Beyond so many, new requests get 503 with Retry-After; a call of two minutes holds three or four for 32 s."""
    unanswered: int = 30000
    """The same for requests that have no final response yet. Callers without a password may take half of either."""


class ThrottleConfig(Section):
    """`[throttle]`: what one address may do before it is left unanswered for a while; 0 takes a limit away.

    Right credentials take one offence of each kind back, so that a house behind one address can hold many phones.
    """

    failed_logins: int = 50
    refused_requests: int = 200
    unanswered_challenges: int = 2000
    within_seconds: float = 600.0
    ban_seconds: float = 600.0
    exempt: list[str] = msgspec.field(default_factory=list)
    """Networks that are never throttled, besides the trusted ones of the domains."""


class LogConfig(Section):
    """`[log]`, which goes to the standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class ServerConfig(Section):
    """The whole file. Without any file: loopback, SQLite, and two accounts for trying things out."""

    data: str = ""
    """The folder for databases and the server's secret; the user's data folder when empty."""
    listen: list[ListenConfig] = msgspec.field(default_factory=list)
    """Where to listen; UDP and TCP port 5060 of 127.0.0.1, with a certificate TLS port 5061 too, when empty."""
    domain: list[DomainConfig] = msgspec.field(default_factory=list)
    """The domains; localhost with the demonstration accounts when empty."""
    tls: TlsConfig = msgspec.field(default_factory=TlsConfig)
    registrar: RegistrarConfig = msgspec.field(default_factory=RegistrarConfig)
    location: LocationConfig = msgspec.field(default_factory=LocationConfig)
    timers: TimerConfig = msgspec.field(default_factory=TimerConfig)
    limits: LimitConfig = msgspec.field(default_factory=LimitConfig)
    throttle: ThrottleConfig = msgspec.field(default_factory=ThrottleConfig)
    log: LogConfig = msgspec.field(default_factory=LogConfig)


def default_data_folder() -> Path:
    """Where the server keeps its data when its configuration does not say.

    OFFHOOK_DATA, else the user's data folder by the XDG base directory specification. Raises ConfigError.
    """
    chosen = environ.get("OFFHOOK_DATA", "")
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = environ.get("XDG_DATA_HOME", "")
    try:
        return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "offhook"
    except RuntimeError as error:
        raise ConfigError("this user has no home folder; name a folder for data in OFFHOOK_DATA") from error


def load(path: Path) -> ServerConfig:
    """Read a configuration file; the files and folders that it names are found from its own. Raises ConfigError."""
    toml = TomlText.read(path)
    config = _read(toml)
    config.data = _found_from(path, config.data)
    _find_files(config, "$", path, toml)
    return config


def parse(text: str, name: str = "offhook.toml") -> ServerConfig:
    """Read and check a configuration; `name` stands in the messages. Raises ConfigError."""
    return _read(TomlText(text, name))


def _find_files(section: Section, where: str, path: Path, toml: TomlText) -> None:
    for key in section.FILES:
        file = _found_from(path, getattr(section, key))
        if file and not Path(file).exists():
            raise toml.mistake(f"{where}.{key}", f"there is no {file}; say where the file lies")
        setattr(section, key, file)
    for key in section.__struct_fields__:
        value = getattr(section, key)
        if isinstance(value, Section):
            _find_files(value, f"{where}.{key}", path, toml)
        elif isinstance(value, list):
            for position, each in enumerate(value):
                if isinstance(each, Section):
                    _find_files(each, f"{where}.{key}[{position}]", path, toml)


def _found_from(path: Path, name: str) -> str:
    return str(path.absolute().parent / Path(name).expanduser()) if name else ""


def _read(toml: TomlText) -> ServerConfig:
    config = toml.convert(ServerConfig)
    for check in _CHECKS:
        check(config, toml)
    return config


# What types alone do not tell


def _check_listeners(config: ServerConfig, toml: TomlText) -> None:
    seen: set[str] = set()
    for position, listen in enumerate(config.listen):
        path = f"$.listen[{position}]"
        toml.check(f"{path}.transport", listen.transport, [name.lower() for name in LISTENED])
        if listen.port is not None and not 0 <= listen.port <= 65535:
            raise toml.mistake(f"{path}.port", f"port must be from 0 to 65535, not {listen.port}")
        try:
            name = Listener(listen.transport.upper(), listen.address, listen.port, advertise=listen.advertise).name
        except ConfigError as error:
            key = "advertise" if listen.advertise and str(error).startswith(repr(listen.advertise)) else "address"
            raise toml.mistake(f"{path}.{key}", str(error)) from error
        if listen.transport == "tls" and not config.tls.certificate:
            raise toml.mistake(f"{path}.transport", "TLS needs a certificate; add [tls] with certificate and key")
        if listen.require_client_certificate and listen.transport != "tls":
            what = f"only TLS has client certificates; leave it out for {listen.transport}"
            raise toml.mistake(f"{path}.require_client_certificate", what)
        if name in seen and listen.port != 0:
            raise toml.mistake(path, f"{name} is listened at already; leave one [[listen]] out")
        seen.add(name)
    if config.tls.key and not config.tls.certificate:
        raise toml.mistake("$.tls.key", "a key without a certificate; add certificate = ... to [tls]")
    if config.tls.named and not config.tls.certificate:
        what = "who asks for no name, or another one, is shown the certificate of [tls]; add certificate = ... there"
        raise toml.mistake("$.tls.named[0]", what)


def _check_domains(config: ServerConfig, toml: TomlText) -> None:
    seen: set[str] = set()
    for position, domain in enumerate(config.domain):
        path = f"$.domain[{position}]"
        for key, hosts in (("name", [domain.name]), ("aliases", domain.aliases)):
            for host in hosts:
                if not _is_host(host):
                    raise toml.mistake(f"{path}.{key}", f'"{host}" is not the name of a host')
                if host_key(host) in seen:
                    raise toml.mistake(f"{path}.{key}", f"{host} is served twice; leave it out once")
                seen.add(host_key(host))
        _check_domain(domain, path, toml)


def _check_domain(domain: DomainConfig, path: str, toml: TomlText) -> None:
    _check_networks(domain.trusted, f"{path}.trusted", toml)
    if domain.fallback and not _is_sip_uri(domain.fallback):
        what = f'"{domain.fallback}" is not a SIP URI; write for example "sip:trunk.example.com"'
        raise toml.mistake(f"{path}.fallback", what)
    if domain.fallback and domain.mode == "redirect":
        what = "a domain that redirects sends nothing to a fallback; leave it out, or choose another mode"
        raise toml.mistake(f"{path}.fallback", what)
    if not domain.realm.isprintable() or '"' in domain.realm:
        raise toml.mistake(f"{path}.realm", "realm must be printable text without quotation marks")
    try:
        require_algorithms(domain.algorithms)
    except ConfigError as error:
        raise toml.mistake(f"{path}.algorithms", str(error)) from error


def _check_location(config: ServerConfig, toml: TomlText) -> None:
    toml.check("$.location.store", config.location.store, list(STORES))


def _check_registrar(config: ServerConfig, toml: TomlText) -> None:
    registrar = config.registrar
    if not 0 < registrar.min_expires <= registrar.default_expires <= registrar.max_expires:
        what = "min_expires, default_expires and max_expires must rise in that order, from above 0"
        raise toml.mistake("$.registrar", what)
    if registrar.min_expires > 3600:
        what = "min_expires must be at most 3600: RFC 3261 10.3 lets nobody refuse an hour"
        raise toml.mistake("$.registrar.min_expires", what)
    if registrar.max_contacts < 1:
        raise toml.mistake("$.registrar.max_contacts", "max_contacts must be at least 1")


def _check_timers(config: ServerConfig, toml: TomlText) -> None:
    timers = config.timers
    for key in ("t1", "t2", "t4", "timer_c"):
        if not isfinite(getattr(timers, key)):
            raise toml.mistake(f"$.timers.{key}", f"{key} must be a number of seconds")
    if not 0 < timers.t1 <= timers.t2 or not timers.t4 > 0:
        raise toml.mistake("$.timers", "t1 must be above 0 and at most t2, and t4 above 0")
    if not timers.timer_c > 180:
        raise toml.mistake("$.timers.timer_c", "timer_c must be above 180 seconds (RFC 3261 16.6 step 11)")


def _check_limits(config: ServerConfig, toml: TomlText) -> None:
    limits = config.limits
    if limits.message_octets < LEAST_MESSAGE:
        raise toml.mistake("$.limits.message_octets", f"message_octets must be at least {LEAST_MESSAGE}")
    for key in _ABOVE_ZERO:
        if not 0 < getattr(limits, key) < inf:
            raise toml.mistake(f"$.limits.{key}", f"{key} must be above 0")


def _check_throttle(config: ServerConfig, toml: TomlText) -> None:
    throttle = config.throttle
    for key in ("failed_logins", "refused_requests", "unanswered_challenges"):
        if getattr(throttle, key) < 0:
            raise toml.mistake(f"$.throttle.{key}", f"{key} must not be negative; 0 takes the limit away")
    for key in ("within_seconds", "ban_seconds"):
        if not 0 < getattr(throttle, key) < inf:
            raise toml.mistake(f"$.throttle.{key}", f"{key} must be above 0")
    _check_networks(throttle.exempt, "$.throttle.exempt", toml)


def _check_networks(networks: list[str], path: str, toml: TomlText) -> None:
    for network in networks:
        if not _succeeds(ip_network, network):
            raise toml.mistake(path, f'"{network}" is not a network; write for example "192.0.2.0/24"')


def _is_host(text: str) -> bool:
    return _succeeds(checked_host, bracketed_host(text))


def _is_sip_uri(text: str) -> bool:
    return _succeeds(parse_uri, text) and isinstance(parse_uri(text), SipUri)


def _succeeds(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except (ParseError, ValueError):
        return False
    return True


_CHECKS: Final = (
    _check_listeners,
    _check_domains,
    _check_location,
    _check_registrar,
    _check_timers,
    _check_limits,
    _check_throttle,
)
