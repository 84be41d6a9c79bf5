"""Requests within a dialog: BYE and PRACK are of this kind."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.clock import Moment
from offhook.flow import Query, Target
from offhook.sip.serializer import new_response
from offhook.sip.uri import parse_uri
from offhook.testing.network import VirtualNode
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


@pytest.mark.rfc("3261 12.2.1.1 #7", "3261 12.2.1.1 #8", "3261 12.2.1.1 #9")
def test_numbers_are_given_in_the_order_of_sending_and_leave_no_gap() -> None:
    house, script = in_call()
    alice = house.phones[0]
    session = alice.core.calls[0].session
    assert session is not None
    dialog = session.dialog
    here = dialog.remote_target
    plain = house.network.resolve
    asked: list[str] = []

    def resolve(node: VirtualNode[Any], query: Query) -> list[Target]:
        """The slow name is found when it is asked for again."""
        asked.append(query.host)
        if query.host == "slow.example.com" and asked.count(query.host) > 1:
            return [node.target_to("192.0.2.9", 5060)]
        return plain(node, query)

    house.network.resolve = resolve  # type: ignore[method-assign]

    def send(now: Moment) -> None:
        for host in ("slow.example.com", "nowhere.example.com", "here", "here"):
            dialog.remote_target = here if host == "here" else parse_uri(f"sip:peer@{host}")
            DialogRequest(session.context, dialog, session.digest, "INFO", (("X-To", host),)).send(now)

    alice.do(send)
    house.run(1)
    sent = [request for request, _ in script.requests if request.method == "INFO"]
    assert [request.text("X-To") for request in sent] == ["here", "here", "slow.example.com"]
    assert [request.text("CSeq") for request in sent] == ["2 INFO", "3 INFO", "4 INFO"]


def test_once_the_dialog_is_over_a_request_fails_unsent() -> None:
    house, script = in_call()
    alice = house.phones[0]
    session = alice.core.calls[0].session
    assert session is not None
    session.dialog.terminate()
    failed: list[int] = []

    class Request(DialogRequest):
        def on_failure(self, failure: Failure, now: Moment) -> None:
            failed.append(failure.status)

    alice.do(Request(session.context, session.dialog, session.digest, "INFO", ()).send)
    house.run(1)
    assert (failed, script.methods()) == ([503], ["INVITE", "ACK"])


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
