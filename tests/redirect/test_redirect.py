from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from offhook.clock import Moment
from offhook.errors import ParseError, ProtocolError
from offhook.location.base import Outcome
from offhook.location.binding import Binding
from offhook.location.memory import MemoryLocation
from offhook.location.update import Update
from offhook.redirect import Redirect, redirect
from offhook.sip.message import Response
from offhook.sip.parser import parse
from offhook.stack import Stack
from offhook.testing.network import Faults, VirtualNetwork, VirtualNode
from offhook.transaction.effects import Effect, RequestReceived
from tests.location.bindings import AOR, at, bound

SERVER = "192.0.2.10"
CALLER = "192.0.2.1"
HOME, WORK = "sip:alice@192.0.2.101", "sip:alice@192.0.2.102"


class RedirectRole:
    """What the server's dispatch does for a domain in redirect mode. With `slow`, look-ups are answered by hand."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.location = MemoryLocation()
        self.slow = False
        self.waiting: list[tuple[Any, Callable[[Outcome, Moment], None]]] = []
        self.known = {AOR}
        self.redirect = Redirect(stack, self, self.later, self.known.__contains__)

    def receive(self, event: Effect, now: Moment) -> None:
        if isinstance(event, RequestReceived):
            try:
                self.redirect.request(event.request, event.flow, now)
            except (ParseError, ProtocolError) as error:
                self.stack.refuse(event.request, event.flow, error.status)
        else:
            self.redirect.receive(event, now)

    def later(self, work: Awaitable[list[Binding]], done: Callable[[Outcome, Moment], None]) -> None:
        self.waiting.append((work, done))

    # The location service

    def lookup_now(self, aor: str, now: Moment) -> list[Binding] | None:
        return None if self.slow else self.location.lookup_now(aor, now)

    def lookup(self, aor: str, now: Moment) -> Any:
        return aor

    def save(self, update: Update, now: Moment) -> list[Binding]:
        return self.location.save(update, now)

    def sweep(self, now: Moment) -> float:
        return self.location.sweep(now)

    async def count(self) -> int:
        return await self.location.count()

    def all(self, now: Moment) -> Any:
        return self.location.all(now)

    def release(self, now: Moment, error: Exception | None = None) -> None:
        aor, done = self.waiting.pop(0)
        done(error or self.location.lookup_now(aor, now), now)


class Caller:
    """Sends octets as they are and keeps what comes back."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def receive(self, event: Effect, now: Moment) -> None:
        raise AssertionError("nothing that the caller sent has a transaction")


