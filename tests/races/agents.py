"""A user agent of ours in a race, and a puppet at the other end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from offhook.clock import Moment
from offhook.errors import InvalidState, SipError
from offhook.sip.message import Request
from offhook.sip.uri import parse_uri
from offhook.testing.network import VirtualNode
from offhook.ua.events import CallEvent, Progress
from offhook.ua.invite_call import InviteCall
from offhook.ua.settings import Settings
from tests.races.invariants import of_agent
from tests.races.puppet import Puppet
from tests.races.table import Row
from tests.races.wire import DELAY, STEP, RacingNetwork
from tests.ua.household import Phone, aor, words

__all__ = ["EVENTS", "PATIENCE", "SILENCE", "AgentWorld", "Callee", "Caller", "join"]

Acts = dict[str, Callable[[Moment], None]]

EVENTS: Final = ("CANCEL", "200", "TIMEOUT", "FAILURE", "AGAIN", "BYE>", "BYE<", "INVITE>", "INVITE<")

PATIENCE: Final = 10.0
"""Seconds after a race until our user ends what still stands."""

RING_TIME: Final = 180.0
LONGEST_CALL: Final = 3600.0

SILENCE: Final = 40.0
"""Seconds that nothing gets through in longer orders: more than any transaction waits."""


class AgentWorld:
    """`phone` is ours at 192.0.2.1, `puppet` the other at 192.0.2.9."""

    puppet_tag = ""

    def __init__(self) -> None:
        self.network = RacingNetwork()
        self.lenient = False
        self.wishes = 0
        settings = Settings(aor("us"), answer_time=RING_TIME, ring_time=RING_TIME, longest_call=LONGEST_CALL)
        self.phone = Phone(self.network, "us", "192.0.2.1", settings)
        self.phone.hear = self._hear  # type: ignore[method-assign]
        self.node: VirtualNode[Puppet] = self.network.add(
            "192.0.2.9", lambda stack: Puppet(stack, "192.0.2.9", "192.0.2.1", self.puppet_tag)
        )
        self.call: InviteCall | None = None

    @property
    def puppet(self) -> Puppet:
        return self.node.role

    # What happens

    def begin(self, start: str) -> float:
        """Bring the call into a state; the second at which its time-out is due is returned."""
        raise NotImplementedError

    def happen(self, event: str, time: float) -> None:
        """Let an event reach our phone, or its user do it, at a second."""
        ours, theirs = self.own(), self.theirs()
        if event == "TIMEOUT":
            self.network.when(time, self._fall_silent)
        elif event == "FAILURE":
            self.network.when(time, partial(self.network.unreachable, self.phone.node, "192.0.2.9"))
        elif event == "AGAIN":
            self.network.when(time, partial(self.network.again, "192.0.2.9", self.phone.node, self.lenient))
        elif event in ours:
            self.network.when(time, partial(self.phone.do, ours[event]))
        else:
            self.network.when(time - DELAY, partial(self._prompt, theirs[event]))

    def own(self) -> Acts:
        """What our user does."""
        raise NotImplementedError

    def theirs(self) -> Acts:
        """What the puppet does."""
        raise NotImplementedError

    def order(self, start: str, events: Sequence[tuple[float, str]]) -> None:
        """Let events happen, each so many seconds behind the one before; what cannot be then is left out.

        Here a TIMEOUT is a silence of SILENCE seconds. In the end our user ends what still stands.
        """
        self.lenient = True
        self.begin(start)
        time = 1.0
        for gap, event in events:
            time += gap
            self.happen(event, time)
            if event == "TIMEOUT":
                time += SILENCE
                self.network.when(time, self.network.heal)
        self.network.when(time + PATIENCE, self._end)
        self.network.run()

    def race(self, row: Row) -> tuple[str, str]:
        """Let the two events of a row happen; what we sent, what our user heard, " / " before the end by our user."""
        due = self.begin(row.start)
        at = due if row.first == "TIMEOUT" else 1.0
        self.network.when(at - DELAY - STEP, self.network.mute.clear)
        if row.first != "TIMEOUT":
            self.happen(row.first, at)
        self.happen(row.second, at + STEP)
        end = float("inf")
        if row.second != "TIMEOUT":
            end = at + PATIENCE
            self.network.when(end, self._end)
        self.network.run()
        return self._told(at - STEP / 2, end)

    def _told(self, start: float, end: float) -> tuple[str, str]:
        network = self.network
        sent = [
            ", ".join(network.shown("192.0.2.1", "192.0.2.9", *span, "callee1"))
            for span in ((start, end), (end, float("inf")))
        ]
        told = [
            ", ".join(said for time, said in network.told if span[0] <= time < span[1])
            for span in ((start, end), (end, float("inf")))
        ]
        return join(sent), join(told)

    def faults(self) -> Iterator[str]:
        """All that is wrong after an order."""
        yield from self.left()
        yield from of_agent(self.network, "192.0.2.1")
        said = [words for _, words in self.network.told]
        ends = [words for words in said if words.isupper()]
        if len(ends) != 1:
            yield f"our user heard of {ends}"
        if said.count("answered") > 1:
            yield "our user heard of two answers"
        if ends and "answered" in said[said.index(ends[0]) :]:
            yield "our user heard of an answer behind the end"
        # Each wish to hold has one outcome; "too late" and "no hold" are outcomes of what happened in the test itself.
        outcomes = sum(words in ("hold done", "hold failed", "no hold") for words in said)
        if outcomes != self.wishes:
            yield f"{self.wishes} wishes to hold have {outcomes} outcomes"
        for tag, leg in self.puppet.legs.items():
            if leg.confirmed and not leg.over and tag not in self._byes_sent():
                yield f"the dialog {tag} stands at the peer alone"

    def _byes_sent(self) -> set[str]:
        """The tags in the BYEs that we sent, and that got lost."""
        sent = [one.message for one in self.network.sent if one.sender == "192.0.2.1"]
        found = [message for message in sent if isinstance(message, Request) and message.method == "BYE"]
        return {tag or "" for message in found for tag in (message.to_tag, message.from_tag)}

    def left(self) -> list[str]:
        """What should be gone and is not."""
        found = []
        if self.phone.left != (0, 0, 0, 0, 0) or not self.phone.core.idle:
            found.append(f"we still have {self.phone.left} calls, dialogs, transactions and timers")
        if self.puppet.left != (0, 0, 0):
            found.append(f"the puppet still has {self.puppet.left}")
        found += [f"port {port.port} is open" for port in self.phone.media.ports if not port.closed]
        if self.phone.node.stack.transactions.over_flow:
            found.append("flows are still listed")
        if self.call is not None and self.call.end is None:
            found.append("the call has no end")
        return found

    # Within

    def _prompt(self, act: Callable[[Moment], None]) -> None:
        """Let the puppet do something."""
        if not self.lenient:
            self.node.call(act)
            return
        with suppress(InvalidState):
            self.node.call(act)
        self.node.flush()

    def _hear(self, event: CallEvent) -> None:
        if not isinstance(event, Progress):
            self.network.tell(words(event).removeprefix("ended: "))

    def _fall_silent(self) -> None:
        self.network.partition({"192.0.2.1"}, {"192.0.2.9"})

    def _hang_up(self, now: Moment) -> None:
        assert self.call is not None
        self.call.hang_up(now)

    def _hold(self, now: Moment) -> None:
        assert self.call is not None
        self.wishes += 1
        try:
            self.call.hold(True, self._held, now)
        except InvalidState:
            self.network.tell("no hold")

    def _held(self, error: SipError | None, now: Moment) -> None:
        self.network.tell("hold done" if error is None else "hold failed")

    def _end(self) -> None:
        if self.call is not None and self.call.end is None:
            self.phone.do(self._hang_up)


class Caller(AgentWorld):
    """We call the puppet. States: C, the INVITE is out; R, it rings; T, it is answered and acknowledged."""

    puppet_tag = "callee1"

    def own(self) -> Acts:
        return {"CANCEL": self._hang_up, "BYE>": self._hang_up, "INVITE>": self._hold}

    def theirs(self) -> Acts:
        return {"200": self._answer, "BYE<": self._bye, "INVITE<": self.puppet.reinvite}

    def begin(self, start: str) -> float:
        self.call = self.phone.invite(parse_uri("sip:callee1@192.0.2.9"))
        if start == "C":
            # Not even its 100 comes through.
            self.network.mute.add("192.0.2.9")
            return 32.0
        self.network.when(0.1, partial(self.node.call, self.puppet.ring))
        if start == "R":
            return RING_TIME
        self.network.when(0.2, partial(self.node.call, self.puppet.answer))
        self.network.run(0.5)
        return 0.2 + DELAY + LONGEST_CALL

    def _answer(self, now: Moment) -> None:
        """Of several 2xx to one INVITE each is another phone's."""
        answered = sum(leg.confirmed for leg in self.puppet.legs.values())
        self.puppet.answer(now, f"callee{answered + 1}")

    def _bye(self, now: Moment) -> None:
        """Before its 2xx came through it hangs up for want of an ACK (13.3.1.4)."""
        if not self.puppet.standing_or_over:
            self.puppet.answer(now, lost=True)
        self.puppet.bye(now)


