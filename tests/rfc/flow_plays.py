"""The example flows of RFC 3261 24 and RFC 3665 2 and 3, played by our user agents, proxies, registrar and redirect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from offhook.clock import Moment
from offhook.errors import SipError
from offhook.flow import Target
from offhook.server.config import DomainConfig
from offhook.sip.serializer import Draft
from offhook.sip.uri import Uri
from offhook.ua.accept import ServerInvite
from offhook.ua.modify import Modification
from offhook.ua.registration import Registration, RegistrationEvent
from tests.rfc.flow_site import FlowSite, Phone

__all__ = ["PLAYS"]

ATLANTA: Final = "atlanta.example.com"
BILOXI: Final = "biloxi.example.com"
CHICAGO: Final = "chicago.example.com"
SS1: Final = "ss1.atlanta.example.com"
SS2: Final = "ss2.biloxi.example.com"
SS3: Final = "ss3.chicago.example.com"
ALG1: Final = "alg1.atlanta.example.com"
ALICE: Final = "sip:alice@atlanta.example.com"
BOB: Final = "sip:bob@biloxi.example.com"
EVERYBODY: Final = ["192.0.2.0/24"]


class Contacts(Registration):
    """A registration whose user says what stands in Contact. `contacts`: None for its own."""

    contacts: list[str] | None = None
    expires: str | None = None

    def complete(self, draft: Draft, uri: Uri, target: Target) -> Draft:
        draft = super().complete(draft, uri, target)
        if self.contacts is not None:
            draft.remove("Contact")
            for contact in self.contacts:
                draft.add("Contact", contact)
        return draft if self.expires is None else draft.add("Expires", self.expires)

    def send_now(self, now: Moment) -> None:
        """Send it now, as if it were due."""
        self.on_timer(RegistrationEvent.TIMER, now)


# Registration


def _registrar_of_biloxi(wrong: bool = False) -> tuple[FlowSite, Phone, Contacts]:
    """RFC 3665 2: over TLS, with a realm that is called after atlanta."""
    site = FlowSite("TLS")
    site.server(SS2, "bob@biloxi.example.com", DomainConfig(name=BILOXI, realm=ATLANTA))
    bob = site.phone("sips:bob@biloxi.example.com", "client.biloxi.example.com", (ATLANTA,), wrong=wrong)
    registration = Contacts(bob.core.context, 3600, lambda failure, now: None)
    bob.core.registration = registration
    return site, bob, registration


def _registered_at_biloxi() -> tuple[FlowSite, Phone, Contacts]:
    site, bob, registration = _registrar_of_biloxi()
    bob.do(registration.start)
    assert registration.registered
    site.begin()
    return site, bob, registration


def play_registration() -> FlowSite:
    """RFC 3665 2.1."""
    site, bob, registration = _registrar_of_biloxi()
    bob.do(registration.start)
    assert registration.registered
    return site


def play_update_of_contacts() -> FlowSite:
    """RFC 3665 2.2."""
    site, bob, registration = _registered_at_biloxi()
    registration.contacts = ["mailto:bob@biloxi.example.com"]
    bob.do(registration.send_now)
    return site


def play_query() -> FlowSite:
    """RFC 3665 2.3, after 2.2."""
    site, bob, registration = _registered_at_biloxi()
    registration.contacts = ["mailto:bob@biloxi.example.com"]
    bob.do(registration.send_now)
    site.begin()
    registration.contacts = []
    bob.do(registration.send_now)
    return site


def play_cancellation() -> FlowSite:
    """RFC 3665 2.4, as our user agent unregisters."""
    site, bob, registration = _registered_at_biloxi()
    bob.do(lambda now: registration.stop(now, lambda then: None))
    assert registration.over
    return site


def play_cancellation_of_all() -> FlowSite:
    """RFC 3665 2.4, word for word."""
    site, bob, registration = _registered_at_biloxi()
    registration.contacts, registration.expires = ["*"], "0"
    bob.do(registration.send_now)
    return site


def play_wrong_password() -> FlowSite:
    """RFC 3665 2.5."""
    site, bob, registration = _registrar_of_biloxi(wrong=True)
    bob.do(registration.start)
    assert not registration.registered
    return site


def play_plain_registration() -> FlowSite:
    """RFC 3261 24.1."""
    site = FlowSite()
    site.server("server10.biloxi.com", "bob@biloxi.com", DomainConfig(name="biloxi.com", trusted=EVERYBODY))
    bob = site.phone("sip:bob@biloxi.com", "bobspc.biloxi.com")
    bob.do(lambda now: bob.core.register(7200, lambda failure, then: None, now))
    return site


# Sessions


def _talk(alice: Phone, bob: Phone, offer: bool = True) -> None:
    """Call and answer."""
    alice.invite(BOB, offer)
    bob.answer()
    assert alice.call.answered


def _trapezoid(transport: str, *, twice: bool = False) -> tuple[FlowSite, Phone, Phone]:
    """Alice with proxy 1, which challenges her, and Bob with proxy 2, which does so too where `twice`."""
    site = FlowSite(transport)
    site.server(SS1, "alice@atlanta.example.com", DomainConfig(name=ATLANTA))
    guests = (DomainConfig(name=ATLANTA, realm=BILOXI),) if twice else ()
    users = "bob@biloxi.example.com alice@atlanta.example.com" if twice else "bob@biloxi.example.com"
    site.server(SS2, users, DomainConfig(name=BILOXI), *guests)
    alice = site.phone(ALICE, "client.atlanta.example.com", (ATLANTA, BILOXI), proxy=SS1)
    bob = site.phone(BOB, "client.biloxi.example.com", (BILOXI,))
    bob.register()
    site.begin()
    return site, alice, bob


def play_direct() -> FlowSite:
    """RFC 3665 3.1."""
    site = FlowSite("TCP")
    alice = site.phone(ALICE, "client.atlanta.example.com")
    bob = site.phone(BOB, "client.biloxi.example.com")
    site.network.name(BILOXI, (bob.node.host, 5060))
    _talk(alice, bob)
    bob.hang_up()
    return site


def play_two_proxies() -> FlowSite:
    """RFC 3665 3.2."""
    site, alice, bob = _trapezoid("TCP")
    _talk(alice, bob)
    bob.hang_up()
    return site


def play_two_challenges() -> FlowSite:
    """RFC 3665 3.3: Bob answers without ringing. Over TCP, for an INVITE with both credentials fits no datagram."""
    site, alice, bob = _trapezoid("TCP", twice=True)
    bob.on_ring = ServerInvite.answer
    alice.invite(BOB)
    assert alice.call.answered
    return site


def play_proxy_failure() -> FlowSite:
    """RFC 3665 3.4: proxy 1 is dead, and what Alice's phone knows as its proxy is proxy 2 too."""
    site = FlowSite()
    dead = site.server(SS1, "alice@atlanta.example.com", DomainConfig(name=ATLANTA))
    users = "bob@biloxi.example.com alice@atlanta.example.com"
    alive = site.server(SS2, users, DomainConfig(name=BILOXI), DomainConfig(name=ATLANTA, realm=BILOXI), also=SS1)
    site.network.name(SS1, (dead.host, 5060), (alive.host, 5060))
    alice = site.phone(ALICE, "client.atlanta.example.com", (BILOXI,), proxy=SS1)
    bob = site.phone(BOB, "client.biloxi.example.com", (BILOXI,))
    bob.register()
    dead.crash()
    site.begin()
    alice.invite(BOB, seconds=40.0)
    bob.answer()
    assert alice.call.answered
    bob.hang_up()
    return site