class World:
    """A caller who writes by hand, and the redirect server."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.network = VirtualNetwork(3, faults, trace=True)
        self.server: VirtualNode[RedirectRole] = self.network.add(SERVER, RedirectRole)
        self.caller = self.network.add(CALLER, Caller)

    @property
    def role(self) -> RedirectRole:
        return self.server.role

    def bind(self, *bindings: Binding, aor: str = AOR) -> None:
        self.role.save(Update(aor, "a", 1, bindings), at(0))

    def send(self, method: str = "INVITE", uri: str = AOR, *headers: str, branch: str = "z9hG4bK1") -> None:
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {CALLER}:5060;branch={branch}",
            "From: <sip:bob@example.net>;tag=b",
            f"To: <{uri}>",
            f"Call-ID: {branch}",
            f"CSeq: 1 {method}",
            "Max-Forwards: 70",
            *headers,
            "Content-Length: 0",
        ]
        octets = "\r\n".join([*lines, "", ""]).encode()
        target = self.caller.target_to(SERVER, 5060)
        self.network.transmit(self.caller, self.caller.stack.flow_to(target), octets)

    def run(self, seconds: float = 0.1) -> None:
        self.network.run(until=self.network.clock.monotonic + seconds)

    def release(self, error: Exception | None = None) -> None:
        self.server.call(lambda now: self.role.release(now, error))
        self.run()

    @property
    def answers(self) -> list[Response]:
        """All that the caller has got, retransmissions too."""
        assert self.network.trace is not None
        messages = [parse(octets) for _, _, to, octets in self.network.trace if to == CALLER]
        return [message for message in messages if isinstance(message, Response)]

    def ask(self, method: str = "INVITE", uri: str = AOR, *headers: str, branch: str = "z9hG4bK1") -> Response:
        """Send a request and get its first answer."""
        before = len(self.answers)
        self.send(method, uri, *headers, branch=branch)
        self.run()
        return self.answers[before]


@pytest.fixture
def world() -> World:
    return World()


def test_all_names_exist() -> None:
    assert all(hasattr(redirect, name) for name in redirect.__all__)


def test_a_caller_is_told_where_to_try(world: World) -> None:
    world.bind(bound(HOME, params=';+sip.instance="<urn:x:y>"'))
    answer = world.ask()
    assert answer.status == 302
    assert answer.texts("Contact") == [f"<{HOME}>;expires=3600"]
    assert answer.to_tag
    assert world.ask("OPTIONS").status == 302


@pytest.mark.rfc("3261 21.3.1 #1")
def test_several_places_are_told_by_preference(world: World) -> None:
    world.bind(bound(HOME, q=0.2, expires=60), bound(WORK), bound("tel:+15550100", q=0.9))
    answer = world.ask()
    assert answer.status == 300
    assert answer.texts("Contact") == [
        f"<{WORK}>;expires=3600",
        "<tel:+15550100>;q=0.9;expires=3600",
        f"<{HOME}>;q=0.2;expires=60",
    ]


def test_two_flows_of_one_phone_are_one_place(world: World) -> None:
    world.bind(bound(HOME, instance="urn:x:y", reg_id=1))
    world.bind(bound(HOME, instance="urn:x:y", reg_id=2, cseq=2))
    assert world.ask().texts("Contact") == [f"<{HOME}>;expires=3600"]


@pytest.mark.rfc("3261 8.3 #4")
def test_what_is_not_understood_does_not_matter(world: World) -> None:
    world.bind(bound(HOME))
    answer = world.ask("FROBNICATE", AOR, "Require: time-travel", "X-Unknown: 1", "Proxy-Require: 7")
    assert (answer.status, answer.text("CSeq")) == (302, "1 FROBNICATE")


@pytest.mark.rfc("3261 8.3 #2")
def test_nobody_is_redirected_to_where_he_asked(world: World) -> None:
    world.bind(bound("sip:%61lice@Example.com"))
    assert world.ask().status == 404
    world.bind(bound(HOME, cseq=2))
    assert world.ask("OPTIONS").texts("Contact") == [f"<{HOME}>;expires=3600"]


@pytest.mark.rfc("3261 16.5")
def test_who_is_away_and_who_is_unknown(world: World) -> None:
    assert world.ask("OPTIONS").status == 480
    assert world.ask("OPTIONS", "sip:nobody@example.com", branch="z9hG4bK2").status == 404


def test_parameters_and_spelling_of_the_request_uri_do_not_matter(world: World) -> None:
    world.bind(bound(HOME))
    assert world.ask("OPTIONS", "sip:%61lice@EXAMPLE.com;user=phone").status == 302


@pytest.mark.rfc("5630 5.4")
def test_who_asked_for_security_is_not_sent_to_where_there_is_none(world: World) -> None:
    world.bind(bound(HOME))
    answer = world.ask("OPTIONS", "sips:alice@example.com")
    assert (answer.status, answer.text("Warning")) == (480, '380 offhook "SIPS Not Allowed"')
    world.bind(bound("sips:alice@192.0.2.101", cseq=2))
    secure = world.ask("MESSAGE", "sips:alice@example.com")
    assert (secure.status, secure.texts("Contact")) == (302, ["<sips:alice@192.0.2.101>;expires=3600"])


def test_another_scheme_is_refused(world: World) -> None:
    assert world.ask("OPTIONS", "tel:+15550100").status == 416


def test_the_transaction_lives_to_its_end() -> None:
    """Lost answers are sent again until the ACK, which is absorbed."""
    world = World()
    world.bind(bound(HOME))
    world.send()
    world.run(2)
    assert [answer.status for answer in world.answers] == [302, 302, 302]
    world.send("ACK")
    world.run(20)
    assert len(world.answers) == 3
    assert world.server.stack.transactions.servers == {}
    assert len(world.server.stack.transactions.timers) == 0


def test_an_ack_out_of_nowhere_is_dropped(world: World) -> None:
    world.send("ACK")
    world.run()
    assert world.answers == []


@pytest.mark.rfc("3261 9.2 #1")
def test_a_cancel_out_of_nowhere_is_answered_481(world: World) -> None:
    assert world.ask("CANCEL").status == 481


@pytest.mark.rfc("3261 8.3 #1")
def test_a_cancel_that_is_late_gets_its_200(world: World) -> None:
    world.bind(bound(HOME))
    world.ask()
    answer = world.ask("CANCEL")
    assert (answer.status, answer.text("CSeq")) == (200, "1 CANCEL")


def test_a_lookup_may_take_its_time(world: World) -> None:
    world.role.slow = True
    world.bind(bound(HOME))
    world.send()
    world.run(0.3)
    world.send()
    world.run(0.1)
    assert [answer.status for answer in world.answers] == [100, 100], "a 100 in time, and again for the second"
    assert len(world.role.waiting) == 1
    world.release()
    assert world.answers[-1].status == 302


@pytest.mark.rfc("3261 9.2 #2", "3261 9.2 #3")
def test_who_gives_up_meanwhile_gets_487(world: World) -> None:
    world.role.slow = True
    world.bind(bound(HOME))
    world.send()
    world.run()
    world.send("CANCEL")
    world.run()
    assert [(answer.status, answer.text("CSeq")) for answer in world.answers[:2]] == [
        (200, "1 CANCEL"),
        (487, "1 INVITE"),
    ]
    assert len({answer.to_tag for answer in world.answers}) == 1
    world.send("ACK")
    world.run()
    before = len(world.answers)
    world.release()
    assert len(world.answers) == before, "the late look-up answers nothing"


def test_a_lookup_that_fails(world: World) -> None:
    world.role.slow = True
    world.send()
    world.run()
    with capture_logs() as logs:
        world.release(OSError("the database is gone"))
    assert world.answers[-1].status == 500
    assert [(entry["call_id"], entry["error"]) for entry in logs] == [("z9hG4bK1", "the database is gone")]


def test_all_callers_are_served_on_a_bad_network() -> None:
    world = World(Faults(loss=0.2, duplication=0.2, delay=(0.001, 0.1)))
    world.bind(bound(HOME))
    for number in range(50):
        for _ in range(6):
            world.send("OPTIONS", AOR, branch=f"z9hG4bK-{number}")
    world.run(120)
    assert {answer.status for answer in world.answers} == {302}
    assert len({answer.branch for answer in world.answers}) == 50
    assert world.server.stack.transactions.servers == {}
