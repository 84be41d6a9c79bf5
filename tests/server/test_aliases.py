from __future__ import annotations

import pytest

from offhook.errors import ProtocolError
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.update import Update
from offhook.server import aliases
from offhook.server.aliases import AliasedLocation, Aliases
from offhook.server.config import DomainConfig
from offhook.testing.clock import VirtualClock
from tests.server.wiring import DOMAIN, PASSWORDS, SERVER, Site

ALIASES = Aliases({"127.0.0.1": "example.com", "::1": "example.com", "six.example": "2001:db8::1"})
NOW = VirtualClock().now()


def test_all_names_exist() -> None:
    assert all(hasattr(aliases, name) for name in aliases.__all__)


@pytest.mark.parametrize(
    ("aor", "expected"),
    [
        ("sip:alice@127.0.0.1", "sip:alice@example.com"),
        ("sip:alice@[::1]", "sip:alice@example.com"),
        ("sip:alice@six.example", "sip:alice@[2001:db8::1]"),
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("sip:alice@example.net", "sip:alice@example.net"),
        ("sip:a%40b@127.0.0.1", "sip:a%40b@example.com"),
        ("", ""),
    ],
)
def test_users_have_one_name_each(aor: str, expected: str) -> None:
    assert ALIASES.canonical(aor) == expected


def test_without_aliases_nothing_changes() -> None:
    assert Aliases({}).canonical("sip:alice@127.0.0.1") == "sip:alice@127.0.0.1"


def binding(contact: str) -> Binding:
    return Binding(contact, "", None, NOW.wall + 60, "c", 1, "b", (), "", False)


async def test_bindings_are_kept_under_one_name() -> None:
    memory = MemoryLocation()
    location = AliasedLocation(memory, ALIASES)
    location.save(Update("sip:alice@127.0.0.1", "c", 1, [binding("sip:a@192.0.2.1")]), NOW)
    location.save(Update("sip:alice@example.com", "d", 1, [binding("sip:a@192.0.2.2")]), NOW)
    assert [aor async for aor, _ in location.all(NOW)] == ["sip:alice@example.com"]
    for aor in ("sip:alice@[::1]", "sip:alice@example.com"):
        now = location.lookup_now(aor, NOW)
        assert [one.contact for one in now or []] == ["sip:a@192.0.2.1", "sip:a@192.0.2.2"]
        assert [one.contact for one in await location.lookup(aor, NOW)] == ["sip:a@192.0.2.1", "sip:a@192.0.2.2"]
    assert await location.count() == 2
    assert location.sweep(NOW) > 0


def test_an_update_under_an_alias_is_changed_in_nothing_but_its_name() -> None:
    location = AliasedLocation(MemoryLocation(), ALIASES)
    location.save(Update("sip:alice@127.0.0.1", "c", 1, [binding("sip:a@192.0.2.1")]), NOW)
    with pytest.raises(ProtocolError, match="more than 1"):
        location.save(Update("sip:alice@127.0.0.1", "c", 2, [binding("sip:a@192.0.2.2")], False, 1), NOW)
    assert location.save(Update("sip:alice@127.0.0.1", "c", 3, (), True), NOW) == []


def test_a_user_is_the_same_by_every_name_of_the_domain() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, aliases=[SERVER, "sip.example.net"]))
    site.network.name("sip.example.net", (SERVER, 5060))
    alice = site.phone("alice", domain=SERVER)
    bob = site.phone("bob", domain="sip.example.net")
    assert (alice.register(), bob.register()) == ([200], [200])
    for uri in (f"sip:bob@{SERVER}", "sip:bob@sip.example.net", "sip:bob@example.com"):
        assert alice.message(uri)[-1] == 200
    assert bob.message("sip:alice@example.com") == [200]
    assert site.phone("alice", PASSWORDS["bob"], username="bob", domain=SERVER).message(f"sip:bob@{SERVER}") == [403]


def test_a_redirecting_domain_is_so_by_every_name() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, aliases=[SERVER], mode="redirect"))
    site.phone("bob").register()
    stranger = site.stranger()
    assert site.send(stranger, "MESSAGE", f"sip:bob@{SERVER}") == [302]
    site.accounts.slow = True
    assert site.send(stranger, "MESSAGE", f"sip:alice@{SERVER}") == [480]
    assert site.send(stranger, "MESSAGE", f"sip:nobody@{SERVER}") == [404]
