"""What the server does with each kind of request, as its users and strangers see it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.errors import SipError
from offhook.server import role
from offhook.server.config import DomainConfig
from offhook.server.logs import AT_WORK
from offhook.server.security_events import LINES_EACH
from offhook.sip.message import Request, Response
from offhook.sip.uri import parse_uri
from offhook.testing.network import Faults
from offhook.transaction.effects import RequestReceived
from tests.server.wiring import DOMAIN, SERVER, Site
from tests.ua.test_standalone import Probe

OUTBOUND = f"sip:{SERVER};lr"


def test_all_names_exist() -> None:
    assert all(hasattr(role, name) for name in role.__all__)


@pytest.mark.rfc("3261 10.1 #1", "3261 10.1 #2", "3261 26.3.1 #7")
def test_two_users_register_and_talk() -> None:
    site = Site()
    alice, bob = site.phone("alice"), site.phone("bob")
    assert (alice.register(), bob.register()) == ([200], [200])
    call = alice.invite("sip:bob@example.com")
    bob.node.call(lambda now: bob.rings[0].answer(now))
    site.run(1.0)
    assert alice.heard[-1] == "Answered"
    alice.node.call(call.hang_up)
    site.run(60.0)
    assert bob.heard[-1] == "Ended"
    assert (alice.left, bob.left, site.left()) == ([0, 0, 0], [0, 0, 0], [0, 0])
    byes = [m for m in site.messages(to=bob.node.host, of=SERVER) if isinstance(m, Request) and m.method == "BYE"]
    assert len(byes) == 1


def test_it_works_on_a_bad_network_too() -> None:
    site = Site(faults=Faults(loss=0.2, duplication=0.1, delay=(0.01, 0.2)), seed=5)
    alice, bob = site.phone("alice"), site.phone("bob")
    alice.register()
    bob.register()
    site.run(30.0)
    assert alice.message("sip:bob@example.com") == [] or alice.outcomes == [200]
    site.run(30.0)
    assert alice.outcomes == [200]


def test_a_user_who_is_not_there_and_one_who_does_not_exist() -> None:
    site = Site()
    alice = site.phone("alice")
    alice.message("sip:bob@example.com")
    alice.message("sip:nobody@example.com")
    assert alice.outcomes == [480, 404]


# Phones that send everything to the server first


def test_an_outbound_proxy_is_found_in_the_first_route() -> None:
    site = Site()
    alice, bob = site.phone("alice", proxy=OUTBOUND), site.phone("bob", proxy=OUTBOUND)
    assert (alice.register(), bob.register()) == ([200], [200])
    assert alice.message("sip:bob@example.com") == [200]
    alice.invite("sip:bob@example.com")
    bob.node.call(lambda now: bob.rings[0].answer(now))
    site.run(1.0)
    bob.node.call(bob.rings[0].hang_up)
    site.run(1.0)
    assert [event for event in alice.heard if not event.isdigit()] == ["Answered", "Ended"]


def test_an_outbound_proxy_takes_its_users_anywhere() -> None:
    site = Site()
    carol = site.stranger("203.0.113.7")
    assert site.phone("alice", proxy=OUTBOUND).message("sip:carol@203.0.113.7") == [200]
    assert [request.request_uri for request in carol.role.requests] == ["sip:carol@203.0.113.7"]


def test_a_registration_with_a_route_beyond_goes_there() -> None:
    site = Site()
    stranger = site.stranger()
    other = site.stranger("203.0.113.7")
    sent = site.send(
        stranger,
        "REGISTER",
        "sip:example.com",
        lambda draft: draft.add("Route", "<sip:203.0.113.7;lr>"),
    )
    assert sent == [403]
    assert other.role.requests == []


# The server itself


@pytest.mark.rfc("3261 11.2 #2", "3261 11.2 #3")
@pytest.mark.parametrize("uri", [f"sip:{SERVER}", f"sip:{SERVER}:5060", f"sip:{DOMAIN}", f"sip:{DOMAIN};transport=udp"])
def test_options_asks_what_the_server_can(uri: str) -> None:
    site = Site()
    stranger = site.stranger()
    assert site.send(stranger, "OPTIONS", uri) == [200]
    response = stranger.role.responses[-1]
    assert not response.has("Allow")
    assert response.texts("Accept") == [""]
    assert response.text("Accept-Encoding") == "identity"
    assert response.text("Accept-Language") == "en"
    assert response.tokens("Supported") == ["path", "outbound"]
    assert response.body == b""
    assert site.left() == [0, 0]


def test_options_of_a_user_reaches_the_phone() -> None:
    site = Site()
    bob = site.phone("bob")
    bob.register()
    assert site.send(site.stranger(), "OPTIONS", "sip:bob@example.com") == [200]
    [seen] = [m for m in site.messages(to=bob.node.host) if isinstance(m, Request)]
    assert seen.method == "OPTIONS"


@pytest.mark.rfc("3261 8.2.2.3 #1", "3261 8.2.2.3 #2")
def test_options_with_a_demand_is_a_420() -> None:
    site = Site()
    stranger = site.stranger()
    assert site.send(stranger, "OPTIONS", f"sip:{SERVER}", lambda draft: draft.add("Require", "100rel, foo")) == [420]
    assert stranger.role.responses[-1].tokens("Unsupported") == ["100rel", "foo"]
    assert site.send(stranger, "OPTIONS", f"sip:{SERVER}", lambda draft: draft.add("Require", "")) == [200]


@pytest.mark.rfc("3261 8.2.3 #1", "3261 8.2.3 #2")
def test_options_with_a_body_that_must_be_understood_is_a_415() -> None:
    site = Site()
    stranger = site.stranger()
    assert site.send(stranger, "OPTIONS", f"sip:{SERVER}", lambda draft: draft.body(b"x", "x/y")) == [415]
    assert stranger.role.responses[-1].texts("Accept") == [""]


@pytest.mark.rfc("3261 20.5 #1", "3261 21.4.6 #1")
@pytest.mark.parametrize(
    ("method", "status"), [("INVITE", 405), ("MESSAGE", 405), ("SUBSCRIBE", 405), ("BYE", 405), ("FOO", 501)]
)
def test_nothing_else_is_for_the_server(method: str, status: int) -> None:
    site = Site()
    stranger = site.stranger()
    assert site.send(stranger, method, f"sip:{SERVER}") == [status]
    assert stranger.role.responses[-1].tokens("Allow") == ["ACK", "CANCEL", "OPTIONS", "REGISTER"]


@pytest.mark.parametrize("method", ["OPTIONS", "BYE"])
def test_the_server_has_no_dialogs_of_its_own(method: str) -> None:
    site = Site()
    assert site.send(site.stranger(), method, f"sip:{SERVER}", to_tag="x") == [481]


@pytest.mark.rfc("3261 9.2 #1", "3261 8.2.7 #3")
def test_a_cancel_or_ack_for_the_server_meets_nothing() -> None:
    site = Site()
    stranger = site.stranger()
    assert site.send(stranger, "CANCEL", f"sip:{SERVER}") == [481]
    stranger.call(
        lambda now: (
            stranger.role.stack.send_ack(
                stranger.role.request("ACK", f"sip:{SERVER}"), stranger.target_to(SERVER, 5060)
            ),
            None,
        )[1]
    )
    before = len(site.messages(of=SERVER))
    site.run(1.0)
    assert len(site.messages(of=SERVER)) == before


def test_a_broken_request_is_refused() -> None:
    site = Site()
    stranger = site.stranger()
    with capture_logs() as lines:
        sent = site.send(stranger, "MESSAGE", "sip:bob@example.com", lambda draft: draft.set("Max-Forwards", "x"))
    assert sent == [400]
    assert [line["status"] for line in lines] == [400]


def test_a_stranger_does_not_fill_the_log() -> None:
    site = Site()
    stranger = site.stranger()

    def flood(now: Moment) -> None:
        for number in range(LINES_EACH + 20):
            draft = stranger.role.request("MESSAGE", "sip:bob@example.com", f"c{number}").set("Max-Forwards", "x")
            stranger.role.send(draft, stranger.target_to(SERVER, 5060), now)

    with capture_logs() as lines:
        stranger.call(flood)
        site.run(3.0)
    assert stranger.role.statuses() == [400] * (LINES_EACH + 20)
    assert len(lines) == LINES_EACH


@pytest.mark.rfc("3261 8.2.2.1 #2")
def test_a_request_uri_of_another_scheme_is_a_416() -> None:
    site = Site()
    assert site.send(site.stranger(), "OPTIONS", "mailto:bob@example.com") == [416]


# Registering


@pytest.mark.rfc("3261 10.3 #9", "3261 26.3.1 #7", "3261 26.3.2.1 #7")
def test_a_wrong_password_binds_nothing() -> None:
    site = Site()
    bob = site.phone("bob", password="wrong")
    with capture_logs() as lines:
        assert bob.register() == [401]
    assert site.location.lookup_now("sip:bob@example.com", site.network.clock.now()) == []
    assert lines[0]["reason"] == "wrong credentials"
    assert "wrong" not in str([value for key, value in lines[0].items() if key != "reason"])


def test_a_registration_for_somebody_else_is_a_403() -> None:
    site = Site()
    stranger = site.stranger()
    with capture_logs() as lines:
        assert site.send(stranger, "REGISTER", "sip:foreign.example") == [403]
    assert lines[0]["reason"] == "a foreign caller for a foreign domain"


@pytest.mark.rfc("3261 10.3 #7")
def test_a_registration_for_another_domain_is_forwarded_there() -> None:
    """That of a user of ours, who may call anywhere too."""
    site = Site()
    alice = site.phone("alice", proxy=OUTBOUND)
    other = site.stranger("203.0.113.7")
    context = alice.core.context
    probe = Probe(context, "REGISTER", parse_uri("sip:203.0.113.7"), context.settings.aor, context.proxy_route())
    probe.statuses = []
    alice.node.call(probe.send)
    site.run(3.0)
    assert probe.statuses == [200]
    assert [(m.method, m.request_uri) for m in other.role.requests] == [("REGISTER", "sip:203.0.113.7")]
    assert site.location.held("sip:alice@example.com") == []


def test_a_slow_account_is_looked_up_once_for_a_registration() -> None:
    site = Site(delay=1.8)
    site.accounts.slow = True
    bob = site.phone("bob")
    outcomes = bob.register()
    site.run(1.0)
    assert outcomes == [200]
    registers = [m for m in site.messages(to=SERVER, of=bob.node.host) if isinstance(m, Request)]
    assert len(registers) > 3
    assert site.accounts.asked == 1
    assert [m.status for m in site.messages(of=SERVER) if isinstance(m, Response)] == [401, 200]


def test_a_registration_after_a_slow_one_is_looked_up_again() -> None:
    site = Site()
    site.accounts.slow = True
    bob = site.phone("bob")
    assert bob.register() == [200]
    bob.node.call(lambda now: bob.core.registration.stop(now, lambda now: None))  # type: ignore[union-attr]
    site.run(1.0)
    assert site.accounts.asked == 2
    assert site.location.lookup_now("sip:bob@example.com", site.network.clock.now()) == []


def test_accounts_that_fail_are_a_500() -> None:
    site = Site()
    site.accounts.slow = True
    site.accounts.error = SipError("the disk is gone")
    bob = site.phone("bob")
    with capture_logs() as lines:
        assert bob.register() == [500]
    assert [line["error"] for line in lines] == ["the disk is gone"]
    site.accounts.error = None
    assert site.phone("bob").register() == [200]


# Redirecting


def redirecting() -> Site:
    return Site(domain=DomainConfig(name=DOMAIN, mode="redirect"))


@pytest.mark.rfc("3261 10.1 #2")
def test_a_domain_may_redirect() -> None:
    site = redirecting()
    bob = site.phone("bob")
    assert bob.register() == [200]
    stranger = site.stranger()
    assert site.send(stranger, "MESSAGE", "sip:bob@example.com") == [302]
    assert [str(contact.uri) for contact in stranger.role.responses[-1].contacts] == [f"sip:bob@{bob.node.host}:5060"]  # type: ignore[union-attr]
    assert [m for m in site.messages(to=bob.node.host) if isinstance(m, Request)] == []


def test_a_caller_follows_a_redirection() -> None:
    site = redirecting()
    alice, bob = site.phone("alice"), site.phone("bob")
    bob.register()
    assert alice.message("sip:bob@example.com") == [200]


@pytest.mark.parametrize("slow", [False, True])
def test_a_redirecting_domain_knows_who_there_is(slow: bool) -> None:
    site = redirecting()
    site.accounts.slow = slow
    stranger = site.stranger()
    assert site.send(stranger, "MESSAGE", "sip:bob@example.com") == [480]
    assert site.send(stranger, "MESSAGE", "sip:nobody@example.com") == [404]


@pytest.mark.rfc("3261 26.3.1 #7")
def test_a_redirecting_domain_lets_nobody_call_in_another_name() -> None:
    site = redirecting()
    assert site.phone("alice", password="wrong").message("sip:bob@example.com") == [407]


@pytest.mark.parametrize(("password", "status"), [(None, 480), ("wrong", 407)])
def test_a_slow_account_holds_a_redirection_up(password: str | None, status: int) -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, mode="redirect"), delay=0.7)
    site.accounts.slow = True
    alice = site.phone("alice", password=password)
    alice.invite("sip:bob@example.com")
    assert alice.heard[-1] == "Ended"
    statuses = [m.status for m in site.messages(of=SERVER) if isinstance(m, Response)]
    assert statuses[:3] == [407, 100, status]
    assert site.accounts.asked == (2 if password is None else 1)
    site.run(60.0)
    assert site.left() == [0, 0]


def test_a_redirection_that_waits_can_be_cancelled() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, mode="redirect"), delay=5.0)
    site.accounts.slow = True
    alice = site.phone("alice")
    call = alice.invite("sip:bob@example.com")
    alice.node.call(call.hang_up)
    site.run(60.0)
    statuses = [m.status for m in site.messages(of=SERVER) if isinstance(m, Response)]
    assert statuses == [407, 100, 200, 487]
    assert (site.left(), alice.left) == ([0, 0], [0, 0, 0])


def test_a_redirection_whose_accounts_fail_is_a_500() -> None:
    site = redirecting()
    site.accounts.slow = True
    site.accounts.error = SipError("the disk is gone")
    with capture_logs():
        assert site.phone("alice").message("sip:bob@example.com") == [500]


def test_a_redirection_that_nobody_waits_for_any_more_is_forgotten() -> None:
    site = Site(domain=DomainConfig(name=DOMAIN, mode="redirect"), delay=40.0)
    site.accounts.slow = True
    site.phone("alice").message("sip:bob@example.com")
    site.run(100.0)
    assert (site.left(), site.waiting) == ([0, 0], 0)


def test_a_cancel_for_a_redirecting_domain_meets_nothing() -> None:
    assert (site := redirecting()).send(site.stranger(), "CANCEL", "sip:bob@example.com") == [481]


def test_a_dialog_passes_no_redirecting_domain() -> None:
    assert (site := redirecting()).send(site.stranger(), "BYE", "sip:bob@example.com", to_tag="x") == [403]


# What goes on by itself


def test_expired_bindings_are_swept() -> None:
    site = Site()
    site.server.call(site.server.role.start)
    bob = site.phone("bob")
    bob.register()
    bob.node.crash()
    assert site.location.held("sip:bob@example.com") != []
    site.run(700.0)
    assert site.location.held("sip:bob@example.com") == []


def test_the_logs_know_the_message_at_work() -> None:
    site = Site()
    seen: list[object] = []
    site.accounts.by_aor_now = lambda aor: seen.append(AT_WORK.message)  # type: ignore[method-assign]
    site.send(site.stranger(), "MESSAGE", "sip:bob@example.com")
    assert isinstance(seen[0], Request)
    assert AT_WORK.message is None


def test_the_logs_forget_a_message_that_failed() -> None:
    def fail(aor: str) -> None:
        raise RuntimeError(aor)

    site = Site()
    site.accounts.by_aor_now = fail  # type: ignore[method-assign]
    draft = site.stranger().role.request("MESSAGE", "sip:bob@example.com")
    request = draft.prepend("Via", "SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKone").request()
    flow = site.server.stack.flow_to(site.server.target_to("198.51.100.1", 5060))
    with pytest.raises(RuntimeError):
        site.server.role.receive(RequestReceived(request, flow), site.network.clock.now())
    assert AT_WORK.message is None
