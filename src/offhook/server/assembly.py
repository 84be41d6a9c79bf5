"""The roles of a server, put together as its configuration says; without I/O, so that it runs in virtual time too."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

from offhook.accounts.authenticator import Authenticator, Realm
from offhook.accounts.base import AccountStore
from offhook.clock import Moment
from offhook.location.base import LocationService
from offhook.location.binding import Binding
from offhook.proxy import OwnNames, Proxy, ProxyDomain, ProxySettings
from offhook.redirect import Redirect
from offhook.registrar import Registrar, RegistrarSettings
from offhook.security.digest import require_algorithms
from offhook.security.nonce import NonceGuard, NonceSource
from offhook.server.access import AccessControl, DomainAccess, Later
from offhook.server.aliases import AliasedLocation, Aliases
from offhook.server.config import DomainConfig, ServerConfig
from offhook.server.demonstration import DEMONSTRATION_ALIASES, DEMONSTRATION_DOMAIN
from offhook.server.lookups import KnowingLocation, LocationLookups
from offhook.server.role import ServerRole
from offhook.server.secret import derive
from offhook.server.security_events import SecurityEvents
from offhook.server.throttle import Throttle
from offhook.server.unreachable import UnreachableHops
from offhook.sip.host import host_key
from offhook.sip.message import Request
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import Stack

__all__ = ["assemble", "domains_of", "realm_of"]


def domains_of(config: ServerConfig) -> list[DomainConfig]:
    """The domains that are served: those of the configuration, or the one for trying things out."""
    return config.domain or [DomainConfig(name=DEMONSTRATION_DOMAIN, aliases=list(DEMONSTRATION_ALIASES))]


def realm_of(domain: DomainConfig) -> str:
    """The realm in which the users of a domain have their secrets."""
    return domain.realm or host_key(domain.name)


def assemble(
    config: ServerConfig, stack: Stack, accounts: AccountStore, location: LocationService, secret: bytes, later: Later
) -> ServerRole:
    """A role for an engine. `secret` is the server's own; `later` has things awaited.

    Who binds the engine to sockets tells `listens_at` of the role.
    """
    domains = domains_of(config)
    names = _hosts(domains, lambda domain: True)
    own = OwnNames(names)
    aliases = Aliases({host_key(alias): host_key(domain.name) for domain in domains for alias in domain.aliases})
    location = AliasedLocation(location, aliases)
    knowing = KnowingLocation(location, accounts, aliases)
    nonces = NonceSource(derive(secret, b"nonces"), stack.ids)
    run = stack.ids.unique()
    authenticator = Authenticator(accounts, nonces, NonceGuard(), run, stack.transactions.values.repeating)
    events = SecurityEvents(_throttle(config, domains), set())
    access = AccessControl(stack, _access(domains), aliases, own, authenticator, later, events)
    lookups = LocationLookups(stack, location, knowing, later)
    settings = ProxySettings(config.timers.timer_c, realms=frozenset(realm_of(domain) for domain in domains))
    proxy = Proxy(stack, _proxied(domains), own, lookups, access, derive(secret, b"routes"), settings)
    lookups.located = proxy.located
    access.admitted = proxy.admitted
    proxy.branches.unreachable = UnreachableHops().note
    tags = derive(secret, b"tags")
    registrar = Registrar(stack, location, later, names, own.is_listener, tags, _registrar_settings(config, aliases))

    def registered(aor: str, bindings: list[Binding], now: Moment) -> None:
        if proxy.seeks(aor):
            proxy.registered(aor, lookups.targets(bindings), now)

    registrar.registered = registered
    redirect = Redirect(stack, knowing, later, knowing.is_known, location)
    hiding = _hosts(domains, lambda domain: domain.hide_users)

    def hides(request: Request) -> bool:
        uri = request.uri
        called = own.domain_of(uri) if isinstance(uri, SipUri) else None
        return called in hiding and not own.is_served(request.from_uri)

    redirect.hides = hides
    redirect.absent = access.absent
    redirected = _hosts(domains, lambda domain: domain.mode == "redirect")
    return ServerRole(stack, own, access, location, registrar, proxy, redirect, redirected, later)


def _hosts(domains: list[DomainConfig], chosen: Callable[[DomainConfig], bool]) -> frozenset[str]:
    """The names and aliases of the domains that are chosen."""
    return frozenset(host_key(host) for domain in domains if chosen(domain) for host in (domain.name, *domain.aliases))


def _throttle(config: ServerConfig, domains: list[DomainConfig]) -> Throttle:
    wanted = config.throttle
    exempt = [*wanted.exempt, *(network for domain in domains for network in domain.trusted)]
    return Throttle(
        (wanted.failed_logins, wanted.refused_requests, wanted.unanswered_challenges),
        wanted.within_seconds,
        wanted.ban_seconds,
        tuple(ip_network(network) for network in exempt),
    )


def _access(domains: list[DomainConfig]) -> dict[str, DomainAccess]:
    access: dict[str, DomainAccess] = {}
    for domain in domains:
        realm = Realm(realm_of(domain), require_algorithms(domain.algorithms))
        shared = DomainAccess(realm, tuple(ip_network(network) for network in domain.trusted))
        access |= {host_key(host): shared for host in (domain.name, *domain.aliases)}
    return access


def _proxied(domains: list[DomainConfig]) -> dict[str, ProxyDomain]:
    proxied: dict[str, ProxyDomain] = {}
    for domain in domains:
        uri = parse_uri(domain.fallback) if domain.fallback else None
        fallback = uri if isinstance(uri, SipUri) else None
        stateless = domain.mode == "stateless"
        open_to_all = domain.fallback_for_strangers
        shared = ProxyDomain(host_key(domain.name), fallback, stateless, domain.hide_users, open_to_all)
        proxied |= {host_key(host): shared for host in (domain.name, *domain.aliases)}
    return proxied


def _registrar_settings(config: ServerConfig, aliases: Aliases) -> RegistrarSettings:
    wanted = config.registrar

    def may_register(identity: str, aor: str) -> bool:
        return aliases.canonical(identity) == aliases.canonical(aor)

    return RegistrarSettings(
        wanted.default_expires,
        wanted.min_expires,
        wanted.max_expires,
        wanted.max_contacts,
        may_register=may_register,
    )
