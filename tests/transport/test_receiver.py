"""The driver is what sockets take for their receiver."""

from __future__ import annotations

import inspect

import pytest

from offhook.transport.driver import Driver
from offhook.transport.receiver import Receiver
from tests.transport.support import Events


@pytest.mark.parametrize("receiver", [Driver, Events])
def test_every_act_of_a_receiver_is_there(receiver: type) -> None:
    acts = {name: act for name, act in vars(Receiver).items() if not name.startswith("_")}
    assert set(acts) == {"receive", "sent", "flow_changed", "not_sent", "prefers", "settle"}
    for name, act in acts.items():
        assert list(inspect.signature(getattr(receiver, name)).parameters) == list(inspect.signature(act).parameters)
