"""The world of a simulation: the network, the server, the phones, and what is to happen to them."""

from __future__ import annotations

from functools import partial
from typing import Final

from offhook.clock import Moment
from offhook.ids import IdSource
from offhook.sip.message import Response
from offhook.testing.network import Faults, VirtualNetwork
from offhook.transaction.effects import Effect
from offhook.ua.events import Failure
from tests.simulation.leg import Leg
from tests.simulation.phone import LONGEST_CALL, SimulatedPhone, address
from tests.simulation.plan import CallPlan, Conditions, Hanging, Kind, plan_calls
from tests.simulation.rogue import ROGUE_USER, Rogue
from tests.simulation.server import DOMAIN, SERVER, TRUSTED, SimulatedServer
from tests.simulation.watch import Watch

__all__ = ["SimulatedWorld"]

UNTRUSTED: Final = "198.51.100."
PACE: Final = 2.0
BAD: Final = (0.2, 0.1, (0.005, 0.4))
"""Loss, duplication, and the delays: wide enough for datagrams to overtake each other."""


class SimulatedWorld:
    """One run of `count` attempts. `callers` are its calls, `callees` by Call-ID who was called, `asked` the rest."""

    def __init__(self, seed: int, count: int, conditions: Conditions, trace: bool = False) -> None:
        self.conditions = conditions
        faults = Faults(delay=(0.01, 0.01)) if conditions.fair else Faults(*BAD)
        self.network = VirtualNetwork(seed, faults, trace)
        self.network.name(DOMAIN, (SERVER, 5060))
        self.watch = Watch()
        self.chance = IdSource.seeded(f"world {seed}")
        self.users = [f"user{number}" for number in range(8 + count // 40)]
        self.server = SimulatedServer(self.network, self.users, self.watch)
        self.phones = self._phones()
        self.plans = plan_calls(self.chance, count, PACE)
        self.callers: list[tuple[CallPlan, Leg]] = []
        self.callees: dict[str, list[Leg]] = {}
        self.asked: list[Asked] = []
        self._by_call_id: dict[str, CallPlan] = {}
        self.rogue = Rogue(self.network, self.users) if conditions.violations else None
        # What is no host's own doing happens here.
        self._nowhere = self.network.add("192.0.2.254", lambda stack: Nobody())

    def _phones(self) -> list[SimulatedPhone]:
        phones: list[SimulatedPhone] = []
        for user in self.users:
            for _ in range((1, 1, 2, 3)[self.chance.number(4)]):
                network = TRUSTED if self.chance.number(2) else UNTRUSTED
                host = f"{network}{len(phones) + 1}"
                transport = "TCP" if self.chance.number(3) == 0 else "UDP"
                phones.append(SimulatedPhone(self, user, host, transport, self.chance.number(4) == 0))
        return phones

    # What the phones ask of it (Surroundings)

    def plan_of(self, call_id: str) -> CallPlan | None:
        return self._by_call_id.get(call_id)

    def add_leg(self, leg: Leg) -> None:
        self.callees.setdefault(leg.call_id, []).append(leg)

    def on_answered(self, leg: Leg) -> None:
        """The rest of a call begins when its caller has the answer."""
        if not leg.is_caller:
            return
        plan = self._by_call_id[leg.call_id]
        for after, who, by_update in plan.changes:
            self._later(after, partial(self._change, leg, who, by_update))
        self._later(plan.length, partial(self._hang_up, leg, plan.hanging))

    # The run

    def run(self) -> None:
        """Let everything happen, until the last call has to be over."""
        for phone in self.phones:
            phone.boot()
        for plan in self.plans:
            self._later(plan.start, partial(self._begin, plan))
        self._plan_disasters()
        self.network.run(until=self.plans[-1].start + 3 * LONGEST_CALL)

    def settle(self) -> None:
        """Mend the network and let all phones find their registrar again."""
        self.network.heal()
        self.network.faults = Faults(delay=(0.01, 0.01))
        for phone in self.phones:
            if not phone.on:
                phone.boot()
        for _ in range(80):
            self.network.run(until=self.now + 60)
            waiting = [
                p for p in self.phones if not p.left and not (p.core.registration and p.core.registration.registered)
            ]
            if not waiting:
                break
        # Long enough for what was bound and not taken back to be forgotten.
        self.network.run(until=self.now + 700)

    def close(self) -> None:
        """Unregister all phones and let the last transactions end."""
        for phone in self.phones:
            phone.leave()
        self.network.run(until=self.now + 120)

    @property
    def now(self) -> float:
        return self.network.clock.monotonic

    # What happens

    def _later(self, delay: float, act: partial[None]) -> None:
        self.network.at(delay, self._nowhere, act)

    def _begin(self, plan: CallPlan) -> None:
        callers = [phone for phone in self.phones if phone.on]
        if not callers:
            return
        phone = callers[self.chance.number(len(callers))]
        user = self._any_user()
        if plan.kind is Kind.MESSAGE:
            self._message(phone, user, plan)
        elif plan.kind is Kind.OPTIONS:
            self._options(phone, user, plan)
        else:
            plan.to_rogue = user == ROGUE_USER
            leg = phone.invite(address(user))
            self._by_call_id[leg.call_id] = plan
            self.callers.append((plan, leg))
            if plan.patience is not None:
                phone.soon(plan.patience, partial(phone.give_up, leg))

    def _message(self, phone: SimulatedPhone, user: str, plan: CallPlan) -> None:
        asked = Asked(f"message {plan.serial}", user, phone)

        def done(failure: Failure | None, now: Moment) -> None:
            asked.answered(failure)

        self.asked.append(asked)
        phone.node.call(lambda now: phone.core.message(address(user), asked.name.encode(), done, now))

    def _options(self, phone: SimulatedPhone, user: str, plan: CallPlan) -> None:
        asked = Asked(f"options {plan.serial}", user, phone)

        def done(response: Response | None, failure: Failure | None, now: Moment) -> None:
            asked.answered(failure)

        self.asked.append(asked)
        phone.node.call(lambda now: phone.core.options(address(user), done, now))

    def _hang_up(self, caller: Leg, who: Hanging) -> None:
        for leg in self._ends(caller, who):
            phone = self._phone_of(leg)
            phone.soon(0.0, partial(phone.hang_up, leg))

    def _change(self, caller: Leg, who: Hanging, by_update: bool) -> None:
        for leg in self._ends(caller, who):
            phone = self._phone_of(leg)
            phone.soon(0.0, partial(phone.change, leg, by_update))

    def _ends(self, caller: Leg, who: Hanging) -> list[Leg]:
        """The legs of those who do something in a call that the caller believes to be answered."""
        callee = [leg for leg in self.callees.get(caller.call_id, []) if leg.answered and leg.tag == caller.tag]
        return [caller] if who is Hanging.CALLER else callee if who is Hanging.CALLEE else [caller, *callee]

    def _phone_of(self, leg: Leg) -> SimulatedPhone:
        return next(phone for phone in self.phones if phone.name == leg.phone)

    # What befalls it

    def _plan_disasters(self) -> None:
        conditions = self.conditions
        end = self.plans[-1].start
        chance = self.chance
        for _ in range(len(self.phones) // 2):
            self._later(end * chance.fraction(), partial(self._leave_and_return, 90 * chance.fraction()))
        for _ in range(conditions.crashes):
            self._later(end * chance.fraction(), partial(self._crash_and_return, 60 * chance.fraction()))
        for _ in range(conditions.partitions):
            self._later(end * chance.fraction(), partial(self._cut_off, 90 * chance.fraction()))
        for _ in range(conditions.restarts):
            self._later(end * chance.fraction(), partial(self._restart_server, 20 * chance.fraction()))
        for _ in range(conditions.steps):
            self._later(end * chance.fraction(), partial(self.network.clock.step_wall, 240 * chance.fraction() - 120))

        if self.rogue is not None:
            self._unleash(self.rogue, end)

    def _leave_and_return(self, away: float) -> None:
        phone = self._any_phone()
        if phone.on and not phone.left:
            phone.leave()
            phone.soon(away, lambda now: phone.enter())

    def _crash_and_return(self, away: float) -> None:
        phone = self._any_phone()
        if phone.on:
            phone.crash()
            self._later(away, partial(phone.boot))

    def _cut_off(self, away: float) -> None:
        """A third of the phones is cut off from the server."""
        hosts = {phone.host for phone in self.phones if self.chance.number(3) == 0}
        self.network.partition(hosts, {SERVER})
        self._later(away, partial(self.network.heal))

    def _restart_server(self, away: float) -> None:
        if self.server.node.alive:
            self.server.crash()
            self._later(away, partial(self._boot_server))

    def _boot_server(self) -> None:
        self.server.boot()

    def _unleash(self, rogue: Rogue, end: float) -> None:
        for moment in range(0, int(end), 200):
            self._later(moment, partial(rogue.register))
        for _ in range(self.conditions.violations):
            self._later(end * self.chance.fraction(), partial(rogue.call))

    def _any_user(self) -> str:
        """Somebody to call; one in ten calls the rogue, if there is one."""
        if self.rogue is not None and self.chance.number(10) == 0:
            return ROGUE_USER
        return self.users[self.chance.number(len(self.users))]

    def _any_phone(self) -> SimulatedPhone:
        return self.phones[self.chance.number(len(self.phones))]


class Asked:
    """A MESSAGE or OPTIONS, and how often its sender heard an outcome, with the status of a failure."""

    def __init__(self, name: str, user: str, phone: SimulatedPhone) -> None:
        self.name = name
        self.is_message = name.startswith("message")
        self.user = user
        self.answers: list[int] = []
        self._node = phone.node

    def answered(self, failure: Failure | None) -> None:
        self.answers.append(200 if failure is None else failure.status)

    @property
    def vanished(self) -> bool:
        """Whether its sender crashed."""
        return not self._node.alive


class Nobody:
    """A role that gets nothing."""

    def receive(self, event: Effect, now: Moment) -> None:
        raise AssertionError(f"{event} came to nobody")
