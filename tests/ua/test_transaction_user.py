"""The user of a transaction who cares for nothing."""

from __future__ import annotations

from offhook.clock import Moment
from offhook.sip.serializer import new_response
from offhook.transaction.client_non_invite import TRANSITIONS
from offhook.transaction.machine import State, Transaction
from offhook.ua.transaction_user import TransactionUser
from tests.dialog.messages import UDP, request


def test_nothing_happens_unless_it_is_overridden() -> None:
    user = TransactionUser()
    now = Moment(0.0, 0.0)
    transaction = Transaction(TRANSITIONS, State.TRYING, (b"", "", 0, ""), request(), UDP)
    user.on_response(new_response(200).response(), transaction, now)
    user.on_ended(transaction, "terminated", "", now)
    user.on_cancelled(transaction, now)
    user.on_timer("event", now)
    user.on_resolved(None, [], None, now)
    assert vars(user) == {}
