"""The core's dispatch: what is answered how, and in which order (RFC 3261 8.2, 12.2.2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offhook.sip.message import Request, Response
from offhook.sip.parser import parse
from offhook.sip.serializer import Draft, new_request, reply
from offhook.sip.uri import SipUri, parse_uri
from offhook.testing.network import Faults
from offhook.ua.message import ReceivedMessage
from tests.ua.household import OFFER, House, Phone, Script
from tests.ua.test_accept import in_dialog, invite, statuses
from tests.ua.test_reinvite import answered


def receiving(*drafts: Draft, **settings: Any) -> tuple[House, Phone, Script]:
    """Bob, who gets requests of a scripted peer."""
    house = House()
    bob = house.phone("bob", None, **settings)
    script = house.script()
    for draft in drafts:
        script.send(draft, bob)
        house.run(house.now + 0.1)
    return house, bob, script


def request(
    method: str, *headers: tuple[str, str], uri: str = "sip:bob@192.0.2.1", to: str = "", cseq: int = 1
) -> Draft:
    draft = new_request(method, uri).add("Max-Forwards", "70").add("From", "<sip:peer@example.com>;tag=theirs")
    draft.add("To", to or "<sip:bob@example.com>").add("Call-ID", "one").add("CSeq", f"{cseq} {method}")
    for name, value in headers:
        draft.add(name, value)
    return draft


ELSEWHERE = "<sip:bob@example.com>;tag=unknown"


@pytest.mark.parametrize("method", ["INFO", "REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "REGISTER", "MESSAGE"])
@pytest.mark.rfc("3261 8.2.1 #2", "3261 8.2.1 #3", "3261 8.2.1 #4", "3261 21.4.6 #1")
def test_a_method_without_a_machine_is_405_with_allow(method: str) -> None:
    _, _, script = receiving(request(method))
    assert statuses(script) == [405]
    assert script.responses[0].tokens("Allow") == ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE"]
    assert script.responses[0].to_tag is not None


def test_a_method_that_nobody_knows_is_501() -> None:
    _, _, script = receiving(request("DANCE"))
    assert statuses(script) == [501]
    assert script.responses[0].tokens("Allow") == ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE"]


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "PRACK", "INVITE", "OPTIONS"])
@pytest.mark.rfc("3261 12.2.2 #1", "3261 15.1.2 #1")
def test_what_belongs_to_an_unknown_dialog_is_481(method: str) -> None:
    _, bob, script = receiving(request(method, to=ELSEWHERE))
    assert statuses(script) == [481]
    assert bob.got == []


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "PRACK"])
@pytest.mark.rfc("3261 15.1.2 #1")
def test_what_lives_in_dialogs_alone_is_481_without_a_tag_too(method: str) -> None:
    _, _, script = receiving(request(method))
    assert statuses(script) == [481]


@pytest.mark.rfc("3261 9.2 #1", "3261 8.2.2.3 #4")
def test_a_cancel_without_its_invite_is_481() -> None:
    _, _, script = receiving(request("CANCEL", ("Require", "magic")))
    assert statuses(script) == [481]


def test_an_ack_is_never_answered() -> None:
    house, _, script = receiving()
    script.send_ack(request("ACK", to=ELSEWHERE), house.phones[0])
    script.send_ack(request("ACK", ("Require", "magic")), house.phones[0])
    house.run()
    assert script.responses == []


@pytest.mark.parametrize("broken", ["<sip:alice@example.com", ""])
@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_a_broken_from_is_400(method: str, broken: str) -> None:
    """Nothing of it is kept, and what follows is served."""
    house, bob, script = receiving(request(method).set("From", broken), request("OPTIONS"))
    assert statuses(script) == [400, 200]
    house.run(house.now + 60)
    assert bob.core.idle


@pytest.mark.rfc("3261 8.2.2.2 #1", "3261 8.2.2.2 #2")
def test_the_same_request_by_another_way_is_482() -> None:
    house, bob, script = receiving(invite(), invite())
    assert statuses(script)[-1] == 482
    assert len(bob.got) == 1
    # A new one with the next number is none of that kind.
    script.send(invite().set("CSeq", "2 INVITE"), bob)
    house.run(house.now + 0.1)
    assert len(bob.got) == 2


def test_it_may_come_again_once_the_first_is_over() -> None:
    house, bob, script = receiving(request("OPTIONS"))
    house.run()
    script.send(request("OPTIONS"), bob)
    house.run()
    assert statuses(script) == [200, 200]
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 7.3.2 #1", "3261 20 #9")
@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_what_belongs_into_responses_alone_is_ignored_in_requests(method: str) -> None:
    odd = [
        ("WWW-Authenticate", "nonsense"), ("Proxy-Authenticate", "Digest"), ("Authentication-Info", ";"),
        ("Retry-After", "never"), ("Unsupported", "100rel"), ("Warning", "1"), ("Error-Info", "<"), ("RSeq", "x"),
        ("Min-Expires", "many"), ("Server", "("), ("SIP-ETag", "@"), ("Service-Route", "<sip:"),
    ]  # fmt: skip
    outcomes = []
    for more in (odd, []):
        house, bob, script = receiving(request(method, ("Contact", "<sip:peer@192.0.2.9:5060>"), *more))
        if bob.got:
            bob.refuse(486)
            house.run(house.now + 0.1)
        outcomes.append([(answer.status, answer.keys) for answer in script.responses])
    assert outcomes[0] == outcomes[1]
    assert [status for status, _ in outcomes[0]] == [200 if method == "OPTIONS" else 486]


@pytest.mark.rfc("3261 17.1 #1")
@pytest.mark.parametrize("method", ["OPTIONS", "BYE", "CANCEL", "UPDATE", "PRACK", "MESSAGE", "REGISTER", "DANCE"])
def test_requests_other_than_invite_are_answered_at_once(method: str) -> None:
    house, _, _ = receiving(request(method))
    assert house.network.trace is not None
    asked, answered = (time for time, _, _, _ in house.network.trace)
    assert round(answered - asked, 6) == 0.001  # the way through the network alone


CHALLENGE = (("WWW-Authenticate", 'Digest realm="r", nonce="n"'),)


def challenge(received: Request) -> tuple[int, tuple[tuple[str, str], ...]] | None:
    return None if received.has("Authorization") else (401, CHALLENGE)


@pytest.mark.rfc("3261 8.2 #3", "3261 8.2.1 #1")
def test_authentication_comes_first() -> None:
    _, _, script = receiving(
        request("DANCE"), request("DANCE", ("Authorization", 'Digest username="x"'), cseq=2), authenticate=challenge
    )
    assert statuses(script) == [401, 501]


@pytest.mark.rfc("3261 8.2.7 #5", "3261 26.3.2.4 #2")
def test_a_challenge_leaves_nothing_behind_and_is_not_repeated_by_itself() -> None:
    house = House(faults=Faults(duplication=1.0))
    bob = house.phone("bob", authenticate=challenge)
    script = house.script()
    script.send(invite(), bob)
    house.run(0.1)
    assert {answer.status for answer in script.responses} == {401}
    assert bob.left == (0, 0, 0, 0, 0)
    assert bob.core.idle
    assert len({parse(data).to_tag for _, sender, _, data in house.network.trace or [] if sender == bob.node.host}) == 1


def test_a_request_whose_credentials_cannot_be_read_is_400() -> None:
    def read(received: Request) -> tuple[int, tuple[tuple[str, str], ...]] | None:
        received.headers("Authorization")
        return None

    _, bob, script = receiving(request("OPTIONS", ("Authorization", "Digest =")), authenticate=read)
    assert statuses(script) == [400]
    assert bob.core.idle


@pytest.mark.rfc("3261 22.1 #6", "3261 22.1 #7")
def test_ack_and_cancel_are_never_asked_for_credentials() -> None:
    """Neither can be sent again with them."""

    def asks(received: Request) -> tuple[int, tuple[tuple[str, str], ...]] | None:
        return None if received.method == "INVITE" else challenge(received)

    _, _, script = receiving(request("CANCEL"), request("OPTIONS", cseq=2), authenticate=asks)
    assert statuses(script) == [481, 401]
    house, bob, script = receiving(invite(), authenticate=asks)
    bob.answer()
    house.run(0.2)
    script.send_ack(in_dialog(script, "ACK", 1), bob)
    house.run(40.0)
    assert statuses(script) == [200], "it was acknowledged, and not challenged"
    house, bob, script = receiving(invite(), authenticate=asks)
    house.run(1.0)
    [ringing] = script.stack.transactions.clients.values()
    script_node = script.node
    assert script_node is not None
    script_node.call(lambda now: script.stack.cancel(ringing, now))
    house.run(2.0)
    assert sorted(statuses(script)) == [100, 200, 487]


def test_nobody_who_takes_calls_is_480() -> None:
    house, bob, script = receiving()
    bob.core.on_call = None
    script.send(invite(), bob)
    house.run(1)
    assert statuses(script) == [480]


def test_a_call_that_is_not_taken_is_480() -> None:
    house, bob, script = receiving()
    bob.takes = False
    script.send(invite(), bob)
    house.run()
    assert statuses(script) == [480]
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 13.3.1.3 #1")
def test_too_many_calls_are_486() -> None:
    house, bob, script = receiving(most_calls=2)
    for number in range(3):
        script.send(invite().set("Call-ID", f"call-{number}"), bob)
    house.run(0.1)
    assert statuses(script) == [486]
    assert len(bob.got) == 2


def test_a_call_that_is_over_keeps_no_other_out() -> None:
    house, bob, script = answered()
    bob.core.context.settings = replace(bob.core.context.settings, most_calls=1)
    script.send(request("BYE", to=script.responses[-1].text("To") or "", cseq=2), bob)
    house.run(house.now + 0.1)
    assert len(bob.core.context.calls) == 1, "its transactions stand yet"
    script.send(invite().set("Call-ID", "another"), bob)
    house.run(house.now + 0.1)
    assert 486 not in statuses(script)
    assert len(bob.got) == 2


def test_messages_are_taken_while_somebody_does() -> None:
    house, bob, script = receiving(request("MESSAGE"))
    got: list[str] = []

    def take(message: ReceivedMessage) -> bool:
        got.append(message.text)
        return True

    bob.core.take_messages(take)
    script.send(request("MESSAGE", cseq=2).body(b"hello", "text/plain"), bob)
    house.run(1)
    bob.core.take_messages(None)
    script.send(request("MESSAGE", cseq=3).body(b"hello", "text/plain"), bob)
    house.run(2)
    assert statuses(script) == [405, 200, 405]
    assert got == ["hello"]


def test_in_a_dialog_options_and_message_are_answered_as_outside() -> None:
    house, bob, script = answered()
    bob.core.take_messages(lambda message: True)
    to = next(response for response in script.responses if response.status == 200).text("To") or ""
    for number, method in enumerate(("OPTIONS", "MESSAGE", "INFO"), 2):
        script.send(request(method, to=to, cseq=number), bob)
        house.run(house.now + 0.1)
    assert statuses(script)[-3:] == [200, 200, 405]


@pytest.mark.rfc("3261 12.2.2 #3", "3261 12.2.2 #4", "3261 12.2.2 #5", "3261 15.1.2 #2")
def test_requests_in_a_dialog_may_leave_gaps_and_not_go_back() -> None:
    house, bob, script = answered()
    to = next(response for response in script.responses if response.status == 200).text("To") or ""
    for number, method in ((2, "OPTIONS"), (9, "OPTIONS"), (5, "OPTIONS"), (8, "BYE")):
        script.send(request(method, to=to, cseq=number), bob)
        house.run(house.now + 0.1)
    assert statuses(script)[-4:] == [200, 200, 500, 500]
    assert bob.got[0].answered
    script.send(request("BYE", to=to, cseq=20), bob)
    house.run(house.now + 0.1)
    assert statuses(script)[-1] == 200
    assert not bob.got[0].answered


@pytest.mark.rfc("3261 11.2 #1")
@pytest.mark.parametrize(
    ("status", "settings", "headers"),
    [
        (404, {"serves": lambda uri: False}, ()),
        (420, {}, (("Require", "magic"),)),
        (480, {}, ()),
        (486, {"most_calls": 0}, ()),
    ],
)
def test_options_get_what_an_invite_would_get(
    status: int, settings: dict[str, Any], headers: tuple[tuple[str, str], ...]
) -> None:
    house, bob, script = receiving(**settings)
    if status == 480:
        bob.core.on_call = None
    for draft in (invite(*headers), request("OPTIONS", *headers)):
        script.send(draft, bob)
        house.run(house.now + 0.1)
    assert statuses(script) == [status, status]


@pytest.mark.rfc("3261 11.2 #1")
def test_in_a_dialog_options_get_200_even_when_another_call_would_not() -> None:
    house, bob, script = answered()
    to = next(response for response in script.responses if response.status == 200).text("To") or ""
    bob.core.context.settings = replace(bob.core.context.settings, most_calls=1)
    for number in (2, 3):
        script.send(request("OPTIONS", to=to, cseq=number), bob)
        script.send(request("OPTIONS", cseq=number + 10), bob)
        house.run(house.now + 0.1)
        bob.core.on_call = None
    assert statuses(script)[-4:] == [200, 486, 200, 480]
    alone = script.responses[-2]
    assert (alone.has("Allow"), alone.has("Supported"), b"m=audio 0" in alone.body) == (True, True, True)


@pytest.mark.rfc("3261 15.1.2 #4", "3261 15.1.2 #5")
def test_after_a_bye_everything_else_in_the_dialog_is_481() -> None:
    house, bob, script = answered()
    bob.core.take_messages(lambda message: True)
    to = script.responses[-1].text("To") or ""
    for number, method in enumerate(("BYE", "UPDATE", "INVITE", "OPTIONS", "MESSAGE", "BYE"), 2):
        script.send(request(method, to=to, cseq=number), bob)
        house.run(house.now + 0.1)
    assert statuses(script)[-6:] == [200, 481, 481, 481, 481, 200]
    house.run()
    assert house.nothing_is_left()


def test_broken_headers_are_400() -> None:
    _, bob, script = receiving(invite(("Require", "not a token;")))
    assert statuses(script) == [400]
    assert bob.got == []


@pytest.mark.rfc("3261 20 #12")
def test_parameters_of_headers_that_are_not_known_are_passed_over() -> None:
    draft = invite().set("Contact", "<sip:peer@192.0.2.9>;x=1;y").set("Content-Type", "application/sdp;x=1")
    draft.set("From", "<sip:peer@example.com>;tag=peer;x=y").set("To", '<sip:bob@example.com>;x="y;z"')
    house, bob, script = receiving(draft.add("Content-Disposition", "session;x=y").add("Accept", "*/*;x=1"))
    bob.answer()
    house.run(house.now + 0.1)
    assert statuses(script) == [200]


@pytest.mark.rfc("3261 8.2.2 #1", "3261 8.2.2 #2")
def test_headers_that_do_not_matter_are_passed_over() -> None:
    """Unknown ones, and broken ones of those that nobody reads."""
    house, bob, script = receiving(invite(("X-Magic", "\x07;;,"), ("Date", "yesterday"), ("Warning", "who knows")))
    assert len(bob.got) == 1
    bob.answer()
    house.run(house.now + 0.1)
    assert statuses(script) == [200]


@pytest.mark.rfc("3261 8.1.3.3 #1")
@pytest.mark.parametrize("beside", ["SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKother", "SIP/2.0/UDP 192.0.2.77;x, broken"])
@pytest.mark.parametrize("joined", [False, True])
def test_a_response_with_another_via_than_ours_is_discarded(joined: bool, beside: str) -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    done: list[Response | None] = []
    peer = parse_uri("sip:peer@192.0.2.9")
    alice.do(lambda now: alice.core.options(peer, lambda response, failure, at: done.append(response), now))
    house.run(0.1)
    [(asked, transaction)] = script.requests
    assert transaction is not None
    draft = reply(asked, 200, None, "tag")
    via = asked.text("Via") or ""
    if joined:
        draft.set("Via", f"{via}, {beside}")
    else:
        draft.set("Via", via).add("Via", beside)
    node = script.node
    assert node is not None
    node.call(lambda now: node.stack.respond(transaction, draft.response(), now))
    house.run(0.2)
    assert done == []
    house.run()
    # Nothing else came: that is a time-out.
    assert done == [None]


def test_without_a_free_port_it_is_503_for_who_changes_a_call() -> None:
    house, bob, script = answered()
    bob.port.close()
    to = script.responses[-1].text("To") or ""
    again = request("INVITE", ("Contact", "<sip:peer@192.0.2.9>"), to=to, cseq=2).body(OFFER, "application/sdp")
    script.send(again, bob)
    house.run(house.now + 0.1)
    assert statuses(script)[-1] == 503


@pytest.mark.rfc("3261 8.2.2.1 #3")
def test_only_our_own_addresses_are_served_where_that_is_asked_for() -> None:
    def ours(uri: SipUri) -> bool:
        return uri.user == "bob"

    _, _, script = receiving(request("OPTIONS"), request("OPTIONS", uri="sip:eve@192.0.2.1", cseq=2), serves=ours)
    assert statuses(script) == [200, 404]


def test_all_calls_end_at_once() -> None:
    house = House()
    alice, bob = house.phone("alice"), house.phone("bob")
    for _ in range(3):
        alice.invite(bob.uri)
        house.run(house.now + 0.1)
    bob.answer()
    house.run(house.now + 1)
    alice.do(alice.core.hang_up_all)
    house.run()
    assert all(word.startswith("ended") for word in alice.heard[-3:])
    assert house.nothing_is_left()


def test_the_core_is_idle_only_when_nothing_is_under_way() -> None:
    house, bob, script = receiving()
    assert bob.core.idle
    script.send(request("OPTIONS"), bob)
    house.run(0.1)
    assert not bob.core.idle


def test_events_of_nobody_are_passed_over() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    target = alice.node.target_to("192.0.2.9", 5060)
    draft = request("OPTIONS", uri="sip:peer@192.0.2.9")
    alice.do(lambda now: (alice.node.stack.send(draft, target, now, "nobody of ours"), None)[1])
    alice.do(lambda now: (alice.node.stack.start_timer(1.0, "nobody", "event", now), None)[1])
    house.run(0.1)
    script.respond(200)
    house.run()
    assert alice.left == (0, 0, 0, 0, 0)


def test_a_call_has_the_media_that_it_is_given() -> None:
    house = House()
    alice = house.phone("alice")
    house.script()
    port = alice.media.port()
    call = alice.invite(parse_uri("sip:peer@192.0.2.9"), media=port)
    assert call.media is port
