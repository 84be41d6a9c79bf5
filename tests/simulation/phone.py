"""A phone of the simulation: a user agent's core, and a user who does what comes to mind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from offhook.clock import Moment
from offhook.errors import InvalidState, SipError
from offhook.flow import Target
from offhook.ids import IdSource
from offhook.security.digest_client import Secret
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri, Uri
from offhook.testing.network import VirtualNode
from offhook.ua.accept import ServerInvite
from offhook.ua.core import UserAgentCore
from offhook.ua.events import Failure
from offhook.ua.in_dialog import DialogRequest
from offhook.ua.invite_session import InviteSession
from offhook.ua.message import ReceivedMessage
from offhook.ua.settings import Settings
from tests.simulation.leg import Leg
from tests.simulation.media import WatchedProvider
from tests.simulation.plan import Answering, CallPlan, choose
from tests.simulation.server import DOMAIN, SERVER, password_of
from tests.simulation.watch import Watch
from tests.simulation.wire import WatchedNetwork

__all__ = ["LONGEST_CALL", "SimulatedPhone", "Surroundings", "address"]

RING_TIME: Final = 40.0
ANSWER_TIME: Final = 50.0
LONGEST_CALL: Final = 240.0

USUAL: Final = (
    (Answering.ANSWER, 40),
    (Answering.AT_ONCE, 10),
    (Answering.EARLY, 12),
    (Answering.BUSY, 10),
    (Answering.DECLINE, 4),
    (Answering.UNAVAILABLE, 3),
    (Answering.OVERLOADED, 2),
    (Answering.REDIRECT, 4),
    (Answering.RING, 12),
    (Answering.SILENT, 3),
)

_STATUSES: Final = {
    Answering.BUSY: 486,
    Answering.DECLINE: 603,
    Answering.UNAVAILABLE: 480,
    Answering.OVERLOADED: 503,
}


class Surroundings(Protocol):
    """What a phone knows of its world."""

    network: WatchedNetwork
    watch: Watch
    users: list[str]

    def plan_of(self, call_id: str) -> CallPlan | None: ...

    def on_answered(self, leg: Leg) -> None: ...

    def add_leg(self, leg: Leg) -> None: ...


def address(user: str) -> SipUri:
    """The address-of-record of a user."""
    return SipUri.build(DOMAIN, user)


class SimulatedPhone:
    """One phone of a user. `left`: its user has unregistered it."""

    def __init__(self, world: Surroundings, user: str, host: str, transport: str, routed: bool) -> None:
        self.world = world
        self.user = user
        self.host = host
        self.name = f"{user}@{host}"
        self.transport = transport
        self.routed = routed
        self.chance = IdSource.seeded(f"phone {host} {world.network.seed}")
        self.legs: list[Leg] = []
        self.messages: list[str] = []
        self.left = False
        self.media = WatchedProvider()
        self.core: UserAgentCore
        self.node: VirtualNode[Any]

    # Its life

    def boot(self) -> None:
        """Switch on, the first time or again, and register."""
        network = self.world.network
        proxy = SipUri.build(SERVER, port=5060, params={"lr": None}) if self.routed else None
        settings = Settings(
            address(self.user),
            secrets=(Secret(self.user, password_of(self.user)),),
            outbound_proxy=proxy,
            transport=self.transport,
            ring_time=RING_TIME,
            answer_time=ANSWER_TIME,
            longest_call=LONGEST_CALL,
            most_calls=1000,
        )
        media = self.media = WatchedProvider()

        def make_role(stack: Any) -> Any:
            self.core = UserAgentCore(stack, settings, media, self.take, self.take_message)
            return self.world.watch.over(self.host, self.core)

        self.node = network.add(self.host, make_role)
        self.enter()

    def crash(self) -> None:
        """Be gone without a word, with all calls."""
        self.node.crash()
        for leg in self.legs:
            if leg.call.end is None or leg.call in self.core.calls:
                leg.vanished = True

    def enter(self) -> None:
        """Register."""
        expires = (30, 90, 120, 300)[self.chance.number(4)]
        self.left = False
        self.node.call(lambda now: (self.core.register(expires, _ignore, now), None)[1])

    def leave(self) -> None:
        """Unregister."""
        registration = self.core.registration
        if not self.left and registration is not None:
            self.left = True
            self.node.call(lambda now: registration.stop(now, lambda then: None))

    @property
    def is_registered(self) -> bool:
        registration = self.core.registration
        return registration is not None and registration.registered

    @property
    def on(self) -> bool:
        return self.node.alive

    def soon(self, delay: float, act: Callable[[Moment], None]) -> None:
        """Do something after a while, if the phone has not crashed by then."""
        network = self.world.network
        network.at(delay, self.node, lambda: act(network.clock.now()))

    # Calling

    def invite(self, uri: Uri) -> Leg:
        """Call somebody."""
        leg = Leg(self.name, self.world.network.clock, self.world.on_answered)
        self.legs.append(leg)

        def act(now: Moment) -> None:
            leg.call = self.core.invite(uri, leg.hear, now)

        self.node.call(act)
        return leg

    def give_up(self, leg: Leg, now: Moment) -> None:
        """Hang up before there is an answer."""
        if leg.waiting:
            leg.given_up = True
            leg.call.hang_up(now)

    def hang_up(self, leg: Leg, now: Moment) -> None:
        """Hang up."""
        if leg.open:
            leg.call.hang_up(now)

    def change(self, leg: Leg, by_update: bool, now: Moment) -> None:
        """Hold, or take back; or only confirm the target, by UPDATE."""
        session = leg.call.session
        if not leg.open or session is None or not session.usage.confirmed or session.change is not None:
            return
        if by_update:
            Update(session).send(now)
            return

        def done(error: SipError | None, now: Moment) -> None:
            leg.changing -= 1

        leg.changing += 1
        leg.call.hold(not session.holding, done, now)

    # Being called

    def take(self, call: ServerInvite) -> bool:
        """An INVITE came."""
        leg = Leg(self.name, self.world.network.clock, self.world.on_answered)
        leg.call = call
        call.notify = leg.hear
        self.legs.append(leg)
        self.world.add_leg(leg)
        way = choose(self.chance, USUAL)
        plan = self.world.plan_of(call.call_id)
        if plan is not None and plan.race and plan.patience is not None:
            self._race(leg, plan)
        elif way in _STATUSES:
            self._decide(leg, self._wait(2), lambda now: call.refuse(_STATUSES[way], now))
        elif way is Answering.REDIRECT:
            other = address(self.world.users[self.chance.number(len(self.world.users))])
            self._decide(leg, self._wait(2), lambda now: call.refuse(302, now, (other,)))
        elif way is not Answering.SILENT:
            self._ring_and_answer(leg, call, way)
        return True

    def _race(self, leg: Leg, plan: CallPlan) -> None:
        """Answer just when the caller gives up."""
        when = plan.start + (plan.patience or 0.0) - self.world.network.clock.monotonic
        self._decide(leg, max(0.0, when + 0.6 * self.chance.fraction() - 0.3), leg.call.answer)  # type: ignore[union-attr]

    def _ring_and_answer(self, leg: Leg, call: ServerInvite, way: Answering) -> None:
        wait = 0.0
        if way is not Answering.AT_ONCE:
            wait = self._wait(1)
            self._decide(leg, wait, lambda now: call.ring(now, way is Answering.EARLY))
        if way is not Answering.RING:
            self._decide(leg, wait + self._wait(15), call.answer)

    def _wait(self, longest: float) -> float:
        return longest * self.chance.fraction() ** 2

    def _decide(self, leg: Leg, delay: float, act: Callable[[Moment], None]) -> None:
        def decide(now: Moment) -> None:
            if leg.waiting:
                try:
                    act(now)
                except InvalidState:
                    # It is answered as soon as the PRACK has come.
                    assert leg.waiting

        self.soon(delay, decide)

    # Messages

    def take_message(self, message: ReceivedMessage) -> bool:
        self.messages.append(message.text)
        return True


class Update(DialogRequest):
    """An UPDATE without an offer, which only confirms where we are (RFC 3311 5.1)."""

    def __init__(self, session: InviteSession) -> None:
        super().__init__(session.context, session.dialog, session.digest, "UPDATE", ())
        self._session = session

    def draft(self, uri: Uri, target: Target, number: int) -> Draft:
        return super().draft(uri, target, number).add("Contact", self._session.contact(target))


def _ignore(failure: Failure | None, now: Moment) -> None:
    """A registration goes on by itself."""
