"""Requests outside of dialogs: what their kinds have in common."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.flow import Target
from offhook.sip.message import Response
from offhook.sip.serializer import Draft, new_response
from offhook.sip.uri import Uri, parse_uri
from offhook.transaction.client_non_invite import TRANSITIONS
from offhook.transaction.machine import State, Transaction
from offhook.ua.events import Failure
from offhook.ua.standalone import StandaloneRequest
from tests.dialog.messages import UDP, request
from tests.ua.household import House


class Probe(StandaloneRequest):
    """A kind of its own, with one header."""

    statuses: list[int]

    def complete(self, draft: Draft, uri: Uri, target: Target) -> Draft:
        return draft.add("X-Target", target.host).body(b"words", "text/plain")

    def on_success(self, response: Response, transaction: Transaction, now: Moment) -> None:
        self.statuses.append(response.status)

    def on_failure(self, failure: Failure, now: Moment) -> None:
        self.statuses.append(failure.status)


@pytest.mark.rfc("3261 8.1.3.4 #1", "3261 8.1.3.4 #7", "3261 8.1.3.4 #8")
def test_it_follows_redirections_and_keeps_its_identity() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    peer = parse_uri("sip:peer@192.0.2.9")
    probe = Probe(alice.core.context, "NOTIFY", peer, parse_uri("sip:to@example.com"), [])
    probe.statuses = []
    alice.do(probe.send)
    house.run(0.1)
    script.respond(302, ("Contact", "<sip:other@192.0.2.9>"), contact=False)
    house.run(0.2)
    first, second = [request for request, _ in script.requests]
    assert (first.request_uri, second.request_uri) == ("sip:peer@192.0.2.9", "sip:other@192.0.2.9")
    assert first.call_id == second.call_id
    assert (first.cseq_number, second.cseq_number) == (1, 2)
    assert second.text("To") == "<sip:to@example.com>"
    assert second.text("X-Target") == "192.0.2.9"
    assert first.branch != second.branch
    # All else is as it was.
    kept = [
        [line for key, line in zip(sent.keys[1:], sent.lines[1:], strict=True) if key not in ("via", "cseq")]
        for sent in (first, second)
    ]
    assert kept[0] == kept[1]
    assert first.body == second.body == b"words"
    script.respond(200)
    house.run()
    assert probe.statuses == [200]


def test_what_each_kind_must_say_is_not_said_here() -> None:
    house = House()
    alice = house.phone("alice")
    bare = StandaloneRequest(alice.core.context, "NOTIFY", parse_uri("sip:a@b"), parse_uri("sip:a@b"), [])
    transaction = Transaction(TRANSITIONS, State.TRYING, (b"", "", 0, ""), request(), UDP)
    response, now = new_response(200).response(), Moment(0.0, 0.0)
    bare.on_provisional(response, transaction, now)
    bare.on_over(now)
    with pytest.raises(NotImplementedError):
        bare.on_success(response, transaction, now)
    with pytest.raises(NotImplementedError):
        bare.on_failure(Failure(500, "x"), now)
    with pytest.raises(NotImplementedError):
        bare.complete(Draft.of(request()), parse_uri("sip:a@b"), alice.node.target_to("192.0.2.9", 5060))
