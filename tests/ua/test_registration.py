"""Registering: every state and event, then the wire (RFC 3261 10.2, RFC 5626 4.5, RFC 3608)."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.clock import Moment
from offhook.errors import AuthenticationFailed
from offhook.sip.message import Request
from offhook.sip.serializer import new_response
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import ServerTransaction
from offhook.testing.network import VirtualNode
from offhook.ua.events import Failure
from offhook.ua.registration import Registration, RegistrationEvent, RegistrationState, retry_delay
from offhook.ua.settings import Settings
from tests.ua.household import House, Phone, Script

IDLE, REGISTERING, REGISTERED, WAITING, REJECTED, LEAVING, REMOVING, REMOVED = RegistrationState
START, ACCEPTED, TOO_BRIEF, REFUSED, FORBIDDEN, TIMER, FLOW_LOST, MOVED, STOP = RegistrationEvent

OUTCOMES: dict[tuple[RegistrationState, RegistrationEvent], tuple[RegistrationState, list[str]]] = {
    # State after; what is sent, told and waited for.
    (IDLE, START): (REGISTERING, ["REGISTER 600"]),
    (IDLE, STOP): (REMOVED, ["removed"]),
    (REGISTERING, ACCEPTED): (REGISTERED, ["accepted", "timer"]),
    (REGISTERING, TOO_BRIEF): (REGISTERING, ["REGISTER 600"]),
    (REGISTERING, REFUSED): (WAITING, ["failed", "timer"]),
    (REGISTERING, FORBIDDEN): (REJECTED, ["failed"]),
    (REGISTERING, STOP): (LEAVING, []),
    (REGISTERING, FLOW_LOST): (REGISTERING, []),
    (REGISTERED, TIMER): (REGISTERING, ["REGISTER 600"]),
    (REGISTERED, FLOW_LOST): (WAITING, ["timer"]),
    (REGISTERED, MOVED): (REGISTERING, ["REGISTER 600"]),
    (REGISTERED, STOP): (REMOVING, ["REGISTER 0"]),
    (WAITING, TIMER): (REGISTERING, ["REGISTER 600"]),
    (WAITING, MOVED): (REGISTERING, ["REGISTER 600"]),
    (WAITING, STOP): (REMOVED, ["removed"]),
    (REJECTED, START): (REGISTERING, ["REGISTER 600"]),
    (REJECTED, STOP): (REMOVED, ["removed"]),
    (LEAVING, FORBIDDEN): (REMOVED, ["removed"]),
    (LEAVING, ACCEPTED): (REMOVING, ["REGISTER 0"]),
    (LEAVING, TOO_BRIEF): (REMOVED, ["removed"]),
    (LEAVING, REFUSED): (REMOVED, ["removed"]),
    (LEAVING, FLOW_LOST): (LEAVING, []),
    (REMOVING, FORBIDDEN): (REMOVED, ["removed"]),
    (REMOVING, ACCEPTED): (REMOVED, ["removed"]),
    (REMOVING, TOO_BRIEF): (REMOVED, ["removed"]),
    (REMOVING, REFUSED): (REMOVED, ["removed"]),
    (REMOVING, FLOW_LOST): (REMOVING, []),
    (REMOVED, START): (REGISTERING, ["REGISTER 600"]),
}


class Bench:
    """Alice, who registers with a scripted registrar that answers as it is told."""

    def __init__(self, password: str | None = None, expires: int = 600, **settings: Any) -> None:
        self.house = House()
        self.house.network.name("example.com", ("192.0.2.9", 5060))
        self.alice: Phone = self.house.phone("alice", password, **settings)
        self.registrar: Script = self.house.script()
        self.told: list[Failure | None] = []
        self.registration = Registration(
            self.alice.core.context, expires, lambda failure, now: self.told.append(failure)
        )
        self.alice.core.registration = self.registration
        self.removed = 0

    def tell(self, failure: Failure | None, now: Moment) -> None:
        self.told.append(failure)

    def run(self, seconds: float) -> None:
        self.house.run(self.house.now + seconds)

    def start(self) -> None:
        self.alice.do(self.registration.start)
        self.run(0.1)

    def stop(self) -> None:
        self.alice.do(lambda now: self.registration.stop(now, self.on_removed))
        self.run(0.1)

    def on_removed(self, now: Moment) -> None:
        self.removed += 1

    def answer(self, status: int = 200, *headers: tuple[str, str]) -> None:
        self.registrar.respond(status, *headers, contact=False)
        self.run(0.1)

    @property
    def asked(self) -> list[str]:
        """The Contact values of all requests."""
        return [request.text("Contact") or "" for request, _ in self.registrar.requests]


@pytest.mark.rfc("3261 10.2 #8")
@pytest.mark.parametrize("event", list(RegistrationEvent))
@pytest.mark.parametrize("state", list(RegistrationState))
def test_every_state_and_event(state: RegistrationState, event: RegistrationEvent) -> None:
    bench = Bench()
    registration = bench.registration
    registration.on_removed = bench.on_removed
    machine = registration.machine
    machine.state = state
    machine.row = machine.table[state]
    response = new_response(200).response() if event is ACCEPTED else None
    listed = machine.fire(event, response, Moment(0.0, 0.0))
    running = registration._timer is not None
    bench.alice.node.flush()
    bench.run(0.01)
    outcome = [f"REGISTER {contact.rpartition('=')[2]}" for contact in bench.asked]
    outcome += ["accepted" if failure is None else "failed" for failure in bench.told if event is ACCEPTED]
    outcome += ["failed" for _ in bench.told if event is not ACCEPTED]
    outcome += ["timer"] if running else []
    outcome += ["removed"] * bench.removed
    expected = OUTCOMES.get((state, event))
    assert listed is (expected is not None)
    assert (machine.state, outcome) == (expected or (state, []))


@pytest.mark.rfc("3261 10.2 #3", "3261 10.2 #4", "3261 10.2 #5", "3261 10.2.6 #1")
def test_a_register_request() -> None:
    bench = Bench(expires=120)
    bench.start()
    sent = bench.registrar.last("REGISTER")
    assert sent.request_uri == "sip:example.com"
    assert sent.text("To") == "<sip:alice@example.com>"
    assert (sent.text("From") or "").startswith("<sip:alice@example.com>;tag=")
    assert sent.text("Contact") == "<sip:alice@192.0.2.1:5060>;expires=120"
    assert sent.text("CSeq") == "1 REGISTER"
    assert sent.call_id
    bench.answer()
    assert bench.told == [None]
    assert bench.registration.registered
    assert bench.registration.granted == 120


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ((("Contact", "<sip:other@192.0.2.8>;expires=7, <sip:alice@192.0.2.1:5060>;expires=300"),), 300),
        ((("Contact", "<sip:alice@192.0.2.1:5060>"), ("Expires", "200")), 200),
        ((("Contact", "<sip:other@192.0.2.8>;expires=7"),), 600),
        ((("Expires", "soon"),), 600),
        # Longer than was asked for is nothing to rely on.
        ((("Contact", "<sip:alice@192.0.2.1:5060>;expires=7000"),), 600),
        ((("Expires", "7000"),), 600),
    ],
)
def test_the_registrar_decides_how_long(headers: tuple[tuple[str, str], ...], granted: int) -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, *headers)
    assert bench.registration.granted == granted


@pytest.mark.rfc("3261 10.2 #6", "3261 10.2 #7", "3261 10.2.4 #2", "3261 8.1.1.4 #2")
@pytest.mark.parametrize(("granted", "due"), [(600, 560), (60, 30), (10, 5), (1, 1), (0, 1)])
def test_it_is_refreshed_in_time(granted: int, due: float) -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Contact", f"<sip:alice@192.0.2.1:5060>;expires={granted}"))
    bench.run(due - 0.5)
    assert len(bench.asked) == 1
    bench.run(0.6)
    assert len(bench.asked) == 2
    first, second = [request for request, _ in bench.registrar.requests]
    assert first.call_id == second.call_id
    assert second.cseq_number == 2


@pytest.mark.rfc("3261 20 #7")
def test_a_registrar_that_wants_longer_gets_it() -> None:
    """RFC 3261 10.2.8."""
    bench = Bench(expires=60)
    bench.start()
    bench.answer(423, ("Min-Expires", "1800"))
    assert bench.asked[-1].endswith(";expires=1800")
    bench.answer()
    assert bench.told == [None]
    assert bench.registration.granted == 1800


@pytest.mark.rfc("3261 10.2.1 #1", "3261 10.2 #5")
def test_an_address_of_record_that_is_sips_has_a_sips_contact() -> None:
    house = House()
    house.network.name("example.com", ("192.0.2.9", 5060))
    uri = parse_uri("sips:alice@example.com")
    assert isinstance(uri, SipUri)
    alice = Phone(house.network, "alice", "192.0.2.1", Settings(uri))
    script = house.script()
    alice.do(lambda now: (alice.core.register(600, lambda failure, now: None, now), None)[1])
    house.run(0.1)
    sent = script.last("REGISTER")
    assert (sent.request_uri, sent.text("To")) == ("sips:example.com", "<sips:alice@example.com>")
    assert sent.texts("Contact") == ["<sips:alice@192.0.2.1:5060>;expires=600"]


@pytest.mark.rfc("3261 10.2 #9", "3261 10.2.4 #1")
def test_nothing_but_its_own_binding_is_refreshed_and_no_action_asked_for() -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Contact", "<sip:other@192.0.2.8>;expires=20, <sip:alice@192.0.2.1:5060>;expires=60"))
    bench.run(35)
    assert bench.asked == ["<sip:alice@192.0.2.1:5060>;expires=600"] * 2


@pytest.mark.rfc("3261 10.2 #1", "3261 10.2 #2")
def test_a_record_route_in_the_answer_makes_no_route() -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Record-Route", "<sip:192.0.2.66;lr>"), ("Expires", "60"))
    bench.run(31)
    assert len(bench.asked) == 2
    assert not bench.registrar.last("REGISTER").has("Route")
    bench.alice.invite(parse_uri("sip:bob@192.0.2.9"))
    bench.run(0.1)
    assert not bench.registrar.last("INVITE").has("Route")


@pytest.mark.rfc("3261 10.2.4 #3")
def test_a_refresh_goes_to_the_registrar_that_has_the_binding() -> None:
    """DNS may name the registrars of a domain in another order each time (RFC 2782)."""
    bench = Bench()
    other = bench.house.script("192.0.2.10")
    bench.start()
    bench.answer(200, ("Expires", "60"))
    bench.house.network.name("example.com", ("192.0.2.10", 5060), ("192.0.2.9", 5060))
    bench.run(31)
    assert (len(bench.asked), other.methods()) == (2, [])
    bench.answer(503)
    # It is tried first, not alone.
    assert other.methods() == ["REGISTER"]
    other.respond(200, ("Expires", "60"), contact=False)
    bench.run(31)
    assert (len(bench.asked), len(other.methods())) == (2, 2)
    other.respond(200, ("Expires", "60"), contact=False)
    bench.run(0.1)
    bench.stop()
    assert other.last("REGISTER").text("Contact") == "<sip:alice@192.0.2.1:5060>;expires=0"


@pytest.mark.rfc("3261 10.2.7 #1")
def test_a_registrar_that_does_not_answer_is_left_alone_for_a_while() -> None:
    bench = Bench()
    bench.start()
    bench.run(32)
    assert [failure and failure.status for failure in bench.told] == [408]
    tries = len(bench.house.log())
    bench.run(14.5)
    assert len(bench.house.log()) == tries
    bench.run(16)
    assert len(bench.house.log()) > tries


@pytest.mark.parametrize("headers", [(), (("Min-Expires", "long"),), (("Min-Expires", "10"),)])
def test_a_423_without_sense_is_a_failure(headers: tuple[tuple[str, str], ...]) -> None:
    bench = Bench()
    bench.start()
    bench.answer(423, *headers)
    assert bench.told[0] is not None
    assert bench.told[0].status == 423


def test_a_registrar_that_wants_ever_longer_is_refused() -> None:
    bench = Bench()
    bench.start()
    for least in range(1000, 9000, 1000):
        if not bench.told:
            bench.answer(423, ("Min-Expires", str(least)))
    assert len(bench.asked) == 4
    assert bench.told[0] is not None


@pytest.mark.rfc("3261 22.2 #2", "3261 22.2 #3", "3261 20 #7")
def test_a_challenge_is_answered_and_the_nonce_used_again() -> None:
    bench = Bench("secret")
    bench.start()
    bench.answer(401, ("WWW-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"'))
    assert bench.registrar.last("REGISTER").cseq_number == 2
    bench.answer(200, ("Expires", "60"))
    bench.run(30)
    assert "nc=00000002" in (bench.registrar.last("REGISTER").text("Authorization") or "")


def test_a_wrong_password_is_told_as_such() -> None:
    bench = Bench("wrong")
    bench.start()
    for _ in range(2):
        bench.answer(401, ("WWW-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"'))
    assert bench.told[0] is not None
    assert isinstance(bench.told[0].exception, AuthenticationFailed)
    bench.run(7200)
    assert len(bench.asked) == 2


def test_a_nonce_that_is_always_stale_says_nothing_of_the_password() -> None:
    bench = Bench("secret")
    bench.start()
    for number in range(9):
        if not bench.told:
            fresh = f'Digest realm="example.com", nonce="n{number}", qop="auth", stale=TRUE'
            bench.answer(401, ("WWW-Authenticate", fresh))
    assert bench.told[0] is not None
    assert isinstance(bench.told[0].exception, AuthenticationFailed)
    before = len(bench.asked)
    bench.run(31)
    assert len(bench.asked) == before + 1


@pytest.mark.rfc("3261 21.4 #1", "3261 21.4.4 #1")
@pytest.mark.parametrize("status", [400, 403, 404, 420])
def test_what_is_refused_for_good_is_not_asked_again_until_somebody_wants_it(status: int) -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Expires", "60"))
    bench.run(30)
    bench.answer(status)
    bench.run(7200)
    assert len(bench.asked) == 2
    assert [None if failure is None else failure.status for failure in bench.told] == [None, status]
    assert (bench.registration.over, bench.registration.registered) == (True, False)
    bench.start()
    bench.answer(200)
    assert (bench.registration.over, bench.registration.registered) == (False, True)


@pytest.mark.parametrize(("status", "headers"), [(403, (("Retry-After", "50"),)), (480, ()), (500, ()), (603, ())])
def test_what_may_have_changed_is_asked_again(status: int, headers: tuple[tuple[str, str], ...]) -> None:
    bench = Bench()
    bench.start()
    bench.answer(status, *headers)
    bench.run(60)
    assert len(bench.asked) == 2


@pytest.mark.rfc("3261 22.1 #10")
def test_a_password_that_was_refused_is_not_soon_tried_again() -> None:
    """Once it was right, so it may be again; but who tries often is locked out in many places."""
    bench = Bench("secret")
    bench.start()
    asked = ("WWW-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"')
    bench.answer(401, asked)
    bench.answer(200, ("Expires", "60"))
    bench.run(35)
    bench.answer(401, asked)
    assert isinstance(bench.told[-1] and bench.told[-1].error, AuthenticationFailed)
    tried = len(bench.asked)
    bench.run(890)
    assert len(bench.asked) == tried
    bench.run(920)
    assert len(bench.asked) == tried + 1


@pytest.mark.rfc("5626 4.5")
def test_pauses_between_tries_double_up_to_half_an_hour() -> None:
    assert [retry_delay(failures, 0.9999999) for failures in (1, 2, 3, 7, 30, 10**6)] == pytest.approx(
        [30.0, 60.0, 120.0, 1800.0, 1800.0, 1800.0], rel=1e-3
    )
    assert [retry_delay(failures, 0.0) for failures in (1, 2, 10)] == [15.0, 30.0, 900.0]


def test_it_tries_again_after_a_failure_and_says_so_each_time() -> None:
    bench = Bench()
    bench.start()
    bench.answer(500)
    assert not bench.registration.registered
    bench.run(31)
    bench.answer(500)
    bench.run(61)
    bench.answer(200)
    assert [None if failure is None else failure.status for failure in bench.told] == [500, 500, None]
    assert bench.registration.registered


def test_it_waits_as_long_as_the_registrar_asks() -> None:
    bench = Bench()
    bench.start()
    bench.answer(503, ("Retry-After", "300"))
    bench.run(299)
    assert len(bench.asked) == 1
    bench.run(2)
    assert len(bench.asked) == 2


def test_a_retry_after_that_makes_no_sense_does_no_harm() -> None:
    bench = Bench()
    bench.start()
    bench.answer(503, ("Retry-After", "later"))
    bench.run(31)
    assert len(bench.asked) == 2


@pytest.mark.rfc("3261 10.2.2 #1", "3261 10.2.2 #2")
def test_it_is_removed_at_the_end() -> None:
    bench = Bench()
    bench.start()
    bench.answer()
    bench.stop()
    assert bench.asked[-1] == "<sip:alice@192.0.2.1:5060>;expires=0"
    assert bench.removed == 0
    bench.answer()
    assert bench.removed == 1
    assert bench.registration.over
    bench.house.run()
    assert bench.house.nothing_is_left()


@pytest.mark.rfc("3261 10.2 #8")
def test_it_is_removed_after_the_answer_that_is_waited_for() -> None:
    bench = Bench()
    bench.start()
    bench.stop()
    assert len(bench.asked) == 1
    bench.answer()
    assert bench.asked[-1].endswith(";expires=0")


def test_a_registrar_that_is_gone_is_not_waited_for_for_ever() -> None:
    bench = Bench()
    bench.start()
    bench.answer()
    assert bench.registrar.node is not None
    bench.registrar.node.crash()
    bench.stop()
    bench.house.run()
    assert bench.removed == 1
    assert bench.house.nothing_is_left()


@pytest.mark.rfc("3608 6.1", "3261 8.1.2 #6")
def test_the_service_route_is_the_way_of_later_requests() -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Service-Route", "<sip:192.0.2.9;lr;x=1>, <sip:home.example.com;lr>"))
    bench.alice.invite(parse_uri("sip:bob@far.example.com"))
    bench.run(0.1)
    assert bench.registrar.last("INVITE").texts("Route") == ["<sip:192.0.2.9;lr;x=1>", "<sip:home.example.com;lr>"]
    bench.stop()
    # The registrar gets none of it.
    assert not bench.registrar.last("REGISTER").has("Route")
    bench.answer()
    assert bench.alice.core.context.service_route == []


def test_a_service_route_that_cannot_be_read_is_none() -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Service-Route", '"broken'))
    assert bench.registration.registered
    assert bench.alice.core.context.service_route == []


def test_the_outbound_proxy_gets_the_request() -> None:
    bench = Bench(outbound_proxy=parse_uri("sip:192.0.2.9;lr;transport=tcp"))
    bench.start()
    sent = bench.registrar.last("REGISTER")
    assert sent.text("Route") == "<sip:192.0.2.9;lr;transport=tcp>"
    assert sent.top_via.transport == "TCP"
    assert sent.text("Contact") == "<sip:alice@192.0.2.1:5060;transport=tcp>;expires=600"


@pytest.mark.rfc("5626 4.5")
def test_a_lost_connection_is_made_up_for_at_once() -> None:
    bench = Bench(outbound_proxy=parse_uri("sip:192.0.2.9;lr;transport=tcp"))
    bench.start()
    bench.answer()
    bench.house.network.partition({"192.0.2.1"}, {"192.0.2.9"})
    bench.run(0.01)
    assert not bench.registration.registered
    bench.house.network.heal()
    bench.run(2.1)
    assert len(bench.asked) == 2
    bench.answer()
    assert bench.registration.registered


def test_other_connections_are_no_business_of_its() -> None:
    bench = Bench()
    bench.start()
    bench.answer()
    flow = bench.registration.flow
    assert flow is not None
    bench.registration.flow_closed(flow, Moment(0.0, 0.0))
    assert bench.registration.registered


@pytest.mark.rfc("5626 4.4")
def test_how_often_the_proxy_wants_to_hear_from_us() -> None:
    for text, seconds in (("120", 120), ("often", None)):
        bench = Bench()
        bench.start()
        bench.answer(200, ("Flow-Timer", text))
        assert bench.registration.flow_timer == seconds


def test_the_old_contact_goes_when_we_are_reached_elsewhere() -> None:
    bench = Bench()
    bench.start()
    bench.answer(200, ("Expires", "60"))
    bench.alice.node.host = "192.0.2.77"
    bench.house.network.nodes["192.0.2.77", 5060] = bench.alice.node
    bench.run(30)
    assert bench.registrar.last("REGISTER").texts("Contact") == [
        "<sip:alice@192.0.2.1:5060>;expires=0",
        "<sip:alice@192.0.2.77:5060>;expires=600",
    ]


def move(bench: Bench, host: str) -> None:
    """Alice's machine has another address from now on."""
    bench.alice.node.host = host
    bench.house.network.nodes[host, 5060] = bench.alice.node
    bench.alice.do(lambda now: bench.alice.core.moved(frozenset([host]), now))
    bench.run(0.1)