def play_gateway_of_a_network() -> FlowSite:
    """RFC 3665 3.5: what its ALG does with SIP, a proxy of ours does; proxy 2 records no route.

    Over TCP, as 3.3.
    """
    site = FlowSite("TCP")
    site.server(ALG1, "alice@atlanta.example.com", DomainConfig(name=ATLANTA, trusted=EVERYBODY))
    users = "bob@biloxi.example.com alice@atlanta.example.com"
    domains = (DomainConfig(name=BILOXI), DomainConfig(name=ATLANTA, realm=BILOXI))
    site.server(SS2, users, *domains, record_route=False)
    alice = site.phone(ALICE, "client.atlanta.example.com", (BILOXI,), proxy=ALG1)
    bob = site.phone(BOB, "client.biloxi.example.com", (BILOXI,))
    bob.register()
    site.begin()
    _talk(alice, bob)
    alice.hang_up()
    return site


def play_redirection() -> FlowSite:
    """RFC 3665 3.6: Bob is in Chicago, reached by TCP, and Alice makes no offer."""
    site = FlowSite()
    moved = site.server(
        "rs.biloxi.example.com",
        "bob@biloxi.example.com",
        DomainConfig(name=BILOXI, mode="redirect", trusted=EVERYBODY),
    )
    site.server(SS3, "bob@chicago.example.com", DomainConfig(name=CHICAGO))
    secretary = site.phone(BOB, "client.biloxi.example.com")
    registration = Contacts(secretary.core.context, 3600, lambda failure, now: None)
    registration.contacts = ["<sip:bob@chicago.example.com;transport=tcp>"]
    secretary.do(registration.start)
    assert moved.role.location.lookup_now("sip:bob@biloxi.example.com", site.network.clock.now())
    bob = site.phone("sip:bob@chicago.example.com", "client.chicago.example.com", (CHICAGO,), transport="TCP")
    bob.register()
    alice = site.phone(ALICE, "client.atlanta.example.com")
    site.begin()
    _talk(alice, bob, offer=False)
    bob.hang_up()
    return site


