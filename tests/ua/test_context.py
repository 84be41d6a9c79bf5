"""How requests and answers begin."""

from __future__ import annotations

from typing import Any

import pytest

from offhook.clock import Moment
from offhook.errors import ProtocolError
from offhook.flow import Target
from offhook.ids import IdSource
from offhook.registrar.registrar import OPTIONS
from offhook.server.role import CAPABILITIES
from offhook.sip.headers.address import parse_route
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft
from offhook.sip.uri import SipUri, parse_uri
from offhook.stack import Stack
from offhook.transaction.effects import Transmit
from offhook.ua.context import SUPPORTED, Context
from offhook.ua.methods import SERVED
from offhook.ua.settings import Settings
from tests.dialog.messages import UDP, request
from tests.ua.household import House


def context(aor: str = "sip:alice@example.com", **settings: Any) -> Context:
    uri = parse_uri(aor)
    assert isinstance(uri, SipUri)
    return Context(Stack(IdSource.seeded(1), b"", lambda query: None), Settings(uri, **settings), SERVED)


def target(transport: str) -> Target:
    return Target(transport, "192.0.2.9", 5060, "x", ("192.0.2.1", 0), "192.0.2.1:5060")


@pytest.mark.parametrize(
    ("transport", "secure", "contact"),
    [
        ("UDP", False, "<sip:alice@192.0.2.1:5060>"),
        ("TCP", False, "<sip:alice@192.0.2.1:5060;transport=tcp>"),
        ("TLS", False, "<sip:alice@192.0.2.1:5060;transport=tls>"),
        ("TLS", True, "<sips:alice@192.0.2.1:5060>"),
    ],
)
def test_the_contact_says_how_we_are_reached(transport: str, secure: bool, contact: str) -> None:
    assert context().contact(target(transport), secure) == contact


def test_a_contact_of_nobody_is_the_host_alone() -> None:
    assert context("sip:example.com").contact(target("UDP"), False) == "<sip:192.0.2.1:5060>"


@pytest.mark.rfc("3261 8.1.1.9 #2", "3261 20.5 #1")
def test_allow_says_only_what_is_true() -> None:
    own = context()
    assert own.allow == "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE"
    own.takes_messages = True
    assert own.allow.endswith(", MESSAGE")
    assert own.supported == "100rel"


@pytest.mark.rfc("3608 6.1", "3261 8.1.2 #5")
def test_routes_are_those_of_proxy_and_service() -> None:
    assert context().routes() == []
    own = context(outbound_proxy=parse_uri("sip:proxy.example.com:5070;transport=tcp"))
    assert [str(route) for route in own.routes()] == ["<sip:proxy.example.com:5070;transport=tcp;lr>"]
    own.service_route = [parse_route("<sip:home.example.com;lr>")]
    assert [route.uri.serialize() for route in own.routes()][1:] == ["sip:home.example.com;lr"]
    # A service route that begins with the proxy does not name it twice.
    own.service_route = [parse_route("<sip:proxy.example.com;lr;x>"), parse_route("<sip:home.example.com;lr>")]
    assert own.routes() == own.service_route
    assert len(own.proxy_route()) == 1


def test_a_request_outside_of_a_dialog() -> None:
    own = context(display_name='A "B"', user_agent="Test/1")
    bob = parse_uri("sip:bob@biloxi.com;method=INVITE?Subject=x")
    sent = own.request("MESSAGE", bob, parse_uri("sip:bob@biloxi.com"), "id", "tag", 7, []).request()
    assert sent.request_uri == "sip:bob@biloxi.com"
    assert sent.text("From") == '"A \\"B\\"" <sip:alice@example.com>;tag=tag'
    assert sent.text("To") == "<sip:bob@biloxi.com>"
    assert (sent.call_id, sent.text("CSeq"), sent.text("User-Agent")) == ("id", "7 MESSAGE", "Test/1")


@pytest.mark.rfc("3261 8.1.1.1 #2", "3261 8.1.2 #2")
def test_routes_before_there_is_a_dialog_are_followed_as_within_one() -> None:
    own = context()
    bob = parse_uri("sip:bob@biloxi.com;transport=tcp")
    loose, strict = parse_route("<sip:p1.example.com;lr>"), parse_route("<sip:p2.example.com>")
    sent = own.request("MESSAGE", bob, bob, "id", "tag", 7, [loose, strict]).request()
    assert sent.request_uri == str(bob)
    assert sent.texts("Route") == ["<sip:p1.example.com;lr>", "<sip:p2.example.com>"]
    sent = own.request("MESSAGE", bob, bob, "id", "tag", 7, [strict, loose]).request()
    assert sent.request_uri == "sip:p2.example.com"
    assert sent.texts("Route") == ["<sip:p1.example.com;lr>", f"<{bob}>"]
    assert sent.text("To") == "<sip:bob@biloxi.com>"


@pytest.mark.rfc("3261 8.1.1.3 #1", "3261 20.20 #1", "3261 20.31 #1")
def test_who_hides_is_called_anonymous() -> None:
    bob = parse_uri("sip:bob@biloxi.com")
    for name, expected in ((None, "Anonymous"), ("Somebody", "Somebody")):
        own = context("sip:anonymous@anonymous.invalid", display_name=name)
        sent = own.request("MESSAGE", bob, bob, "id", "tag", 7, []).request()
        assert sent.from_.display_name == expected
        assert str(sent.from_.uri) == "sip:anonymous@anonymous.invalid"
        assert not sent.has("Reply-To")


