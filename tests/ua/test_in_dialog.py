"""Requests within a dialog: BYE and PRACK are of this kind."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.sip.serializer import new_response
from offhook.transaction.client_non_invite import TRANSITIONS
from offhook.transaction.machine import State, Transaction
from offhook.ua.events import Failure
from offhook.ua.in_dialog import DialogRequest
from tests.dialog.messages import UDP, request
from tests.ua.household import House, Script
from tests.ua.test_invite import PEER


def in_call() -> tuple[House, Script]:
    from tests.ua.household import sdp

    house = House()
    alice = house.phone("alice", "secret")
    script = house.script()
    alice.invite(PEER)
    house.run(0.1)
    script.respond(200, body=sdp())
    house.run(0.2)
    return house, script


@pytest.mark.rfc("3261 22.3 #5")
def test_it_is_sent_in_the_dialog_and_answers_challenges() -> None:
    house, script = in_call()
    alice = house.phones[0]
    session = alice.core.calls[0].session
    assert session is not None
    info = DialogRequest(session.context, session.dialog, session.digest, "INFO", (("X-Test", "yes"),))
    alice.do(info.send)
    house.run(0.3)
    sent = script.last("INFO")
    assert (sent.cseq_number, sent.to_tag, sent.text("X-Test")) == (2, "peer", "yes")
    script.respond(407, ("Proxy-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"'), method="INFO")
    house.run(0.4)
    sent = script.last("INFO")
    assert sent.cseq_number == 3
    assert 'uri="sip:peer@192.0.2.9:5060"' in (sent.text("Proxy-Authorization") or "")
    script.respond(200, method="INFO")
    alice.do(DialogRequest(session.context, session.dialog, session.digest, "INFO", ()).send)
    house.run(0.5)
    assert script.last("INFO").cseq_number == 4
    assert "nc=00000002" in (script.last("INFO").text("Proxy-Authorization") or "")


def test_its_outcome_matters_to_nobody_by_itself() -> None:
    house, _ = in_call()
    session = house.phones[0].core.calls[0].session
    assert session is not None
    info = DialogRequest(session.context, session.dialog, session.digest, "INFO", ())
    before = dict(vars(info))
    response, now = new_response(200).response(), Moment(0.0, 0.0)
    transaction = Transaction(TRANSITIONS, State.TRYING, (b"", "", 0, ""), request(), UDP)
    info.on_provisional(response, transaction, now)
    info.on_success(response, transaction, now)
    info.on_failure(Failure(500, "x"), now)
    info.on_over(now)
    assert vars(info) == before