def play_move() -> FlowSite:
    """RFC 3665 3.7: Bob goes to Chicago in mid-call; proxy 2 records no route."""
    site = FlowSite()
    site.server(SS2, "bob@biloxi.example.com", DomainConfig(name=BILOXI), record_route=False)
    alice = site.phone(ALICE, "client.atlanta.example.com")
    bob = site.phone(BOB, "client.biloxi.example.com", (BILOXI,))
    bob.register()
    site.begin()
    _talk(alice, bob)
    site.network.move(bob.node, "client.chicago.example.com")
    outcome: list[SipError | None] = []
    session = bob.call.session
    bob.do(Modification(session, lambda error, now: outcome.append(error)).start)
    assert outcome == [None]
    alice.hang_up()
    return site


def play_no_answer() -> FlowSite:
    """RFC 3665 3.8."""
    site, alice, _ = _trapezoid("UDP")
    alice.invite(BOB)
    alice.hang_up()
    return site


def play_busy() -> FlowSite:
    """RFC 3665 3.9."""
    site, alice, bob = _trapezoid("TCP")
    bob.on_ring = lambda call, now: call.refuse(486, now)
    alice.invite(BOB)
    return site


def play_no_response() -> FlowSite:
    """RFC 3665 3.10: Bob's phone is off."""
    site, alice, bob = _trapezoid("UDP")
    bob.node.crash()
    alice.invite(BOB, seconds=40.0)
    return site


def play_unavailable() -> FlowSite:
    """RFC 3665 3.11: Bob's phone rings, and then he does not want to be reached."""
    site, alice, bob = _trapezoid("UDP")
    alice.invite(BOB)
    bob.do(lambda now: bob.call.refuse(480, now))
    return site


def play_session() -> FlowSite:
    """RFC 3261 24.2: two proxies that record no route."""
    site = FlowSite()
    atlanta = DomainConfig(name="atlanta.com", trusted=EVERYBODY)
    site.server("bigbox3.site3.atlanta.com", "alice@atlanta.com", atlanta, record_route=False)
    biloxi = DomainConfig(name="biloxi.com", trusted=EVERYBODY)
    site.server("server10.biloxi.com", "bob@biloxi.com", biloxi, record_route=False)
    alice = site.phone("sip:alice@atlanta.com", "pc33.atlanta.com", proxy="bigbox3.site3.atlanta.com")
    bob = site.phone("sip:bob@biloxi.com", "bobspc.biloxi.com")
    bob.register()
    site.begin()
    alice.invite("sip:bob@biloxi.com")
    bob.answer()
    bob.hang_up()
    return site


PLAYS: Final[dict[str, tuple[str, Callable[[], FlowSite]]]] = {
    "24.1": ("24.1", play_plain_registration),
    "24.2": ("24.2", play_session),
    "2.1": ("2.1", play_registration),
    "2.2": ("2.2", play_update_of_contacts),
    "2.3": ("2.3", play_query),
    "2.4": ("2.4", play_cancellation),
    "2.4 with *": ("2.4", play_cancellation_of_all),
    "2.5": ("2.5", play_wrong_password),
    "3.1": ("3.1", play_direct),
    "3.2": ("3.2", play_two_proxies),
    "3.3": ("3.3", play_two_challenges),
    "3.4": ("3.4", play_proxy_failure),
    "3.5": ("3.5", play_gateway_of_a_network),
    "3.6": ("3.6", play_redirection),
    "3.7": ("3.7", play_move),
    "3.8": ("3.8", play_no_answer),
    "3.9": ("3.9", play_busy),
    "3.10": ("3.10", play_no_response),
    "3.11": ("3.11", play_unavailable),
}
"""By name: the section of the RFC, and its play."""
