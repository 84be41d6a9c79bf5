"""Calling: what the caller sends, and what it makes of the answers."""

from __future__ import annotations

import pytest

from offhook.sip.serializer import new_request
from offhook.sip.uri import parse_uri
from offhook.ua.invite import ClientInvite
from tests.ua.household import House, Phone, Script, sdp

PEER = parse_uri("sip:peer@192.0.2.9")


def calling(**settings: object) -> tuple[House, Phone, Script, ClientInvite]:
    """Alice, who calls a scripted peer."""
    house = House()
    alice = house.phone("alice", None, **settings)
    script = house.script()
    call = alice.invite(PEER)
    house.run(0.1)
    return house, alice, script, call


@pytest.mark.rfc(
    "3261 7.4.1 #3",
    "3261 8.1.1 #1",
    "3261 8.1.1.1 #1",
    "3261 8.1.1.2 #3",
    "3261 8.1.1.5 #1",
    "3261 8.1.1.6 #1",
    "3261 8.1.1.6 #2",
    "3261 8.1.1.8 #1",
    "3261 8.1.1.9 #1",
)
def test_an_invite_has_all_that_it_needs() -> None:
    _, _, script, call = calling(display_name="Alice")
    sent = script.last("INVITE")
    assert sent.request_uri == "sip:peer@192.0.2.9"
    assert (sent.text("From") or "").startswith('"Alice" <sip:alice@example.com>;tag=')
    assert sent.text("To") == "<sip:peer@192.0.2.9>"
    assert sent.call_id == call.call_id
    assert sent.text("CSeq") == "1 INVITE"
    assert sent.max_forwards == 70
    assert len(sent.vias) == 1
    assert len(sent.contacts) == 1
    assert sent.text("Contact") == "<sip:alice@192.0.2.1:5060>"
    assert sent.tokens("Supported") == ["100rel"]
    assert {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS"} <= set(sent.tokens("Allow"))
    assert sent.content_type == "application/sdp"
    assert not sent.has("Content-Encoding")


@pytest.mark.rfc("3261 12.1.2", "3261 8.1.1.2 #2", "3261 8.1.1.8 #3")
def test_a_sips_uri_is_called_over_tls_with_a_sips_contact() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(parse_uri("sips:peer@192.0.2.9:5060"))
    house.run(0.1)
    sent = script.last("INVITE")
    assert sent.top_via.transport == "TLS"
    assert sent.text("Contact") == "<sips:alice@192.0.2.1:5060>"


def test_extra_headers_go_with_the_invite() -> None:
    house = House()
    alice = house.phone("alice")
    script = house.script()
    alice.invite(PEER, headers=(("Subject", "lunch"),))
    house.run(0.1)
    assert script.last("INVITE").text("Subject") == "lunch"


@pytest.mark.rfc("3261 8.1.2 #5", "3261 8.1.2 #6")
def test_the_outbound_proxy_gets_it_with_a_route() -> None:
    house = House()
    alice = house.phone("alice", None, outbound_proxy=parse_uri("sip:192.0.2.9:5060"))
    script = house.script()
    alice.invite(parse_uri("sip:bob@far.example.com"))
    house.run(0.1)
    sent = script.last("INVITE")
    assert sent.request_uri == "sip:bob@far.example.com"
    assert sent.text("Route") == "<sip:192.0.2.9:5060;lr>"


@pytest.mark.rfc("3261 8.1.2 #7")
def test_the_outbound_proxy_gets_only_what_its_route_leads_to() -> None:
    house = House()
    alice = house.phone("alice", None, outbound_proxy=parse_uri("sip:192.0.2.9:5060"))
    proxy, other = house.script(), house.script("192.0.2.10")
    alice.invite(parse_uri("sip:bob@far.example.com"))
    house.run(0.1)
    proxy.respond(200, ("Record-Route", "<sip:192.0.2.10;lr>"), body=sdp())
    house.run(0.3)
    assert (proxy.methods(), other.methods()) == (["INVITE"], ["ACK"])
    assert other.last("ACK").texts("Route") == ["<sip:192.0.2.10;lr>"]


@pytest.mark.rfc("3261 8.1.3.2 #3", "3261 8.1.3.2 #4")
@pytest.mark.parametrize("status", [101, 155, 183, 199])
def test_a_provisional_response_that_is_not_known_is_progress_of_the_session(status: int) -> None:
    house, alice, script, _ = calling()
    script.respond(100)
    house.run(0.2)
    assert alice.heard == []
    script.respond(status, body=sdp())
    house.run(0.3)
    assert alice.heard == [f"{status}+media"]
    assert alice.port.direction == "sendrecv"
    assert len(alice.core.context.dialogs) == 1
    script.respond(200)
    house.run(0.4)
    assert alice.heard[-1] == "answered"


def test_early_media_is_heard_and_the_answer_ends_the_early_state() -> None:
    house, alice, script, call = calling()
    script.respond(183, body=sdp())
    house.run(0.2)
    assert alice.heard == ["183+media"]
    assert alice.port.direction == "sendrecv"
    script.respond(200, body=sdp(port=6000))
    house.run(0.3)
    assert alice.heard == ["183+media", "answered"]
    # The first description counts (13.2.1).
    remote = alice.port.sessions[-1].streams[0].remote
    assert remote is not None
    assert remote.port == 4000
    assert call.session is not None
    assert call.answered


def test_an_answer_in_a_provisional_response_alone_has_to_do() -> None:
    house, alice, script, _ = calling()
    script.respond(183, body=sdp())
    script.respond(200)
    house.run(0.3)
    assert alice.heard == ["183+media", "answered"]


@pytest.mark.parametrize("body", [b"", sdp(codecs="0") + b"m=video 1 RTP/AVP 31\r\n", b"v=0\r\nno"])
def test_a_200_without_a_usable_answer_is_acknowledged_and_ended(body: bytes) -> None:
    house, alice, script, call = calling()
    script.respond(200, body=body)
    house.run(0.3)
    assert script.methods() == ["INVITE", "ACK", "BYE"]
    assert script.last("BYE").text("Reason") == 'SIP;cause=488;text="no media could be agreed on"'
    assert alice.heard == ["ended: NO_MEDIA"]
    assert call.failure is not None
    assert call.failure.status == 488


@pytest.mark.rfc("3262 4")
@pytest.mark.rfc("3261 13.2.2.4")
def test_after_a_200_without_a_usable_answer_that_of_another_branch_comes_too_late() -> None:
    house, alice, script, _ = calling()
    script.respond(200, body=b"none")
    script.respond(200, tag="another", body=sdp())
    house.run(0.5)
    assert alice.heard == ["ended: NO_MEDIA"]
    assert script.methods().count("ACK") == 2
    assert script.methods().count("BYE") == 2


def test_reliable_responses_get_their_prack_in_order() -> None:
    house, alice, script, _ = calling()
    script.respond(180, ("Require", "100rel"), ("RSeq", "10"))
    house.run(0.2)
    assert script.last("PRACK").text("RAck") == "10 1 INVITE"
    assert script.last("PRACK").cseq_number == 2
    script.respond(200, method="PRACK")
    script.respond(183, ("Require", "100rel"), ("RSeq", "12"), method="INVITE")
    script.respond(180, ("Require", "100rel"), ("RSeq", "10"), method="INVITE")
    house.run(0.3)
    assert script.methods().count("PRACK") == 1
    script.respond(183, ("Require", "100rel"), ("RSeq", "11"), method="INVITE", body=sdp())
    house.run(0.4)
    assert script.last("PRACK").text("RAck") == "11 1 INVITE"
    script.respond(200, method="PRACK")
    script.respond(200, method="INVITE")
    house.run(0.5)
    assert alice.heard == ["180", "183+media", "answered"]


def test_a_reliable_response_with_a_bad_answer_is_acknowledged_all_the_same() -> None:
    house, _, script, _ = calling()
    two = sdp() + b"m=video 1 RTP/AVP 31\r\n"
    script.respond(183, ("Require", "100rel"), ("RSeq", "10"), body=two)
    house.run(0.2)
    assert "PRACK" in script.methods()


@pytest.mark.rfc("3261 13.2.2.4", "3261 17.1.1.3 #1")
def test_each_200_gets_the_same_ack_again() -> None:
    house, _, script, _ = calling()
    script.respond(200, body=sdp())
    house.run(0.2)
    script.respond(200, body=sdp())
    script.respond(200, body=sdp())
    house.run(0.3)
    acks = [request for request, _ in script.requests if request.method == "ACK"]
    assert len(acks) == 3
    assert len({ack.serialize() for ack in acks}) == 1
    assert acks[0].text("CSeq") == "1 ACK"
    assert acks[0].request_uri == "sip:peer@192.0.2.9:5060"


def test_a_200_that_comes_again_after_the_end_gets_its_ack_and_nothing_else() -> None:
    house, alice, script, call = calling()
    script.respond(200, body=sdp())
    house.run(0.2)
    alice.do(call.hang_up)
    house.run(0.3)
    script.respond(200, method="BYE", contact=False)
    house.run(10)
    assert len(alice.core.context.dialogs) == 0
    script.respond(200, method="INVITE", body=sdp())
    house.run(20)
    assert script.methods() == ["INVITE", "ACK", "BYE", "ACK"]
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 22.1 #5", "3261 17.1.1.3 #1")
def test_the_ack_bears_the_credentials_of_its_invite() -> None:
    house = House()
    alice = house.phone("alice", "secret")
    script = house.script()
    alice.invite(PEER)
    house.run(0.1)
    script.respond(407, ("Proxy-Authenticate", 'Digest realm="example.com", nonce="n", qop="auth"'))
    house.run(0.2)
    script.respond(200, body=sdp())
    house.run(0.3)
    assert script.last("ACK").text("Proxy-Authorization") == script.last("INVITE").text("Proxy-Authorization")
    assert script.last("ACK").text("CSeq") == "2 ACK"


def test_a_bye_that_overtakes_the_200_ends_the_call_once() -> None:
    house, alice, script, call = calling()
    script.respond(180)
    house.run(0.2)
    invite = script.last("INVITE")
    bye = new_request("BYE", "sip:alice@192.0.2.1:5060").add("Max-Forwards", "70")
    bye.add("From", "<sip:peer@192.0.2.9>;tag=peer").add("To", invite.text("From") or "")
    bye.add("Call-ID", invite.call_id).add("CSeq", "1 BYE")
    script.send(bye, alice)
    house.run(0.3)
    assert script.responses[-1].status == 200
    script.respond(200, body=sdp(), method="INVITE")
    house.run(0.4)
    assert script.methods() == ["INVITE", "ACK"]
    assert alice.heard == ["180", "ended: PEER_HUNG_UP"]
    house.run()
    assert house.nothing_is_left()
    assert call.failure is not None


def test_a_cancelled_call_ends_for_its_user_at_once() -> None:
    house, alice, script, call = calling()
    alice.do(call.hang_up)
    alice.do(call.hang_up)
    assert alice.heard == ["ended: CANCELLED"]
    assert alice.port.closed
    parting = [call.parting]
    house.run(0.3)
    assert len(script.cancelled) == 1
    script.respond(487)
    house.run(0.4)
    parting.append(call.parting)
    assert parting == [True, False]
    house.run()
    assert house.nothing_is_left()


@pytest.mark.rfc("3261 9.1 #12", "3261 9.1 #13")
def test_a_callee_that_ignores_the_cancel_is_given_up_on() -> None:
    house, alice, script, call = calling()
    script.respond(180)
    house.run(0.2)
    alice.do(call.hang_up)
    house.run()
    assert house.nothing_is_left()
    assert house.now < 120


def test_a_call_that_rings_too_long_is_cancelled_with_a_reason() -> None:
    house, alice, script, _ = calling(ring_time=30.0)
    script.respond(180)
    house.run(31)
    assert alice.heard == ["180", "ended: NOT_ANSWERED"]
    assert script.cancelled[0].text("Reason") == 'SIP;cause=408;text="nobody answered"'


def test_a_response_without_a_tag_is_progress_and_no_dialog() -> None:
    house, alice, script, _ = calling()
    script.respond(180, tag=None)
    house.run(0.2)
    assert alice.heard == ["180"]
    assert len(alice.core.context.dialogs) == 0


def test_a_provisional_response_that_cannot_be_read_is_passed_over() -> None:
    house, alice, script, _ = calling()
    script.respond(180, ("Record-Route", "<tel:+1>"))
    script.respond(200, body=sdp())
    house.run(0.3)
    assert alice.heard == ["180", "answered"]


def test_a_200_of_which_no_dialog_can_be_made_fails_the_call() -> None:
    house, alice, script, call = calling()
    script.respond(200, ("Record-Route", "<tel:+1>"), body=sdp())
    house.run(0.3)
    assert call.failure is not None
    assert call.failure.status == 502
    assert alice.heard == ["ended: FAILED"]


def test_the_description_follows_the_address_that_leads_to_the_next_server() -> None:
    house = House()
    house.network.name("far.example.com", ("192.0.2.9", 5060), ("192.0.2.10", 5060))
    alice = house.phone("alice")
    first, second = house.script(), house.script("192.0.2.10")
    alice.invite(parse_uri("sip:peer@far.example.com"))
    house.run(0.1)
    first.respond(503)
    house.run(0.2)
    # Nothing has changed, so neither has the offer nor its version.
    assert second.last("INVITE").body == first.last("INVITE").body
    assert second.last("INVITE").cseq_number == 1


def test_other_events_of_time_are_the_calls_own() -> None:
    house, alice, script, call = calling(longest_call=50.0)
    script.respond(200, body=sdp())
    house.run(60)
    assert alice.heard == ["answered", "ended: TOO_LONG"]
    assert call.end is not None
    assert script.last("BYE").text("Reason") == 'SIP;cause=480;text="longest time for a call is over"'
