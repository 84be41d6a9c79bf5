"""The 2xx until its ACK (RFC 3261 13.3.1.4); its times are tested with `Repetition`."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.ids import IdSource
from offhook.sip.message import Request
from offhook.stack import Stack
from offhook.transaction.effects import Transmit
from offhook.ua.acceptance import Acceptance
from offhook.ua.context import Context
from offhook.ua.methods import SERVED
from offhook.ua.settings import Settings
from tests.dialog.messages import UDP, request
from tests.ua.household import aor


class Bench:
    """A 200 under way."""

    def __init__(self) -> None:
        self.stack = Stack(IdSource.seeded(1), b"", lambda query: None)
        context = Context(self.stack, Settings(aor("bob")), SERVED)
        transaction = self.stack.accept(request(), UDP, self.at(0))
        self.acks: list[Request] = []
        self.lost: list[float] = []
        response = context.reply(transaction, 200).response()
        self.acceptance = Acceptance(context, transaction, response, self.take, self.lose)
        self.acceptance.start(self.at(0))

    @staticmethod
    def at(seconds: float) -> Moment:
        return Moment(seconds, seconds)

    def take(self, ack: Request, now: Moment) -> None:
        self.acks.append(ack)

    def lose(self, now: Moment) -> None:
        self.lost.append(now.monotonic)

    def sent(self) -> int:
        return sum(isinstance(effect, Transmit) for effect in self.stack.drain())

    def run(self, until: float) -> None:
        deadline = self.stack.next_deadline()
        while deadline is not None and deadline <= until:
            self.stack.advance(self.at(deadline))
            deadline = self.stack.next_deadline()


def test_it_is_repeated_until_its_own_ack() -> None:
    bench = Bench()
    bench.run(2.0)
    assert bench.sent() == 3
    assert not bench.acceptance.receive(request("ACK", cseq=7), bench.at(2))
    waiting = [bench.acceptance.waiting]
    assert bench.acceptance.receive(request("ACK", cseq=314159), bench.at(2))
    assert bench.acceptance.receive(request("ACK", cseq=314159), bench.at(3))
    waiting.append(bench.acceptance.waiting)
    bench.run(100.0)
    assert bench.sent() == 0
    assert len(bench.acks) == 1
    assert bench.lost == []
    assert waiting == [True, False]


def test_the_ack_to_a_later_invite_says_that_it_has_come_too() -> None:
    bench = Bench()
    assert bench.acceptance.receive(request("ACK", cseq=bench.acceptance.number + 1), bench.at(2))
    assert len(bench.acks) == 1
    assert not bench.acceptance.waiting


@pytest.mark.rfc("3261 13.3.1.4 #4")
def test_without_it_the_loss_is_told() -> None:
    bench = Bench()
    bench.run(100.0)
    assert bench.sent() == 11
    assert bench.lost == [32.0]


def test_stopped_it_is_silent() -> None:
    bench = Bench()
    bench.acceptance.stop(bench.at(1))
    bench.run(100.0)
    assert bench.sent() == 1
    assert bench.lost == []
    assert not bench.acceptance.waiting
