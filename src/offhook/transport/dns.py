"""The one DNS client: addresses, SRV (RFC 2782) and NAPTR (RFC 3403) records, with caching, over dnspython."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar, cast

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdataclass
import dns.rdatatype
import dns.resolver
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from offhook.errors import ResolveFailed
from offhook.transport.dns_sockets import BoundedBackend
from offhook.transport.hosts import HostsFile

__all__ = ["DnsClient", "NaptrRecord", "Records", "SrvRecord"]

_log = logging.getLogger(__name__)

_CACHED_ANSWERS: Final = 4096
_LONGEST_LIFE: Final = 86_400.0
_LONGEST_ABSENCE: Final = 300.0
"""Seconds that a name is believed not to exist, at most (RFC 2308 5): a phone's user waits for a new entry."""
_FAILURE_LIFE: Final = 5.0
"""Seconds in which nothing is asked again that no name server could answer (RFC 9520 3.2)."""
_MOST_FAILURES: Final = 4096
_SOCKETS: Final[Any] = BoundedBackend()
"""Of dnspython's own backends it is none: those have more methods than are called here."""

Record = TypeVar("Record")


class SrvRecord:
    """One SRV record; `target` without its final dot, empty where the service is not offered ("." in RFC 2782)."""

    __slots__ = ("port", "priority", "target", "weight")

    def __init__(self, priority: int, weight: int, port: int, target: str) -> None:
        self.priority = priority
        self.weight = weight
        self.port = port
        self.target = target


class NaptrRecord:
    """One NAPTR record; `flags` and `service` as they are written, `replacement` without its final dot."""

    __slots__ = ("flags", "order", "preference", "regexp", "replacement", "service")

    def __init__(self, order: int, preference: int, flags: str, service: str, regexp: str, replacement: str) -> None:
        self.order = order
        self.preference = preference
        self.flags = flags
        self.service = service
        self.regexp = regexp
        self.replacement = replacement


class Records(Generic[Record]):
    """What a name has of one type, possibly nothing. `expires`: the monotonic second until which that is known.

    `exists` is false when the name itself does not exist.
    """

    __slots__ = ("exists", "expires", "found")

    def __init__(self, found: list[Record], expires: float, exists: bool = True) -> None:
        self.found = found
        self.expires = expires
        self.exists = exists


class _Cache(dns.resolver.LRUCache):
    """Bounds how long an answer is believed, and remembers who gives answers."""

    def __init__(self, resolver: dns.asyncresolver.Resolver) -> None:
        super().__init__(_CACHED_ANSWERS)
        self._resolver = resolver

    def put(self, key: Any, value: Any) -> None:
        longest = _LONGEST_ABSENCE if value.rrset is None else _LONGEST_LIFE
        value.expiration = min(value.expiration, time.time() + longest)
        # dnspython goes by the wall clock: set back, it would have an answer believed for so much longer.
        value.until = time.monotonic() + value.expiration - time.time()
        super().put(key, value)
        _prefer(self._resolver, value.nameserver, value.port)

    def get(self, key: Any) -> Any:
        value: Any = super().get(key)
        return None if value is None or value.until <= time.monotonic() else value