def test_a_new_address_is_registered_at_once_in_the_place_of_the_old_one() -> None:
    bench = Bench()
    bench.start()
    bench.answer()
    move(bench, "192.0.2.77")
    assert not bench.registration.registered
    assert bench.registrar.last("REGISTER").texts("Contact") == [
        "<sip:alice@192.0.2.1:5060>;expires=0",
        "<sip:alice@192.0.2.77:5060>;expires=600",
    ]
    bench.answer()
    assert bench.registration.granted
    # Another word of the same changes nothing.
    move(bench, "192.0.2.77")
    assert len(bench.asked) == 2


def test_a_new_address_ends_the_wait_for_a_registrar_that_could_not_be_reached() -> None:
    bench = Bench()
    bench.house.network.partition({"192.0.2.1"}, {"192.0.2.9"})
    bench.start()
    bench.run(33)
    assert bench.registration.machine.state is WAITING
    bench.house.network.heal()
    move(bench, "192.0.2.77")
    bench.answer()
    assert bench.registration.registered


def test_a_new_address_is_no_reason_to_ask_sooner_what_was_refused() -> None:
    bench = Bench()
    bench.start()
    bench.answer(503, ("Retry-After", "100"))
    move(bench, "192.0.2.77")
    assert len(bench.asked) == 1


def test_a_registrar_under_load_and_loss_is_registered_with_in_the_end() -> None:
    bench = Bench("secret")
    bench.house.network.faults.loss = 0.3

    def serve(request: Request, transaction: ServerTransaction | None, now: Moment) -> None:
        node: VirtualNode[Script] | None = bench.registrar.node
        assert node is not None
        bench.house.network.at(0.0, node, lambda: bench.registrar.respond(200, ("Expires", "90"), contact=False))

    bench.registrar.on_request = serve
    bench.start()
    bench.run(3600)
    assert bench.registration.registered
    assert len(bench.asked) > 50
