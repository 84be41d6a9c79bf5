"""A registration that a command keeps: what is said of it, and when it is over."""

from __future__ import annotations

import asyncio

import pytest

from offhook.cli.registration import until_rejected
from offhook.ua.agent import UserAgent
from offhook.ua.events import Failure


class Agent(UserAgent):
    """An agent whose registrar is the test."""

    keeps = True

    @property
    def registering(self) -> bool:
        return self.keeps


async def test_losses_are_said_once_and_a_refusal_for_good_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    agent = Agent("sip:alice@example.com")
    waiting = asyncio.create_task(until_rejected(agent))
    await asyncio.sleep(0)
    assert agent.on_registration is not None
    for failure in (None, Failure(500, "Down"), Failure(500, "Down"), None, None):
        agent.on_registration(failure)
        await asyncio.sleep(0)
    agent.keeps = False
    agent.on_registration(Failure(403, "Forbidden"))
    assert (await waiting).status == 403
    shown = capsys.readouterr()
    assert (shown.out + shown.err).splitlines() == [
        "not registered any more: 500 Down; it is tried again",
        "registered again",
    ]
