"""It is no open relay, and nobody calls in another's name."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from ipaddress import ip_network
from typing import Literal

import pytest
from structlog.testing import capture_logs

from offhook.accounts.authenticator import Realm
from offhook.accounts.base import Account
from offhook.errors import SipError
from offhook.flow import Flow
from offhook.location.binding import Binding
from offhook.location.update import Update
from offhook.proxy.access import Standing
from offhook.security.digest import Challenge, answer_challenge, compute_ha1
from offhook.server import access
from offhook.server.access import DomainAccess
from offhook.server.config import DomainConfig
from offhook.server.security_events import LINES_EACH
from offhook.sip.headers.auth import Credentials, parse_challenge
from offhook.sip.message import Request, Response
from offhook.sip.serializer import Draft
from offhook.testing.network import Faults, VirtualNode
from offhook.testing.peer import ScriptedPeer
from tests.server.wiring import DOMAIN, PASSWORDS, SERVER, Site

FOREIGN = "203.0.113.7"


def test_all_names_exist() -> None:
    assert all(hasattr(access, name) for name in access.__all__)


def reached(site: Site, host: str) -> list[str]:
    return [message.request_uri for message in site.messages(to=host) if isinstance(message, Request)]


def bind(site: Site, aor: str, contact: str) -> None:
    now = site.network.clock.now()
    site.location.save(
        Update(aor, "c", 1, [Binding(contact, "", None, now.wall + 900, "c", 1, "b", (), "", False)]), now
    )


@pytest.mark.rfc("3261 26.3.2.4 #2")
@pytest.mark.parametrize(("method", "status"), [("INVITE", 407), ("MESSAGE", 407), ("REGISTER", 401)])
def test_a_challenge_leaves_nothing_behind_and_comes_once_for_each_request(method: str, status: int) -> None:
    site = Site(faults=Faults(duplication=1.0))
    peer = site.stranger(contact="sip:alice@198.51.100.1")
    answers = site.send(peer, method, "sip:example.com" if method == "REGISTER" else "sip:bob@example.com", as_alice)
    assert set(answers) == {status}
    assert site.left() == [0, 0]
    sent = [message for message in site.messages(of=SERVER) if isinstance(message, Response)]
    assert len(sent) == 4  # two came of the request, and each answer came twice
    assert len({message.to_tag for message in sent}) == 1


# Strangers


def test_a_stranger_reaches_our_users() -> None:
    site = Site()
    bob = site.phone("bob")
    bob.register()
    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com") == [200]
    assert len(reached(site, bob.node.host)) == 1


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "OPTIONS", "REGISTER", "FOO"])
def test_a_stranger_reaches_nobody_else_by_us(method: str) -> None:
    site = Site()
    site.stranger(FOREIGN)
    with capture_logs() as lines:
        assert site.send(site.stranger(), method, f"sip:carol@{FOREIGN}") == [403]
    assert [(line["event"], line["reason"], line["source"], line["port"]) for line in lines] == [
        ("security: refused", "a foreign caller for a foreign domain", "198.51.100.1", 5060)
    ]
    assert reached(site, FOREIGN) == []


@pytest.mark.rfc("3261 26.3.2.2 #8")
@pytest.mark.parametrize(
    ("domains", "told"),
    [
        ((), False),
        (("example.net",), True),
        (("example.net", "ELSEWHERE.example"), False),
        (("sub.elsewhere.example",), True),
    ],
)
def test_a_caller_of_another_domain_than_the_certificate_is_told_of(domains: tuple[str, ...], told: bool) -> None:
    site = Site()
    peer = site.stranger()
    draft = peer.role.request("INVITE", "sip:bob@example.com", "c1", 1, "").add("Via", "SIP/2.0/TLS 198.51.100.1")
    draft.set("From", "<sip:carol@elsewhere.example>;tag=1")
    flow = Flow("TLS", "tls:192.0.2.10:5061", (SERVER, 5061), ("198.51.100.1", 40000), "0", 1, True)
    flow.domains = domains
    with capture_logs() as lines:
        verdict = site.server.role.access.check(draft.request(), flow, Standing.OUTSIDE, site.network.clock.now())
    assert verdict is None
    assert [(line["caller"], line["certificate"]) for line in lines] == (
        [("elsewhere.example", ", ".join(domains))] if told else []
    )


@pytest.mark.parametrize(
    "routes",
    [
        [f"<sip:{FOREIGN};lr>"],
        [f"<sip:{SERVER};lr>", f"<sip:{FOREIGN};lr>"],
        [f"<sip:{SERVER};lr;oh-mac=0123456789ab>", f"<sip:{FOREIGN}>"],
        ["<mailto:carol@example.net>"],
    ],
)
def test_a_strangers_route_leads_nowhere_else(routes: list[str]) -> None:
    site = Site()
    site.stranger(FOREIGN)
    site.phone("bob").register()

    def edit(draft: Draft) -> None:
        for route in routes:
            draft.add("Route", route)

    with capture_logs() as lines:
        assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com", edit) == [403]
    assert lines[0]["reason"] == "a foreign caller's Route to somewhere else"
    assert reached(site, FOREIGN) == []


def test_a_strangers_maddr_leads_nowhere_else() -> None:
    site = Site()
    site.stranger(FOREIGN)
    site.phone("bob").register()
    assert site.send(site.stranger(), "MESSAGE", f"sip:bob@example.com;maddr={FOREIGN}") == [403]
    assert reached(site, FOREIGN) == []
    assert site.send(site.stranger(), "MESSAGE", f"sip:bob@example.com;maddr={SERVER}") == [200]
    # By way of our other port, and from there to Bob.
    assert site.send(site.stranger(), "MESSAGE", f"sip:bob@example.com;transport=tcp;maddr={SERVER}") == [200]


@pytest.mark.parametrize("uri", ["tel:+15550100", f"sip:carol@{FOREIGN}"])
def test_a_foreign_target_by_any_name_is_refused(uri: str) -> None:
    site = Site()
    assert site.send(site.stranger(), "MESSAGE", uri) == [403]


@pytest.mark.parametrize("sender", ["tel:+15550100", "<sip:anonymous@anonymous.invalid>", "<mailto:x@example.com>"])
def test_whoever_is_not_of_a_domain_of_ours_is_a_stranger(sender: str) -> None:
    site = Site()
    site.phone("bob").register()
    stranger = site.stranger()

    def edit(draft: Draft) -> None:
        draft.set("From", f"{sender};tag=1" if sender.startswith("<") else f"<{sender}>;tag=1")

    assert site.send(stranger, "MESSAGE", "sip:bob@example.com", edit) == [200]
    assert site.send(stranger, "MESSAGE", f"sip:carol@{FOREIGN}", edit) == [403]


def test_a_stranger_whose_sender_cannot_be_read_is_refused() -> None:
    site = Site()
    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com", lambda draft: draft.set("From", "<sip:>")) == [
        400
    ]


# In another's name


def test_the_final_dot_of_a_domain_makes_nobody_a_stranger() -> None:
    site = Site()
    site.phone("bob").register()

    def edit(draft: Draft) -> None:
        draft.set("From", "<sip:alice@example.com.>;tag=1")

    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com", edit) == [407]


@pytest.mark.rfc("3261 16.3 #13", "3261 26.3.1 #7")
@pytest.mark.parametrize(
    "sender",
    [
        "sip:alice@example.com",
        "sips:alice@EXAMPLE.com",
        "sip:alice@example.com:9999",
        "sip:%61lice@example.com;user=phone",
        "sip:example.com",
        f"sip:alice@{DOMAIN};maddr=192.0.2.99",
    ],
)
def test_a_caller_of_our_domain_is_challenged(sender: str) -> None:
    site = Site()
    bob = site.phone("bob")
    bob.register()
    stranger = site.stranger()

    def edit(draft: Draft) -> None:
        draft.set("From", f"<{sender}>;tag=1")

    assert site.send(stranger, "MESSAGE", "sip:bob@example.com", edit) == [407]
    assert "Digest" in (stranger.role.responses[-1].text("Proxy-Authenticate") or "")
    assert reached(site, bob.node.host) == []
    assert site.left() == [0, 0]


@pytest.mark.rfc("3261 16.3 #13")
def test_nothing_is_looked_up_before_the_caller_is_known() -> None:
    site = Site()
    stranger = site.stranger()

    def edit(draft: Draft) -> None:
        draft.set("From", "<sip:alice@example.com>;tag=1")

    assert site.send(stranger, "MESSAGE", "sip:nobody@example.com", edit) == [407]


@pytest.mark.rfc("3261 22 #1")
def test_nobody_calls_under_another_users_name() -> None:
    site = Site()
    with capture_logs() as lines:
        assert site.phone("alice", PASSWORDS["bob"], username="bob").message("sip:bob@example.com") == [403]
    assert lines[-1]["reason"] == "a From that is not the caller's own"


@pytest.mark.rfc("3261 22 #1")
def test_nobody_registers_for_another_user() -> None:
    site = Site()
    assert site.phone("alice", PASSWORDS["bob"], username="bob").register() == [403]
    assert site.location.held("sip:alice@example.com") == []


def as_alice(draft: Draft) -> None:
    draft.set("From", "<sip:alice@example.com>;tag=a").set("To", "<sip:alice@example.com>")


def register_alice(site: Site, peer: VirtualNode[ScriptedPeer], made_for: str, transport: str = "UDP") -> int:
    """Register with the right password and a digest that was made for a URI; the status that came of it."""
    assert site.send(peer, "REGISTER", "sip:example.com", as_alice, transport) == [401]
    challenge = Challenge.parse(parse_challenge(peer.role.responses[0].texts("WWW-Authenticate")[0]).params)
    ha1 = compute_ha1(challenge.algorithm, "alice", challenge.realm, PASSWORDS["alice"])

    def edit(draft: Draft) -> None:
        as_alice(draft)
        answer = answer_challenge(challenge, "alice", ha1, "REGISTER", made_for, "c")
        draft.add("Authorization", Credentials("Digest", answer.parameters()).serialize())

    return site.send(peer, "REGISTER", "sip:example.com", edit, transport)[-1]


@pytest.mark.rfc("5922 8.1 #1")
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_digest_vouches_for_one_request_and_not_for_its_connection(transport: str) -> None:
    site = Site()
    peer = site.stranger(contact=f"sip:alice@198.51.100.1;transport={transport.lower()}")
    assert register_alice(site, peer, "sip:example.com", transport) == 200
    assert site.send(peer, "MESSAGE", "sip:bob@example.com", as_alice, transport) == [407]
    assert site.send(peer, "REGISTER", "sip:example.com", as_alice, transport) == [401]


@pytest.mark.rfc("8760 2.6 #3")
@pytest.mark.parametrize(
    ("made_for", "status"),
    [
        ("sip:example.com", 200),
        ("sip:EXAMPLE.com:5060;transport=udp", 200),
        (f"sip:{SERVER}", 200),
        ("sip:alice@example.com", 200),
        ("sip:elsewhere.example", 400),
        ("mailto:alice@example.com", 400),
        ("", 400),
    ],
)
def test_a_digest_for_another_server_registers_nobody(made_for: str, status: int) -> None:
    site = Site()
    peer = site.stranger(contact="sip:alice@198.51.100.1")

    assert register_alice(site, peer, made_for) == status
    assert len(site.location.held("sip:alice@example.com")) == (status == 200)


@pytest.mark.rfc(
    "3261 22 #2", "3261 22 #3", "3261 22.1 #1", "3261 22.2 #1", "3261 22.3 #1", "3261 22.3 #9", "3261 22.4 #2",
    "3261 22.4 #5",
)  # fmt: skip
@pytest.mark.parametrize(
    ("method", "uri", "status", "name", "credentials"),
    [
        ("REGISTER", "sip:example.com", 401, "WWW-Authenticate", "Authorization"),
        ("MESSAGE", "sip:bob@example.com", 407, "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
def test_digest_alone_shows_who_somebody_is(method: str, uri: str, status: int, name: str, credentials: str) -> None:
    site = Site()
    peer = site.stranger(contact="sip:alice@198.51.100.1")
    basic = b64encode(f"alice:{PASSWORDS['alice']}".encode()).decode()

    def edit(draft: Draft) -> None:
        as_alice(draft)
        draft.add(credentials, f"Basic {basic}")

    assert site.send(peer, method, uri, as_alice) == site.send(peer, method, uri, edit) == [status]
    for response in peer.role.responses:
        [challenge] = [parse_challenge(text) for text in response.texts(name)]
        assert challenge.is_digest
        assert (challenge.realm, challenge.qop) == (DOMAIN, ("auth",))
        assert challenge.nonce
        assert [header for header in ("WWW-Authenticate", "Proxy-Authenticate") if response.has(header)] == [name]


def test_a_user_calls_anywhere() -> None:
    site = Site()
    site.stranger(FOREIGN)
    assert site.phone("alice", proxy=f"sip:{SERVER};lr").message(f"sip:carol@{FOREIGN}") == [200]


@pytest.mark.rfc("3261 22.1 #7", "3261 22.1 #8")
def test_ack_and_cancel_are_never_challenged() -> None:
    site = Site()
    alice = site.phone("alice")
    alice.register()
    site.phone("bob").register()
    call = alice.invite("sip:bob@example.com")
    alice.node.call(call.hang_up)
    site.run(5.0)
    answers = [m for m in site.messages(of=SERVER, to=alice.node.host) if isinstance(m, Response)]
    assert [m.status for m in answers if m.cseq_method == "CANCEL"] == [200]
    assert [m.status for m in answers if m.cseq_method == "INVITE"][-1] == 487


@pytest.mark.rfc("3261 22.3 #2")
@pytest.mark.parametrize("mode", ["proxy", "stateless"])
def test_nobody_who_is_called_gets_credentials_for_this_server(mode: Literal["proxy", "stateless"]) -> None:
    """Whoever is called could use them for requests of its own."""
    site = Site(domain=DomainConfig(name=DOMAIN, mode=mode))
    alice, bob = site.phone("alice"), site.phone("bob")
    bob.register()
    assert alice.message("sip:bob@example.com") == [200]
    proven = [message for message in site.messages(to=SERVER) if message.holds("proxy-authorization")]
    passed_on = [message for message in site.messages(to=bob.node.host) if isinstance(message, Request)]
    assert (len(proven), len(passed_on)) == (1, 1)
    assert passed_on[0].texts("Proxy-Authorization") == []


@pytest.mark.parametrize("mode", ["proxy", "stateless"])
def test_what_arrives_twice_is_no_replay_of_its_credentials(mode: Literal["proxy", "stateless"]) -> None:
    """Without a transaction a repeated request is answered as it was the first time (8.2.7), or goes the same way."""
    site = Site(domain=DomainConfig(name=DOMAIN, mode=mode), faults=Faults(duplication=1.0))
    alice, bob = site.phone("alice"), site.phone("bob")
    bob.register()
    assert alice.message("sip:bob@example.com") == [200]
    site.run(40.0)
    answers: dict[tuple[str | None, str], set[int]] = {}
    for message in site.messages(of=SERVER):
        if isinstance(message, Response) and message.status >= 200:
            answers.setdefault((message.branch, message.cseq_method), set()).add(message.status)
    assert sorted(map(sorted, answers.values())) == [[200], [200], [401], [407]]


# Within dialogs


@pytest.mark.parametrize("method", ["BYE", "INVITE", "NOTIFY", "MESSAGE"])
@pytest.mark.parametrize("route", ["", f"<sip:{SERVER};lr>", f"<sip:{SERVER};lr;oh-mac=000000000000000000000000>"])
def test_a_dialog_needs_our_own_route(method: str, route: str) -> None:
    site = Site()
    bob = site.phone("bob")
    bob.register()
    with capture_logs() as lines:
        sent = site.send(
            site.stranger(),
            method,
            f"sip:bob@{bob.node.host}",
            (lambda draft: draft.add("Route", route)) if route else None,
            to_tag="x",
        )
    assert sent == [403]
    assert lines[0]["reason"] == "within a dialog that did not come through here"
    assert reached(site, bob.node.host) == []


# Networks that are trusted


def test_a_trusted_network_is_not_challenged() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, trusted=["198.51.100.0/24", "2001:db8::/32"]))
    bob = site.phone("bob")
    bob.register()

    def edit(draft: Draft) -> None:
        draft.set("From", "<sip:alice@example.com>;tag=1")

    assert site.send(site.stranger(), "MESSAGE", "sip:bob@example.com", edit) == [200]
    assert site.send(site.stranger(FOREIGN), "MESSAGE", "sip:bob@example.com", edit) == [407]


def test_a_trusted_network_registers_without_a_password() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, trusted=["198.51.100.0/24"]))
    stranger = site.stranger()

    def edit(draft: Draft) -> None:
        draft.set("From", "<sip:bob@example.com>;tag=1").set("To", "<sip:bob@example.com>")

    assert site.send(stranger, "REGISTER", f"sip:{DOMAIN}", edit) == [200]
    assert reached(site, stranger.host) == []
    assert site.send(site.stranger(FOREIGN), "MESSAGE", "sip:bob@example.com") == [200]


def test_trust_is_of_networks() -> None:
    domain = DomainAccess(Realm("r", ("MD5",)), (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32")))
    hosts = ("192.0.2.1", "192.0.3.1", "2001:db8:1::1", "2001:db9::1", "fe80::1%eth0")
    for _ in range(2):
        assert [domain.trusts(host) for host in hosts] == [True, False, True, False, False]
    assert not DomainAccess(Realm("r", ("MD5",))).trusts("192.0.2.1")


def test_what_is_remembered_of_addresses_is_bounded() -> None:
    domain = DomainAccess(Realm("r", ("MD5",)), (ip_network("10.0.0.0/8"),))
    for number in range(10_001):
        assert domain.trusts(f"10.0.{number >> 8}.{number & 255}")
    assert len(domain._verdicts) == 1


# Spirals


@pytest.mark.parametrize("transport", ["", ";transport=tcp"])
def test_what_comes_back_from_ourselves_was_checked_before(transport: str) -> None:
    site = Site()
    bob = site.phone("bob")
    bob.register()
    bind(site, "sip:sales@example.com", f"sip:bob@example.com{transport}")
    assert site.phone("alice").message("sip:sales@example.com") == [200]
    assert len(reached(site, bob.node.host)) == 1


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_neighbour_at_our_address_is_not_ourselves(transport: str) -> None:
    site = Site()
    site.phone("bob").register()
    neighbour = site.network.add(SERVER, lambda stack: ScriptedPeer(stack, f"sip:m@{SERVER}"), port=5999)

    def edit(draft: Draft) -> None:
        draft.set("From", "<sip:alice@example.com>;tag=1")

    assert site.send(neighbour, "MESSAGE", "sip:bob@example.com", edit, transport) == [407]


# Accounts that take their time


@pytest.mark.parametrize(("password", "status"), [(PASSWORDS["alice"], 200), ("wrong", 407)])
def test_a_slow_account_is_waited_for(password: str, status: int) -> None:
    site = Site()
    site.phone("bob").register()
    site.accounts.slow = True
    assert site.phone("alice", password=password).message("sip:bob@example.com") == [status]


def test_accounts_that_fail_are_a_500() -> None:
    site = Site()
    site.accounts.slow = True
    site.accounts.error = SipError("the disk is gone")
    with capture_logs() as lines:
        assert site.phone("alice").message("sip:bob@example.com") == [500]
    assert [line["error"] for line in lines] == ["the disk is gone"]


async def test_a_wait_for_a_stranger_or_a_foreign_registration_ends_at_once() -> None:
    site = Site()
    control = site.server.role.access
    now = site.network.clock.now()
    flow = site.server.stack.flow_to(site.server.target_to("198.51.100.1", 5060))
    request = site.stranger().role.request("MESSAGE", "sip:carol@foreign.example").request()
    assert await control.wait(request, flow, now) is None
    assert await control.wait_register(request, flow, now) is None
    assert control.verdict_of(request, account := Account.create("x", DOMAIN, "y"), now) is account


def test_a_registration_at_a_foreign_domain_is_refused() -> None:
    site = Site()
    stranger = site.stranger()

    def edit(draft: Draft) -> None:
        draft.set("To", "<sip:carol@foreign.example>")

    with capture_logs() as lines:
        assert site.send(stranger, "REGISTER", f"sip:{DOMAIN}", edit) == [403]
    assert lines[0]["reason"] == "registration at a foreign domain"


# What the log says


def test_a_flood_of_strangers_does_not_fill_the_log() -> None:
    site = Site()
    stranger = site.stranger()
    with capture_logs() as lines:
        for _ in range(60):
            stranger.call(_sender(site))
        site.run(5.0)
    assert len(lines) == LINES_EACH


def _sender(site: Site) -> Callable[..., None]:
    peer = site.network.nodes["198.51.100.1", 5060]

    def act(now: object) -> None:
        draft = peer.role.request("MESSAGE", f"sip:carol@{FOREIGN}")
        peer.role.send(draft, peer.target_to(SERVER, 5060), now)

    return act
