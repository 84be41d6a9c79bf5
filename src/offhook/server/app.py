"""A running server: what the configuration says, put together and bound to sockets."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import structlog

from offhook import clock
from offhook.accounts.authenticator import Authenticator, Realm
from offhook.accounts.sqlite import ACCOUNTS_SCHEMA, SqliteAccounts
from offhook.clock import Moment
from offhook.errors import ConfigError, InvalidState
from offhook.ids import IdSource
from offhook.location import MemoryLocation
from offhook.location.base import LocationService
from offhook.location.later import AwaitLater
from offhook.location.sqlite import LOCATION_SCHEMA, SqliteLocation
from offhook.proxy import OwnNames, Proxy, ProxyDomain, ProxySettings
from offhook.redirect import Redirect
from offhook.registrar import Registrar, RegistrarSettings
from offhook.security.digest import require_algorithms
from offhook.security.nonce import NonceGuard, NonceSource
from offhook.server.access import AccessControl, DomainAccess
from offhook.server.config import DomainConfig, ListenConfig, ServerConfig, default_data_folder
from offhook.server.demonstration import DEMONSTRATION_DOMAIN, add_accounts
from offhook.server.lookups import LocationLookups
from offhook.server.role import ServerRole
from offhook.server.secret import derive, load_secret
from offhook.sip.host import bare_host
from offhook.sip.parser import Limits
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import Stack
from offhook.storage.sqlite import Database
from offhook.transaction.timers import TimerValues
from offhook.transport.connection import StreamLimits
from offhook.transport.driver import Driver, Tap
from offhook.transport.listener import Listener
from offhook.transport.tls import TlsSettings

__all__ = ["Server"]

DATABASE = "offhook.db"

_log = structlog.get_logger("offhook.server")


class Server:
    """Registrar, proxy and redirect server, as configured.

    server = Server(config)
    await server.start()
    ...
    await server.close()
    """

    def __init__(self, config: ServerConfig, tap: Tap | None = None) -> None:
        self.config = config
        self.data = Path(config.data).expanduser() if config.data else default_data_folder()
        self.domains = config.domain or [DomainConfig(name=DEMONSTRATION_DOMAIN, aliases=["127.0.0.1", "[::1]"])]
        self._fallbacks = self._hosts(lambda domain: bool(domain.fallback))
        self._tap = tap
        self._driver: Driver[ServerRole] | None = None
        self._database: Database | None = None
        self._location: LocationService | None = None

    @property
    def driver(self) -> Driver[ServerRole]:
        """The driver, once started."""
        if self._driver is None:
            raise InvalidState("the server is not started")
        return self._driver

    @property
    def accounts(self) -> SqliteAccounts:
        """The accounts, once started."""
        return self._accounts

    async def start(self) -> None:
        """Open the databases and bind the listeners. Raises ConfigError, StorageError and TransportFailed."""
        secret = self._prepare()
        self._database = await Database.open(self.data / DATABASE, [ACCOUNTS_SCHEMA, LOCATION_SCHEMA])
        try:
            self._accounts = SqliteAccounts(self._database)
            if not self.config.domain:
                await add_accounts(self._accounts, self.data)
            now = clock.now()
            if self.config.location.store == "sqlite":
                self._location = await SqliteLocation.open(self._database, now)
            else:
                self._location = MemoryLocation()
            await self._bind(secret, self._location)
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Stop taking messages, write what is still to be written, and close everything."""
        if self._driver is not None:
            await self._driver.close()
            self._driver = None
        if self._database is not None:
            await self._database.close()
            self._database = None

    def _prepare(self) -> bytes:
        try:
            self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.data}: the data folder cannot be made: {error.strerror}") from error
        return load_secret(self.data)

    async def _bind(self, secret: bytes, location: LocationService) -> None:
        config = self.config
        # The boot stands in branches and tags: what a connection of an earlier run carried is not of this one.
        ids = IdSource(origin=f"0.0.{int(clock.now().wall):x}")
        limits = config.limits
        timers = config.timers
        driver = Driver(
            lambda stack: self._make_role(stack, ids, secret, location),
            self._listeners(),
            ids=ids,
            secret=derive(secret, b"branches"),
            values=TimerValues(timers.t1, timers.t2, timers.t4),
            limits=Limits(limits.message_octets, limits.header_fields, limits.vias),
            stream_limits=StreamLimits(idle=limits.idle_seconds, connections=limits.connections),
            tap=self._tap,
        )
        await driver.start()
        self._driver = driver
        own = driver.role.own
        for address in driver.addresses:
            host, _, port = address.sent_by.rpartition(":")
            own.add(host, int(port))
            own.add(address.host, address.port)
        driver.role.start(driver.now())
        driver.flush()

    def _make_role(self, stack: Stack, ids: IdSource, secret: bytes, location: LocationService) -> ServerRole:
        config = self.config
        names = self._hosts(lambda domain: True)
        own = OwnNames(names)
        later: Any = AwaitLater(self._call)
        nonces = NonceSource(derive(secret, b"nonces"), ids)
        authenticator = Authenticator(self._accounts, nonces, NonceGuard())
        access = AccessControl(self._domain_access(), own, authenticator, later)
        lookups = LocationLookups(stack, location, self._accounts, self._has_fallback, later)
        settings = ProxySettings(config.timers.timer_c)
        proxy = Proxy(stack, self._proxy_domains(), own, lookups, access, derive(secret, b"routes"), settings)
        lookups.located = proxy.located
        access.admitted = proxy.admitted
        wanted = config.registrar
        registrar = Registrar(
            stack,
            location,
            later,
            names,
            own.is_listener,
            derive(secret, b"tags"),
            RegistrarSettings(wanted.default_expires, wanted.min_expires, wanted.max_expires, wanted.max_contacts),
        )
        redirect = Redirect(stack, location, later, lookups.is_known)
        redirected = self._hosts(lambda domain: domain.mode == "redirect")
        return ServerRole(stack, own, access, location, registrar, proxy, redirect, redirected, later)

    def _call(self, act: Callable[[Moment], None]) -> None:
        """Let a role act on something that was awaited, and send what follows."""
        driver = self._driver
        if driver is not None:
            act(driver.now())
            driver.flush()

    def _has_fallback(self, aor: str) -> bool:
        host = aor.rpartition("@")[2] if "@" in aor else aor.partition(":")[2]
        return host in self._fallbacks

    def _hosts(self, chosen: Callable[[DomainConfig], bool]) -> frozenset[str]:
        """The names and aliases of the domains that are chosen, in lower case."""
        domains = [domain for domain in self.domains if chosen(domain)]
        return frozenset(bare_host(host).lower() for domain in domains for host in (domain.name, *domain.aliases))

    def _domain_access(self) -> dict[str, DomainAccess]:
        access: dict[str, DomainAccess] = {}
        for domain in self.domains:
            realm = Realm(domain.realm or domain.name, require_algorithms(domain.algorithms))
            trusted = tuple(ip_network(network) for network in domain.trusted)
            shared = DomainAccess(realm, trusted)
            for host in (domain.name, *domain.aliases):
                access[bare_host(host).lower()] = shared
        return access

    def _proxy_domains(self) -> dict[str, ProxyDomain]:
        domains: dict[str, ProxyDomain] = {}
        for domain in self.domains:
            uri = parse_uri(domain.fallback) if domain.fallback else None
            fallback = uri if isinstance(uri, SipUri) else None
            for name in (domain.name, *domain.aliases):
                host = bare_host(name).lower()
                domains[host] = ProxyDomain(host, fallback, domain.mode == "stateless")
        return domains

    def _listeners(self) -> list[Listener]:
        tls = self.config.tls
        settings = TlsSettings(tls.certificate or None, tls.key or None, tls.authorities or None)
        wanted = self.config.listen or _loopback(bool(tls.certificate))
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


def _loopback(with_tls: bool) -> list[ListenConfig]:
    """What a server without `[[listen]]` listens at."""
    transports = ("udp", "tcp", "tls") if with_tls else ("udp", "tcp")
    return [ListenConfig(transport=transport, address="127.0.0.1") for transport in transports]  # type: ignore[arg-type]
