"""Locating SIP servers (RFC 3263): from what a URI says to the addresses to try, in order.

    target, port, transport -> NAPTR -> SRV -> A and AAAA -> Target

Both address families are asked for where we can send in both, IPv6 first (RFC 6157 5, RFC 6724).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from offhook.errors import ParseError, ResolveFailed
from offhook.flow import TRANSPORTS, Query, Target, default_port, is_secure, secured
from offhook.sip.host import bare_host, bracketed_host, checked_host, is_ip_address, reaches_many
from offhook.transport.dns import DnsClient, Records, SrvRecord
from offhook.transport.interfaces import canonical_address
from offhook.transport.listener import written
from offhook.transport.local_address import LocalAddresses

__all__ = ["Resolver"]

_log = logging.getLogger(__name__)

_NUMERIC_LIFE: Final = 30.0
"""Seconds for which the route to a numeric host is believed."""
_MOST_CACHED: Final = 16384
_MOST_TARGETS: Final = 32
_LONGEST: Final = 15.0
"""Seconds that one resolution may take, all its questions together."""

# RFC 3263 4.1: the services that NAPTR records name.
_SERVICES: Final = {row.service: row.name for row in TRANSPORTS.values()}
_SECURE_SERVICE: Final = "SIPS+"


class _Hop:
    """One server to try over one transport; `host` is a name at first, an address in the end."""

    __slots__ = ("host", "port", "transport")

    def __init__(self, transport: str, host: str, port: int) -> None:
        self.transport = transport
        self.host = host
        self.port = port


class _Hops:
    """What has been found: the addresses, until when, and whether their order was drawn by chance (RFC 2782)."""

    __slots__ = ("by_chance", "expires", "hops", "reasons")

    def __init__(self, expires: float) -> None:
        self.hops: list[_Hop] = []
        self.expires = expires
        self.by_chance = False
        self.reasons: list[str] = []

    def until(self, expires: float) -> None:
        self.expires = min(self.expires, expires)


class Resolver:
    """Resolves queries to targets that carry the own address by which each is reached.

    Answers are kept as long as DNS allows. `clock` gives monotonic seconds.
    """

    __slots__ = ("_cache", "_clock", "_dns", "_local", "_with_sips")

    def __init__(self, dns: DnsClient, local: LocalAddresses, clock: Callable[[], float] = time.monotonic) -> None:
        self._dns = dns
        self._local = local
        self._clock = clock
        self._cache: dict[str, tuple[float, list[Target]]] = {}
        self._with_sips: set[str] = set()

    def resolve_now(self, query: Query) -> list[Target] | None:
        """The targets, when nobody has to be asked; else None.

        That is so for numeric hosts, names in the hosts file, and what was resolved before and whose order owes nothing
        to chance: an ACK or CANCEL that is forwarded without state must find the way of its INVITE (RFC 3263 4.4).
        """
        known = self._cache.get(query.key)
        if known is not None:
            if known[0] > self._clock():
                return known[1]
            del self._cache[query.key]
        try:
            found = self._without_asking(query)
            return None if found is None else self._targets(query, found)
        except ResolveFailed:
            return None  # `resolve` says why

    async def resolve(self, query: Query) -> list[Target]:
        """The targets in the order in which to try them, never empty. Raises ResolveFailed with one sentence."""
        found = self._without_asking(query)
        if found is None:
            try:
                async with asyncio.timeout(_LONGEST):
                    found = await self._by_dns(query)
            except TimeoutError as error:
                raise ResolveFailed(f"{query.host}: no answer from DNS within {_LONGEST:g} s") from error
        return self._targets(query, found)

    def forget(self) -> None:
        """Resolve everything anew: the own addresses, which stand in the targets, have changed."""
        self._cache.clear()

    # RFC 3263 4.1 and 4.2

    def _transports(self, query: Query) -> list[str]:
        """The transports that a URI allows and that we can send over, in our order."""
        asked = query.transport.upper()
        if query.secure:
            wanted = [secured(asked or "TCP")]
            if not wanted[0]:
                raise ResolveFailed(f"{query.host}: sips cannot go over {asked} (RFC 3261 26.2.2)")
        else:
            wanted = [asked] if asked else ["UDP", "TCP"]
        usable = [transport for transport in wanted if self._local.families(transport)]
        if not usable:
            raise ResolveFailed(f"{query.host}: no listener for {' or '.join(wanted)} to send from")
        return usable

    def _without_asking(self, query: Query) -> _Hops | None:
        """What needs no question: a numeric host, or a name in the hosts file. Raises ResolveFailed.

        Such a name has no services in DNS, so the default transport is used (4.1: UDP for sip, TLS for sips).
        """
        host = bare_host(query.host)
        try:
            checked_host(bracketed_host(host))
        except ParseError:
            # Such as a maddr, which may be escaped, and an IPv6 address with a zone, which no URI has (RFC 5954 4.1).
            raise ResolveFailed(f"{host!r} is not a host") from None
        found = _Hops(self._clock() + _NUMERIC_LIFE)
        if is_ip_address(host):
            addresses = [canonical_address(host)]
        else:
            addresses = self._dns.hosts(host)
            # Their file may change at any time, and to look it up costs little.
            found.until(self._clock())
        if not addresses:
            return None
        transport = self._transports(query)[0]
        port = query.port or default_port(transport)
        found.hops = [_Hop(transport, address, port) for address in _ipv6_first(addresses)]
        return found

    async def _by_dns(self, query: Query) -> _Hops:
        transports = self._transports(query)
        found = _Hops(self._clock() + 86_400.0)
        services: list[tuple[str, str]] = []
        if not query.port:
            services = [(transport, f"{TRANSPORTS[transport].srv}.{query.host}") for transport in transports]
            if not query.transport:
                by_naptr = await self._by_naptr(found, query)
                services = services if by_naptr is None else by_naptr
        if not services or not await self._servers(found, services):
            server = _Hop(transports[0], query.host, query.port or default_port(transports[0]))
            await self._addresses(found, [server])
        if not found.hops:
            raise ResolveFailed("; ".join(dict.fromkeys(found.reasons)) or f"{query.host} has no usable address")
        return found

    async def _by_naptr(self, found: _Hops, query: Query) -> list[tuple[str, str]] | None:
        """The transports and SRV names of a domain in its own order of preference (4.1).

        None when its NAPTR records name no service, empty when nothing can be found under the name at all (RFC 8020).
        A question that no server answers is passed over: there are home routers that know A and AAAA alone, and 4.1
        wants SRV records wherever there are NAPTR records.
        """
        try:
            records = await self._dns.naptr(query.host)
        except ResolveFailed as error:
            found.reasons.append(str(error))
            return None
        found.until(records.expires)
        self._watch_sips(
            query.host, any(record.service.upper().startswith(_SECURE_SERVICE) for record in records.found)
        )
        if not records.exists:
            return []
        services: list[tuple[str, str]] = []
        order: int | None = None
        for record in records.found:
            transport = _SERVICES.get(record.service.upper())
            if transport is None or record.flags.upper() != "S" or record.regexp or not record.replacement:
                continue
            if (query.secure and not is_secure(transport)) or not self._local.families(transport):
                continue
            # RFC 3403 4.1: once an order has a record that serves, those of higher orders are not considered.
            if order is not None and record.order != order:
                break
            order = record.order
            services.append((transport, record.replacement))
        return services or None

    def _watch_sips(self, host: str, offered: bool) -> None:
        """Tell when a domain offers SIPS no longer: somebody may have taken the records out (section 7)."""
        domain = host.rstrip(".").lower()
        if offered:
            if len(self._with_sips) >= _MOST_CACHED:
                self._with_sips.clear()
            self._with_sips.add(domain)
        elif domain in self._with_sips:
            self._with_sips.discard(domain)
            _log.warning("%s offered SIPS in its NAPTR records and does not any longer", domain)

    async def _servers(self, found: _Hops, services: list[tuple[str, str]]) -> bool:
        """Add the servers behind SRV names (4.2, RFC 2782). False when there is not one SRV record."""
        answers = await asyncio.gather(*(self._srv(found, name) for _, name in services))
        servers: list[_Hop] = []
        any_record = False
        for (transport, _), records in zip(services, answers, strict=True):
            if records is None:
                continue
            found.until(records.expires)
            any_record = any_record or bool(records.found)
            offered = [record for record in records.found if record.target]
            priorities = [record.priority for record in offered]
            found.by_chance = found.by_chance or len(set(priorities)) < len(priorities)
            servers += [_Hop(transport, record.target, record.port or default_port(transport)) for record in offered]
        if any_record and not servers:
            found.reasons.append(f"{services[0][1]} says that the service is not offered (RFC 2782)")
        await self._addresses(found, servers[:_MOST_TARGETS])
        return any_record

    async def _srv(self, found: _Hops, name: str) -> Records[SrvRecord] | None:
        try:
            return await self._dns.srv(name)
        except ResolveFailed as error:
            found.reasons.append(str(error))
            return None

    async def _addresses(self, found: _Hops, servers: list[_Hop]) -> None:
        """Add the addresses of servers that are given by name."""
        answers = await asyncio.gather(*(self._addresses_of(found, server) for server in servers))
        for server, addresses in zip(servers, answers, strict=True):
            found.hops += [_Hop(server.transport, address, server.port) for address in addresses]

    async def _addresses_of(self, found: _Hops, server: _Hop) -> list[str]:
        if is_ip_address(server.host):
            return [canonical_address(server.host)]  # in an SRV record, against RFC 2782
        try:
            records = await self._dns.addresses(server.host, self._local.families(server.transport))
        except ResolveFailed as error:
            found.reasons.append(str(error))
            return []
        if records.found:
            found.until(records.expires)
        else:
            found.reasons.append(f"{server.host} has no address" if records.exists else f"{server.host} does not exist")
        return records.found

    # Targets

    def _targets(self, query: Query, found: _Hops) -> list[Target]:
        domain = bare_host(query.host).rstrip(".")
        targets = [target for hop in found.hops[:_MOST_TARGETS] if (target := self._target(hop, domain)) is not None]
        if not targets:
            shown = ", ".join(dict.fromkeys(hop.host for hop in found.hops))
            raise ResolveFailed(f"{query.host}: no listener from which {shown} can be reached")
        if not found.by_chance and found.expires > self._clock():
            if len(self._cache) >= _MOST_CACHED:
                self._cache.clear()
            self._cache[query.key] = (found.expires, targets)
        return targets

    def _target(self, hop: _Hop, domain: str) -> Target | None:
        if reaches_many(hop.host):
            return None  # what 18.1.1 asks of who sends by multicast takes a member of the group, and we are in none
        local = self._local.towards(hop.transport, hop.host)
        if local is None:
            return None
        target = Target(hop.transport, hop.host, hop.port, local.listener, local.local, local.sent_by)
        if is_secure(hop.transport):
            # The SIP domain, never a name that DNS led to (RFC 5922 7.1, RFC 3263 4.1).
            target.server_name = domain
        elif hop.transport == "UDP":
            over = self._local.towards("TCP", hop.host)
            if over is not None:
                target.stream = Target("TCP", hop.host, hop.port, over.listener, over.local, over.sent_by)
        return target

    def __repr__(self) -> str:
        return f"Resolver({', '.join(written(*one.local) for one in self._local)})"


def _ipv6_first(addresses: list[str]) -> list[str]:
    return sorted(addresses, key=lambda address: ":" not in address)
