"""The world of a simulation: the network, the server, the phones, and what is to happen to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Final

from offhook.clock import Moment
from offhook.ids import IdSource
from offhook.sip.message import Response
from offhook.testing.network import Faults
from offhook.transaction.effects import Effect
from offhook.ua.events import Failure
from tests.simulation.disasters import HOUR, RESTARTS, Disaster, plan_disasters
from tests.simulation.disasters import Kind as DisasterKind
from tests.simulation.leg import Leg
from tests.simulation.phone import LONGEST_CALL, SimulatedPhone, address
from tests.simulation.plan import CallPlan, Conditions, Hanging, Kind, plan_calls
from tests.simulation.rogue import ROGUE, ROGUE_USER, Rogue
from tests.simulation.server import DOMAIN, SERVER, TRUSTED, SimulatedServer
from tests.simulation.watch import Watch
from tests.simulation.wire import WatchedNetwork

__all__ = ["SimulatedWorld"]

UNTRUSTED: Final = "198.51.100."
PACE: Final = 2.0
BAD: Final = (0.2, 0.1, (0.005, 0.4))
"""Loss, duplication, and the delays: wide enough for datagrams to overtake each other."""


class SimulatedWorld:
    """One run of `count` attempts. `callers` are its calls, `callees` by Call-ID who was called, `asked` the rest.

    `disasters` are what the conditions say, or else those that are given. `happened` counts what really came of them.
    """

    def __init__(
        self,
        seed: int,
        count: int,
        conditions: Conditions,
        trace: bool = False,
        disasters: Sequence[Disaster] | None = None,
    ) -> None:
        self.conditions = conditions
        faults = Faults(delay=(0.01, 0.01)) if conditions.fair else Faults(*BAD)
        self.network = WatchedNetwork(seed, faults, trace)
        self.network.name(DOMAIN, (SERVER, 5060))
        self.watch = Watch()
        self.chance = IdSource.seeded(f"world {seed}")
        self.users = [f"user{number}" for number in range(8 + count // 40)]
        self.happened: Counter[str] = Counter()
        self.server = SimulatedServer(self.network, self.users, self.watch, conditions.durable)
        self.phones = self._phones()
        self.plans = plan_calls(self.chance, count, PACE)
        self.callers: list[tuple[CallPlan, Leg]] = []
        self.callees: dict[str, list[Leg]] = {}
        self.asked: list[Asked] = []
        self._by_call_id: dict[str, CallPlan] = {}
        self.end = self.plans[-1].start
        if disasters is None:
            disasters = plan_disasters(self.chance, conditions, len(self.phones), self.end)
        self.disasters = disasters
        is_rogue_there = any(disaster.kind is DisasterKind.ROGUE for disaster in disasters)
        self.rogue = Rogue(self.network, self.users, self.happened) if is_rogue_there else None
        self.network.strangers.update((ROGUE,) if self.rogue is not None else ())
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
        for disaster in self.disasters:
            self._later(disaster.at, partial(self._befall, disaster))
        if self.rogue is not None:
            for moment in range(0, int(self.end), 200):
                self._later(moment, partial(self.rogue.register))
        self.network.run(until=self.end + 3 * LONGEST_CALL)

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

    def outlive(self) -> None:
        """Let the wall clock pass the end of any binding, and the registrar forget it."""
        steps = sum(abs(disaster.lasting) for disaster in self.disasters if disaster.kind is DisasterKind.CLOCK)
        self.network.clock.step_wall(HOUR + steps)
        self.network.run(until=self.now + 60)

    @property
    def has_clock_steps(self) -> bool:
        return any(disaster.kind is DisasterKind.CLOCK for disaster in self.disasters)

    @property
    def has_restarts(self) -> bool:
        return any(disaster.kind in RESTARTS for disaster in self.disasters)

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

    def _befall(self, disaster: Disaster) -> None:
        kind, lasting = disaster.kind, disaster.lasting
        phone = self.phones[disaster.who % len(self.phones)]
        if kind is DisasterKind.LEAVE:
            self._leave_and_return(phone, lasting)
        elif kind is DisasterKind.CRASH:
            self._crash_and_return(phone, lasting)
        elif kind is DisasterKind.PARTITION:
            self._cut_off(disaster.who, lasting)
        elif kind is DisasterKind.CLOCK:
            self._set_clock(lasting)
        elif kind is DisasterKind.ROGUE:
            assert self.rogue is not None
            self.rogue.call()
        elif kind is DisasterKind.SERVER_CRASH_WRITING and self.server.database is not None:
            self.server.database.on_commit = lambda: self._later(0.0, partial(self._restart_server, lasting, False))
        else:
            self._restart_server(lasting, kind is DisasterKind.SERVER_STOP)

    def _leave_and_return(self, phone: SimulatedPhone, away: float) -> None:
        if phone.on and not phone.left:
            self.happened["phones unregistered"] += 1
            phone.leave()
            phone.soon(away, lambda now: phone.enter())

    def _crash_and_return(self, phone: SimulatedPhone, away: float) -> None:
        if phone.on:
            calls = any(leg.open for leg in phone.legs)
            self.happened["phones crashed in a call" if calls else "phones crashed between calls"] += 1
            phone.crash()
            self._later(away, partial(phone.boot))

    def _cut_off(self, who: int, away: float) -> None:
        """A third of the phones is cut off from the server."""
        chance = IdSource.seeded(who)
        hosts = {phone.host for phone in self.phones if chance.number(3) == 0}
        self.happened["partitions"] += 1
        self.happened["streams that a partition broke"] += sum(
            len(phone.node.streams) for phone in self.phones if phone.host in hosts
        )
        self.network.partition(hosts, {SERVER})
        self._later(away, partial(self.network.heal))

    def _restart_server(self, away: float, orderly: bool) -> None:
        server = self.server
        if not server.node.alive:
            return
        how = "stopped" if orderly else "crashed"
        database = server.database
        pending = 0 if database is None else database.pending
        callers = [leg for _, leg in self.callers]
        kept = server.crash(orderly)
        self.happened.update(
            {
                f"servers {how}": 1,
                f"servers {how} with writes under way": pending > 0,
                f"calls that rang when the server {how}": sum(leg.waiting for leg in callers),
                f"calls that were up when the server {how}": sum(leg.open and leg.answered for leg in callers),
                f"writes under way when the server {how}": pending,
                f"writes kept of which nobody was told when the server {how}": kept,
            }
        )
        self._later(away, partial(self._boot_server))

    def _boot_server(self) -> None:
        self.server.boot()

    def _set_clock(self, seconds: float) -> None:
        far = " by over an hour" if abs(seconds) >= HOUR else ""
        self.happened[f"wall clock set {'back' if seconds < 0 else 'forward'}{far}"] += 1
        self.server.ledger.clock_is_to_be_set(self.network.clock.now())
        self.network.clock.step_wall(seconds)
        self.server.compare(f"after the clock was set by {seconds:.0f} s")

    def _any_user(self) -> str:
        """Somebody to call; one in ten calls the rogue, if there is one."""
        if self.rogue is not None and self.chance.number(10) == 0:
            return ROGUE_USER
        return self.users[self.chance.number(len(self.users))]


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
