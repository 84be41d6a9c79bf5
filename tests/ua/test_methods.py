"""The table of methods: who takes what within a dialog, and whose body is a session description."""

from __future__ import annotations

import pytest

from offhook.sip.method import is_known
from offhook.ua.invite_session import InviteSession
from offhook.ua.methods import METHODS, SERVED
from offhook.ua.prack import receive_prack
from offhook.ua.reinvite import receive_reinvite
from offhook.ua.update import receive_update


@pytest.mark.parametrize(
    ("method", "act"),
    [
        ("INVITE", receive_reinvite),
        ("BYE", InviteSession.receive_bye),
        ("PRACK", receive_prack),
        ("UPDATE", receive_update),
        ("OPTIONS", None),
        ("MESSAGE", None),
    ],
)
def test_who_takes_a_request_within_a_dialog(method: str, act: object) -> None:
    assert METHODS[method].within is act


def test_bodies_of_messages_and_byes_are_no_descriptions() -> None:
    assert {method for method, described in SERVED.items() if not described} == {"CANCEL", "BYE", "MESSAGE"}
    assert all(is_known(method) for method in SERVED)
