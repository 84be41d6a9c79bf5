from __future__ import annotations

import pytest

from offhook.server import assembly
from offhook.server.assembly import domains_of, realm_of
from offhook.server.config import DomainConfig, RegistrarConfig, ServerConfig, parse
from tests.server.wiring import DOMAIN, SERVER, Site


def test_all_names_exist() -> None:
    assert all(hasattr(assembly, name) for name in assembly.__all__)


@pytest.mark.rfc("3261 26.3.1 #8")
def test_without_a_domain_there_is_one_for_trying_things_out() -> None:
    [domain] = domains_of(ServerConfig())
    assert (domain.name, domain.aliases, realm_of(domain)) == ("localhost", ["127.0.0.1", "[::1]"], "localhost")


@pytest.mark.rfc("3261 26.3.1 #8", "3261 26.3.1 #9", "3261 26.3.2.1 #8", "3261 22.1 #2", "3261 22.1 #3", "3261 22.1 #4")
def test_the_realm_is_the_domain_unless_it_is_named() -> None:
    assert realm_of(DomainConfig(name="Example.COM")) == "example.com"
    assert realm_of(DomainConfig(name="[2001:db8::1]")) == "2001:db8::1"
    assert realm_of(DomainConfig(name="a", realm="The Office")) == "The Office"


def test_what_the_configuration_says_reaches_the_roles() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, algorithms=["SHA-256", "MD5"], realm="Büro"))
    stranger = site.stranger()
    site.send(
        stranger, "MESSAGE", "sip:bob@example.com", lambda draft: draft.set("From", "<sip:bob@example.com>;tag=1")
    )
    challenges = stranger.role.responses[-1].headers("Proxy-Authenticate")
    assert [(c.algorithm, c.realm) for c in challenges] == [("SHA-256", "Büro"), ("MD5", "Büro")]  # type: ignore[attr-defined]


def test_the_registrars_bounds_are_kept() -> None:
    config = parse(f'[[domain]]\nname = "{DOMAIN}"\ntrusted = ["0.0.0.0/0"]\n[registrar]\nmin_expires = 120')
    site = Site(domain=config.domain[0], registrar=RegistrarConfig(min_expires=120))
    stranger = site.stranger()

    def edit(draft: object) -> None:
        draft.set("From", "<sip:bob@example.com>;tag=1").set("To", "<sip:bob@example.com>").add("Expires", "60")  # type: ignore[attr-defined]

    assert site.send(stranger, "REGISTER", f"sip:{SERVER}", edit) == [423]
    assert stranger.role.responses[-1].number("Min-Expires") == 120


def test_the_proxy_knows_the_realms_that_it_asks_in() -> None:
    assert Site(domain=DomainConfig(name="Example.com")).server.role.proxy.settings.realms == {"example.com"}
    assert Site(domain=DomainConfig(name=DOMAIN, realm="Büro")).server.role.proxy.settings.realms == {"Büro"}


@pytest.mark.rfc("3261 16.5 #10", "3261 16.5 #11")
def test_a_phone_that_registers_during_a_call_is_called_next() -> None:
    """By whichever name of the domain."""
    site = Site(domain=DomainConfig(name=DOMAIN, aliases=["example.net"]))
    site.network.name("example.net", (SERVER, 5060))
    alice, first, second = site.phone("alice"), site.phone("bob"), site.phone("bob", domain="example.net")
    first.register()
    alice.invite("sip:bob@example.com")
    assert second.register() == [200]
    assert (len(first.rings), len(second.rings)) == (1, 0)
    first.node.call(lambda now: first.rings[0].refuse(486, now))
    site.run(1.0)
    second.node.call(second.rings[0].answer)
    site.run(1.0)
    assert alice.heard[-1] == "Answered"
    assert not site.server.role.proxy.seeks("sip:bob@example.net")


def test_timer_c_is_as_configured() -> None:
    assert Site().server.role.proxy.settings.timer_c == 190.0
