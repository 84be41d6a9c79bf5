"""Whom a request goes to, and what becomes of those whom nobody can reach."""

from __future__ import annotations

from typing import Literal

import pytest
from structlog.testing import capture_logs

from offhook.accounts.base import Account
from offhook.errors import ProtocolError, SipError
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.update import Update
from offhook.server import lookups
from offhook.server.aliases import Aliases
from offhook.server.config import DomainConfig
from offhook.server.lookups import KnowingLocation
from offhook.sip.message import Request
from offhook.testing.clock import VirtualClock
from tests.server.wiring import DOMAIN, SERVER, Site, SlowAccounts

NOW = VirtualClock().now()


def test_all_names_exist() -> None:
    assert all(hasattr(lookups, name) for name in lookups.__all__)


def binding(contact: str, q: float | None = None, path: tuple[str, ...] = (), seconds: float = 900.0) -> Binding:
    return Binding(contact, "", q, NOW.wall + seconds, contact, 1, "b", path, "", False)


def knowing() -> tuple[KnowingLocation, SlowAccounts, MemoryLocation]:
    accounts = SlowAccounts([Account.create("alice", DOMAIN, "x")])
    location = MemoryLocation()
    return KnowingLocation(location, accounts, Aliases({"127.0.0.1": DOMAIN})), accounts, location


async def test_a_location_that_knows_who_there_is() -> None:
    service, accounts, location = knowing()
    for aor, known in (("sip:alice@127.0.0.1", True), ("sip:bob@127.0.0.1", False)):
        assert service.lookup_now(aor, NOW) == []
        assert service.is_known(aor) is known
    accounts.slow = True
    assert service.lookup_now("sip:alice@example.com", NOW) is None
    assert await service.lookup("sip:alice@127.0.0.1", NOW) == []
    with pytest.raises(ProtocolError) as failure:
        await service.lookup("sip:bob@127.0.0.1", NOW)
    assert failure.value.status == 404
    service.save(Update("sip:bob@example.com", "c", 1, [binding("sip:bob@192.0.2.1")]), NOW)
    asked = accounts.asked
    assert len(service.lookup_now("sip:bob@example.com", NOW) or []) == 1
    assert len(await service.lookup("sip:bob@example.com", NOW)) == 1
    assert accounts.asked == asked
    assert (await service.count(), [aor async for aor, _ in service.all(NOW)]) == (1, ["sip:bob@example.com"])
    assert service.sweep(NOW) > 0
    assert location.held("sip:bob@example.com") != []


@pytest.mark.parametrize("slow", [False, True])
def test_users_without_a_binding_differ_from_nobody(slow: bool) -> None:
    site = Site()
    site.accounts.slow = slow
    stranger = site.stranger()
    assert site.send(stranger, "MESSAGE", "sip:bob@example.com") == [480]
    assert site.send(stranger, "MESSAGE", "sip:nobody@example.com") == [404]
    assert site.send(stranger, "MESSAGE", "sip:bob@example.com") == [480]


@pytest.mark.parametrize("slow", [False, True])
def test_a_fallback_takes_whoever_has_no_binding(slow: bool) -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, fallback="sip:203.0.113.7", fallback_for_strangers=True))
    trunk = site.stranger("203.0.113.7")
    site.accounts.slow = slow
    assert site.send(site.stranger(), "MESSAGE", "sip:+15550100@example.com") == [200]
    assert [request.request_uri for request in trunk.role.requests] == ["sip:+15550100@203.0.113.7"]
    assert site.accounts.asked == 0
    bob = site.phone("bob")
    site.accounts.slow = False
    bob.register()
    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [200]
    assert len(trunk.role.requests) == 1


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("mode", ["proxy", "stateless"])
def test_a_stranger_does_not_reach_the_fallback(mode: Literal["proxy", "stateless"], slow: bool) -> None:
    """Of a trunk he could call the whole world, at the cost of whoever pays for it."""
    site = Site(domain=DomainConfig(name=DOMAIN, fallback="sip:203.0.113.7", mode=mode))
    trunk = site.stranger("203.0.113.7")
    site.accounts.slow = slow
    stranger = site.stranger()
    assert site.send(stranger, "MESSAGE", "sip:+15550100@example.com") == [404]
    assert site.send(stranger, "MESSAGE", "sip:bob@example.com") == [480]
    assert trunk.role.requests == []


def test_accounts_that_fail_are_a_500() -> None:
    site = Site()
    site.accounts.slow = True
    site.accounts.error = SipError("the disk is gone")
    with capture_logs() as lines:
        assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [500]
    assert [line["error"] for line in lines] == ["the disk is gone"]


def test_bindings_become_targets_in_the_order_of_their_preference() -> None:
    site = Site()
    hosts = ("203.0.113.7", "203.0.113.8", "203.0.113.9")
    peers = [site.stranger(host) for host in hosts]
    for peer in peers[1:]:
        peer.role.script = lambda request: [(0.0, 486)]
    bindings = [binding(f"sip:bob@{host}", q) for host, q in zip(hosts, (0.1, None, 0.5), strict=True)]
    site.location.save(Update("sip:bob@example.com", "c", 1, bindings), NOW)
    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [200]
    arrivals = [to for _, _, to, data in site.network.trace or [] if to in hosts and data.startswith(b"MESSAGE")]
    assert arrivals == ["203.0.113.8", "203.0.113.9", "203.0.113.7"]


def test_a_path_is_followed_and_a_broken_one_leads_nowhere() -> None:
    site = Site()
    edge = site.stranger("203.0.113.7")
    bindings = [binding("sip:bob@10.0.0.1", None, ("<sip:203.0.113.7;lr>",)), binding("sip:bob@10.0.0.2", None, ("<",))]
    site.location.save(Update("sip:bob@example.com", "c", 1, bindings), NOW)
    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [200]
    assert [request.request_uri for request in edge.role.requests] == ["sip:bob@10.0.0.1"]


def test_an_expired_binding_is_none() -> None:
    site = Site()
    site.location.save(Update("sip:bob@example.com", "c", 1, [binding("sip:bob@203.0.113.7", seconds=1.0)]), NOW)
    site.run(2.0)
    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [480]


def test_a_stateless_domain_chooses_one_target() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, mode="stateless"))
    bob = site.phone("bob")
    bob.register()
    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [200]
    assert site.left() == [0, 0]
    assert site.send(site.stranger(), "MESSAGE", "sip:nobody@example.com") == [404]
    [seen] = [m for m in site.messages(to=bob.node.host, of=SERVER) if isinstance(m, Request)]
    assert seen.vias[0].host == SERVER