class Callee(AgentWorld):
    """The puppet calls us. States: W, it rings here; M, our 2xx has no ACK; T, it has."""

    puppet_tag = "caller"

    def begin(self, start: str) -> float:
        self.network.when(0.1, partial(self.node.call, partial(self.puppet.invite, "sip:us@192.0.2.1")))
        self.network.run(0.2)
        self.call = self.phone.got[-1]
        self.phone.ring()
        if start == "W":
            return 0.1 + DELAY + RING_TIME
        self.network.run(0.4)
        if start == "M":
            self._fall_silent()
            # Behind the last repetition of the 2xx, and before there is a BYE.
            self.network.when(32.0, self.network.heal)
        self.phone.answer()
        self.network.run(0.5)
        return 0.4 + (32.0 if start == "M" else LONGEST_CALL)

    def own(self) -> Acts:
        return {"BYE>": self._hang_up, "INVITE>": self._hold, "200": self._answer}

    def theirs(self) -> Acts:
        return {"BYE<": self.puppet.bye, "INVITE<": self.puppet.reinvite, "CANCEL": self.puppet.cancel}

    def _answer(self, now: Moment) -> None:
        try:
            self.phone.got[-1].answer(now)
        except InvalidState:
            self.network.tell("too late")


def join(parts: list[str]) -> str:
    """What happened before and after our user ended the call."""
    before, after = parts
    return (f"{before} / {after}" if after else before).strip()