class DnsClient:
    """Asks name servers, and reads the hosts file itself.

    `nameservers`: (address, port) pairs, None for those of `resolv_conf`, which is read again when it changes.
    `timeout`: seconds that one server gets for one answer; `lifetime`: seconds for all attempts of one question.
    Every method raises ResolveFailed, with one sentence, when no server could answer; that a name has no such record
    is an answer. One who cancels leaves the others who wait for the same answer alone.
    """

    __slots__ = ("_asking", "_failed", "_hosts", "_resolv_conf", "_resolver", "_stamp", "_timeout", "lifetime")

    def __init__(
        self,
        nameservers: Sequence[tuple[str, int]] | None = None,
        *,
        hosts: HostsFile | None = None,
        resolv_conf: str | os.PathLike[str] = "/etc/resolv.conf",
        timeout: float = 2.0,
        lifetime: float = 5.0,
    ) -> None:
        self._hosts = HostsFile() if hosts is None else hosts
        self._resolv_conf = Path(resolv_conf)
        self._timeout = timeout
        self.lifetime = lifetime
        self._stamp = 0
        self._resolver: dns.asyncresolver.Resolver | None = None
        if nameservers is not None:
            self._resolver = self._new_resolver()
            self._resolver.domain = dns.name.root
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in nameservers]
            self._stamp = -1
        self._asking: dict[tuple[str, str], asyncio.Task[Records[Any]]] = {}
        self._failed: dict[tuple[str, str], tuple[float, str]] = {}

    def hosts(self, name: str) -> list[str]:
        """The addresses that the hosts file gives a name; empty when it does not know it."""
        return self._hosts.addresses(name)

    async def addresses(self, name: str, families: Sequence[socket.AddressFamily]) -> Records[str]:
        """The addresses of a name in the given families, those of the first family first.

        A family whose question fails is left out when another has an answer.
        """
        known = self.hosts(name)
        if known:
            of_family = [address for family in families for address in known if (":" in address) == _is_ipv6(family)]
            return Records(of_family, time.monotonic() + 1.0)
        answers = await asyncio.gather(
            *(self._ask(name, "AAAA" if _is_ipv6(family) else "A") for family in families), return_exceptions=True
        )
        records = [answer for answer in answers if isinstance(answer, Records)]
        for answer in answers:
            if isinstance(answer, BaseException) and not any(one.found for one in records):
                raise answer
        return Records(
            [record.address for one in records for record in one.found],
            min((one.expires for one in records), default=0.0),
            any(one.exists for one in records),
        )

    async def srv(self, name: str) -> Records[SrvRecord]:
        """The SRV records of a name, in an order drawn anew by RFC 2782's rules of priority and weight."""
        answer = await self._ask(name, "SRV")
        found = [
            SrvRecord(srv.priority, srv.weight, srv.port, srv.target.to_text(omit_final_dot=True).strip("."))
            for srv in cast("list[SRV]", answer.found)
        ]
        return Records(found, answer.expires, answer.exists)

    async def naptr(self, name: str) -> Records[NaptrRecord]:
        """The NAPTR records of a name by order and preference."""
        answer = await self._ask(name, "NAPTR")
        found = [
            NaptrRecord(
                one.order,
                one.preference,
                _text(one.flags),
                _text(one.service),
                _text(one.regexp),
                one.replacement.to_text(omit_final_dot=True).strip("."),
            )
            for one in cast("list[NAPTR]", answer.found)
        ]
        return Records(found, answer.expires, answer.exists)

    async def close(self) -> None:
        """Ask no more; whoever waits is cancelled."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    # One question

    async def _ask(self, name: str, kind: str) -> Records[Any]:
        """Records in processing order. Whoever asks what is being asked already waits for the same answer."""
        key = (name.lower(), kind)
        failure = self._failed.get(key)
        if failure is not None:
            if failure[0] > time.monotonic():
                raise ResolveFailed(failure[1])
            del self._failed[key]
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._query(name, kind))
            task.add_done_callback(lambda done: self._asked(key, done))
        return await asyncio.shield(task)

    def _asked(self, key: tuple[str, str], task: asyncio.Task[Records[Any]]) -> None:
        self._asking.pop(key, None)
        if not task.cancelled() and isinstance(task.exception(), ResolveFailed):
            if len(self._failed) >= _MOST_FAILURES:
                self._failed.clear()
            self._failed[key] = (time.monotonic() + _FAILURE_LIFE, str(task.exception()))

    async def _query(self, name: str, kind: str) -> Records[Any]:
        if not name.strip("."):
            raise ResolveFailed("an empty name cannot be looked up")
        resolver = self._current_resolver()
        # Search domains complete names of hosts, never those of services.
        search = kind in ("A", "AAAA")
        try:
            answer = await resolver.resolve(
                name if search else f"{name.removesuffix('.')}.",
                kind,
                raise_on_no_answer=False,
                search=search,
                backend=_SOCKETS,
            )
        except dns.resolver.NXDOMAIN as error:
            return Records([], _absent_until(resolver, error), exists=False)
        except dns.resolver.LifetimeTimeout as error:
            raise ResolveFailed(f"no name server answered for {name} within {self.lifetime:g} s") from error
        except dns.resolver.NoNameservers as error:
            raise ResolveFailed(f"the name servers have no answer for {name}: {_refusals(error)}") from error
        except (dns.exception.DNSException, UnicodeError, OSError) as error:
            raise ResolveFailed(f"{name!r} cannot be looked up: {error}") from error
        expires: float = answer.until
        if answer.rrset is None:
            return Records([], expires)
        # Addresses stay in the server's order: a way that is drawn anew would part an ACK from its INVITE.
        return Records(list(answer.rrset) if search else list(answer.rrset.processing_order()), expires)

    # Name servers

    def _new_resolver(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.cache = _Cache(resolver)
        resolver.timeout = self._timeout
        resolver.lifetime = self.lifetime
        return resolver

    def _current_resolver(self) -> dns.asyncresolver.Resolver:
        """The resolver for the name servers of now. Raises ResolveFailed when none is configured."""
        try:
            stamp = self._stamp if self._stamp < 0 else self._resolv_conf.stat().st_mtime_ns
            if self._resolver is None or stamp != self._stamp:
                resolver = self._new_resolver()
                resolver.read_resolv_conf(os.fspath(self._resolv_conf))
                self._resolver = resolver
                self._stamp = stamp
        except (OSError, ValueError, dns.exception.DNSException) as error:
            raise ResolveFailed(f"{self._resolv_conf} names no name server") from error
        return self._resolver


def _is_ipv6(family: socket.AddressFamily) -> bool:
    return family == socket.AF_INET6


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")


def _absent_until(resolver: dns.asyncresolver.Resolver, error: dns.resolver.NXDOMAIN) -> float:
    """The monotonic second until which a name is known not to exist (RFC 2308)."""
    until = time.monotonic() + _LONGEST_ABSENCE
    for name in error.kwargs["qnames"]:
        cached = cast("_Cache", resolver.cache).get((name, dns.rdatatype.ANY, dns.rdataclass.IN))
        until = min(until, time.monotonic() if cached is None else cached.until)
    return until


def _prefer(resolver: dns.asyncresolver.Resolver, host: str | None, port: int | None) -> None:
    """Ask the server that answered first from now on, so that a dead one costs its time-out once."""
    servers = list(resolver.nameservers)
    for position, server in enumerate(servers):
        known = (
            (server, resolver.port) if isinstance(server, str) else (server.answer_nameserver(), server.answer_port())
        )
        if known == (host, port):
            if position:
                resolver.nameservers = [server, *servers[:position], *servers[position + 1 :]]
                _log.info("name server %s answers; it is asked first from now on", host)
            return


def _refusals(error: dns.resolver.NoNameservers) -> str:
    said = []
    for server, _, _, what, _ in error.kwargs["errors"]:
        said.append(f"{server} says {what if isinstance(what, str) else type(what).__name__}")
    return "; ".join(dict.fromkeys(said)) or "none is left to ask"