@pytest.mark.rfc("3261 8.1.2 #1", "3261 8.1.2 #3")
def test_what_is_resolved_to_reach_a_uri() -> None:
    plain = context().query(parse_uri("sip:bob@Biloxi.com"))
    assert (plain.host, plain.port, plain.transport, plain.secure) == ("Biloxi.com", 0, "", False)
    full = context(transport="UDP").query(parse_uri("sips:bob@x;maddr=[2001:db8::1];transport=tcp"))
    assert (full.host, full.transport, full.secure) == ("2001:db8::1", "TCP", True)
    chosen = context(transport="UDP").query(parse_uri("sip:bob@192.0.2.1:5070"))
    assert (chosen.host, chosen.port, chosen.transport) == ("192.0.2.1", 5070, "UDP")
    proxied = context().query(parse_uri("sip:p.example.com;lr"), parse_uri("sips:bob@x"))
    assert (proxied.host, proxied.secure) == ("p.example.com", True)
    with pytest.raises(ProtocolError) as caught:
        context().query(parse_uri("tel:+1"))
    assert caught.value.status == 416


def sent(own: Context) -> list[bytes]:
    return [effect.data for effect in own.stack.drain() if isinstance(effect, Transmit)]


@pytest.mark.rfc("3261 8.2.6.2 #9")
def test_answers_share_one_tag_and_a_final_one_is_the_last() -> None:
    own = context()
    now = Moment(0.0, 0.0)
    transaction = own.stack.accept(request("OPTIONS"), UDP, now)
    first, second = own.reply(transaction, 200).response(), own.reply(transaction, 200).response()
    assert first.to_tag == second.to_tag == transaction.to_tag is not None
    assert first.text("Server") == "Offhook"
    own.refuse(transaction, 486, now, (("Retry-After", "5"),), "Lunch")
    own.refuse(transaction, 200, now)
    data = sent(own)
    assert len(data) == 1
    assert data[0].startswith(b"SIP/2.0 486 Lunch\r\n")
    assert b"\r\nRetry-After: 5\r\n" in data[0]


def test_a_retry_after_is_at_most_ten_seconds() -> None:
    own = context()
    values = {int(own.retry_after()[1]) for _ in range(300)}
    assert values == set(range(11))


def test_what_a_request_asks_for() -> None:
    asking = Draft.of(request()).add("Require", "foo, 100REL").request()
    assert Context.asks_for(asking, "100rel")
    assert not Context.asks_for(request(), "100rel")


def test_who_waits_is_told_when_something_is_settled() -> None:
    own = context()
    own.settled()
    told: list[int] = []
    own.on_settled = lambda: told.append(1)
    own.settled()
    assert told == [1]


@pytest.mark.parametrize(
    ("uri", "named"),
    [
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com"),
        ("sips:bob:secret@biloxi.com:5071;user=phone;x=1", "sips:bob:secret@biloxi.com;user=phone;x=1"),
        ("sip:bob@[2001:db8::1]:5060;maddr=h;ttl=1;method=BYE;transport=tcp;lr?Subject=x", "sip:bob@[2001:db8::1]"),
        ("tel:+1-555-0100;ext=7", "tel:+1-555-0100;ext=7"),
    ],
)
def test_from_and_to_say_who_and_not_the_way(uri: str, named: str) -> None:
    sent = context("sip:alice@example.com:5070").request("OPTIONS", parse_uri(uri), parse_uri(uri), "id", "tag", 1, [])
    assert sent.request().text("To") == f"<{named}>"
    assert sent.request().text("From") == "<sip:alice@example.com>;tag=tag"


@pytest.mark.rfc("3261 20.35 #1", "3261 20.41 #1")
def test_what_we_call_ourselves_is_a_setting() -> None:
    house = House()
    alice, bob = house.phone("alice", user_agent="Tin-Can/1.0"), house.phone("bob", user_agent="String/2.0 (taut)")
    alice.invite(bob.uri)
    house.run(0.5)
    bob.refuse(486)
    house.run(1.0)
    assert house.sent("INVITE")[0].text("User-Agent") == "Tin-Can/1.0"
    answers = [parse(data) for _, _, _, data in house.network.trace or [] if data.startswith(b"SIP/2.0 486")]
    assert answers[0].text("Server") == "String/2.0 (taut)"


@pytest.mark.rfc("3261 20.32 #3", "3261 20.37 #1")
def test_option_tags_are_those_of_standards_track_rfcs() -> None:
    # RFC 3262, RFC 3327 and RFC 5626.
    known = {"100rel", "path", "outbound"}
    assert {*SUPPORTED, *OPTIONS, *dict(CAPABILITIES)["Supported"].split(", ")} <= known
    house = House()
    alice, bob = house.phone("alice"), house.script()
    alice.invite(parse_uri("sip:bob@192.0.2.9"))
    house.run(0.5)
    assert (bob.last("INVITE").tokens("Supported"), bob.last("INVITE").has("Require")) == (["100rel"], False)
