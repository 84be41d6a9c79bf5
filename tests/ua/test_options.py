"""OPTIONS between user agents (RFC 3261 11)."""

from __future__ import annotations

import pytest

from offhook.clock import Moment
from offhook.sip.message import Response
from offhook.sip.serializer import Draft
from offhook.sip.uri import parse_uri
from offhook.ua.body import ACCEPT
from offhook.ua.events import Failure
from offhook.ua.options import accepts_descriptions
from tests.dialog.messages import request
from tests.ua.household import House


class Asked:
    """Alice asks Bob."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.alice, self.bob = house.phone("alice"), house.phone("bob")
        self.response: Response | None = None
        self.failure: Failure | None = None

    def ask(self, uri: str = "sip:bob@192.0.2.2") -> None:
        self.alice.do(lambda now: self.alice.core.options(parse_uri(uri), self.finish, now))
        self.house.run()

    def finish(self, response: Response | None, failure: Failure | None, now: Moment) -> None:
        self.response = response
        self.failure = failure


@pytest.mark.rfc("3261 11 #1", "3261 11.1 #1", "3261 11.2 #1", "3261 11.2 #2", "3261 11.2 #4")
def test_the_answer_lists_what_we_can_do() -> None:
    asked = Asked(House())
    asked.ask()
    response = asked.response
    assert response is not None
    assert response.status == 200
    assert response.tokens("Allow") == ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE"]
    assert [str(value) for value in response.headers("Accept")] == ACCEPT.split(", ")
    assert response.text("Accept-Encoding") == "identity"
    assert response.text("Accept-Language") == "en"
    assert response.tokens("Supported") == ["100rel"]
    # Capabilities are described with port zero (RFC 3264 9).
    assert b"m=audio 0 RTP/AVP 0 8 101" in response.body
    assert asked.bob.media.ports == []
    assert asked.house.nothing_is_left()
    sent = asked.house.sent("OPTIONS")[0]
    assert sent.text("Accept") == ACCEPT
    assert sent.text("Contact") == "<sip:alice@192.0.2.1:5060>"


@pytest.mark.rfc("3261 8.1.1.8 #3")
def test_the_contact_is_sips_where_a_redirection_leads_to_sips() -> None:
    house = House()
    asked = Asked(house)
    script = house.script()
    asked.alice.do(lambda now: asked.alice.core.options(parse_uri("sip:peer@192.0.2.9"), asked.finish, now))
    house.run(0.1)
    script.respond(302, ("Contact", "<sips:peer@192.0.2.9:5060>"), contact=False)
    house.run(0.3)
    plain, secure = [request for request, _ in script.requests]
    assert (plain.request_uri, plain.text("Contact")) == ("sip:peer@192.0.2.9", "<sip:alice@192.0.2.1:5060>")
    assert (secure.request_uri, secure.text("Contact")) == ("sips:peer@192.0.2.9:5060", "<sips:alice@192.0.2.1:5060>")


@pytest.mark.rfc("3261 8.2.6.1 #1", "3261 8.2.6.1 #2")
def test_the_answer_comes_at_once_and_alone() -> None:
    asked = Asked(House())
    asked.ask()
    (sent, *_, first), (answered, *_, second) = asked.house.network.trace or []
    assert (first[:7], second[:11]) == (b"OPTIONS", b"SIP/2.0 200")
    assert answered - sent < 0.1


@pytest.mark.rfc("3261 11.2 #1")
def test_the_status_is_what_an_invite_would_get() -> None:
    asked = Asked(House())
    asked.bob.core.on_call = None
    asked.ask()
    assert asked.failure is not None
    assert asked.failure.status == 480
    assert asked.failure.response is not None
    assert asked.failure.response.body == b""


def test_who_is_not_there_is_a_failure_without_response() -> None:
    asked = Asked(House())
    asked.bob.node.crash()
    asked.ask()
    assert asked.failure is not None
    assert (asked.failure.status, asked.failure.response) == (408, None)


@pytest.mark.rfc("3261 20.1 #1", "3261 20.3 #1")
@pytest.mark.parametrize(
    ("accept", "described"),
    [(None, True), ("", False), ("text/plain", False), ("text/*, application/sdp;q=0", False), ("*/*", True)],
)
def test_who_takes_descriptions(accept: str | None, described: bool) -> None:
    draft = Draft.of(request())
    asking = draft.request() if accept is None else draft.add("Accept", accept).request()
    assert accepts_descriptions(asking) is described
